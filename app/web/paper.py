"""Receipts on paper: the large code that holds a receipt itself, for whoever wants to check it with no network and without us."""

from __future__ import annotations

import segno
from flask import request, url_for
from markupsafe import Markup

from app.web.house import house
from app.web.sealing import base_url
from ledger.errors import NotInLog
from ledger.paper import format_paper

LARGEST = 34  # versions above it have modules too small for the paper of slips and for older phones' cameras


def receipt_to_print(entry: bytes, extra: bytes) -> str | None:
    """Return the file of a receipt, or None while no published checkpoint covers it."""
    try:
        return str(house().log.receipt_for(entry, extra))
    except NotInLog:
        return None


def large_code(receipt: str) -> Markup:
    """Return the code of a receipt as SVG: the address of /verify, a # and the receipt in digits.

    A phone's camera opens that page by itself, and what is behind the # stays on the phone; any reader without a network gives
    the digits to a saved page.
    """
    address = base_url(request.host_url) + url_for("log.verify") + "#"
    parts = [address, format_paper(receipt.encode())]
    code = segno.make(parts, error="m", micro=False, boost_error=False)
    if int(code.version) > LARGEST:
        code = segno.make(parts, error="l", micro=False, boost_error=False)
    return Markup(code.svg_inline(omitsize=True, border=4))  # noqa: S704 (drawn here, from a receipt of ours)
