"""Receipts as every door needs them: whether they are sealed, the keys that check them, the file to take away.

Whether something is sealed is asked of the published log, never of a memory of our own.
"""

from __future__ import annotations

from collections.abc import Sequence

import segno
from flask import Response, make_response
from markupsafe import Markup

from app.web.house import house
from ledger.paper import fingerprint


def states_of(entries: Sequence[bytes]) -> list[str]:
    """Return "pending", "sealed" (under a checkpoint that we signed) or "witnessed" (under one of a quorum) for each entry."""
    return list(house().log.states(entries))


def sealing_stalled() -> bool:
    """Tell whether the sequencer is away: acts go on and their receipts wait (I10). For the staff's banner."""
    return bool(house().bell.is_stalled())


def verifier_keys() -> list[str]:
    """Return the log's verifier keys, each in its text form."""
    return [key.format() for key in house().log_keys]


def key_fingerprints() -> list[tuple[str, str]]:
    """Return each verifier key with its fingerprint, as slips and the clinic's wall have it."""
    return [(key, fingerprint(key)) for key in verifier_keys()]


def witness_policy() -> str:
    """Return the text of the policy that says which witnesses are enough; "" where none is set."""
    return house().witness_policy_text


def base_url(host_url: str) -> str:
    """Return the address that others reach this site by, without a slash at its end."""
    return house().settings.public_url or host_url.rstrip("/")


def qr_svg(address: str) -> Markup:
    """Return a QR code as SVG without styles of its own: the policy for content allows none."""
    code = segno.make(address, error="m", micro=False)
    return Markup(code.svg_inline(omitsize=True, border=2))  # noqa: S704 (drawn here, from an address of ours)


def file_answer(file: str, name: str) -> Response:
    """Return a receipt as a download, byte for byte; nobody between keeps a copy."""
    answer = make_response(file)
    answer.headers["Content-Type"] = "text/plain; charset=utf-8"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
