"""What a person shares by a link: for how long, with which flags, and how the link is written. Pure.

Source: SMART Health Cards and Links IG (HL7, STU 1), "SMART Health Links": payload, flags, limits of the address; the same as
https://docs.smarthealthit.org/smart-health-links/spec.
"""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from app.domain.errors import BadInput, NotFound, Refused

LASTING: Mapping[str, timedelta] = MappingProxyType(
    {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
)
USUAL = "day"
# What may be in a share, in the order of the form. Problems are the person's list, not what single visits were for.
KINDS = ("medications", "allergies", "problems", "immunizations", "results")
KEY_BYTES = 32  # 43 characters of base64url
TOKEN_BYTES = 32  # the 256 bits that the manifest's address must have
MOST_ADDRESS_CHARACTERS = 128
MOST_LABEL_CHARACTERS = 80
MOST_RECIPIENT_CHARACTERS = 80
MOST_IN_FORCE = 20  # of one account: a list that can still be read
MOST_RESULTS = 50
LEAST_PASSCODE, MOST_PASSCODE = 6, 32  # characters
# Wrong passcodes in a link's whole life. Ten of a million six-digit ones: one in a hundred thousand.
MOST_WRONG = 10
TRY_LIFE = timedelta(minutes=1)  # much longer than looking at a passcode takes, its waits for the database included
TOLD_AGAIN_AFTER = timedelta(hours=1)  # a phone rings once for a share that several open together
LOCATION_LIFE = timedelta(minutes=10)  # of a file's address; the specification allows an hour
ASK_AGAIN_SECONDS = 60  # what a manifest says to programs that ask again


class SharesFull(Refused):
    """As many links are in force as one account may have; one has to be stopped first."""

    code = "shares_full"
    is_recorded = False


class ShareOver(NotFound):
    """The link was stopped, has run out, or never was: one answer."""

    is_recorded = False


class PasscodeWrong(Refused):
    """Not the link's passcode, or none where it has one; `remaining` more may be tried."""

    code = "share_passcode"
    status = 401
    is_recorded = False


class ShareUnreadable(BadInput):
    """Something on the form cannot be used; `field` says what: kinds, lasting, passcode, label, direct."""

    code = "share_unreadable"


@dataclass(frozen=True)
class Choice:
    """What was chosen on the form. `results` are ids of records; none of them without "results" in `kinds`.

    `is_live`: what is shared follows the record (flag L). `is_direct`: one file by GET, without a manifest (flag U).
    """

    kinds: tuple[str, ...]
    results: tuple[str, ...]
    lasting: str
    passcode: str = ""
    label: str = ""
    is_live: bool = False
    is_direct: bool = False

    @property
    def flags(self) -> str:
        """The flags of the link, in alphabetical order as the specification asks."""
        return f"{'L' * self.is_live}{'P' * bool(self.passcode)}{'U' * self.is_direct}"


def parse_choice(
    kinds: Iterable[str],
    results: Iterable[str],
    lasting: str,
    *,
    passcode: str = "",
    label: str = "",
    is_live: bool = False,
    is_direct: bool = False,
) -> Choice:
    """Return what a form says. Raises ShareUnreadable with the field."""
    given = set(kinds)
    chosen_results = tuple(dict.fromkeys(results))[:MOST_RESULTS]
    chosen = tuple(kind for kind in KINDS if kind in given and (kind != "results" or chosen_results))
    if not chosen:
        raise ShareUnreadable("kinds")
    if lasting not in LASTING:
        raise ShareUnreadable("lasting")
    passcode = unicodedata.normalize("NFKC", passcode).strip()
    if passcode and not LEAST_PASSCODE <= len(passcode) <= MOST_PASSCODE:
        raise ShareUnreadable("passcode")
    label = plain(label, MOST_LABEL_CHARACTERS + 1)
    if len(label) > MOST_LABEL_CHARACTERS:
        raise ShareUnreadable("label")
    if is_direct and passcode:
        raise ShareUnreadable("direct")
    return Choice(
        chosen,
        chosen_results if "results" in chosen else (),
        lasting,
        passcode,
        label,
        is_live=is_live,
        is_direct=is_direct,
    )


def same_passcode(text: str) -> str:
    """Return a passcode as it is compared: what a phone's keyboard writes wide is the same digit."""
    return unicodedata.normalize("NFKC", text).strip()


def plain(text: str, most: int) -> str:
    """Return what a stranger typed as one line of at most `most` characters, without what cannot be seen or turns text around."""
    kept = "".join(c if unicodedata.category(c)[0] not in "CZ" or c == " " else " " for c in text[: most * 4])
    return " ".join(kept.split())[:most].strip()


def format_link(address: str, key: bytes, flags: str, until_at: datetime, *, label: str = "") -> str:
    """Return the link, `shlink:/…`. `address` is the manifest's, or with flag U the file's.

    Raises ValueError for an address that the specification does not allow: ours to see before (PUBLIC_URL is too long).
    """
    if len(address) > MOST_ADDRESS_CHARACTERS:
        raise ValueError("the address of a manifest has at most 128 characters")
    payload: dict[str, str | int] = {"url": address}
    if flags:
        payload["flag"] = flags
    payload |= {"key": base64url(key), "exp": int(until_at.timestamp())}
    if label:
        payload["label"] = label
    payload["v"] = 1
    written = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return f"shlink:/{base64url(written.encode())}"


def base64url(data: bytes) -> str:
    """Return base64 of RFC 4648, section 5, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
