"""What hangs in the waiting room: the key's fingerprint, by which a page that pretends to be ours is found out."""

from __future__ import annotations

from flask import render_template, request, url_for

from app.web.house import house
from app.web.log import bp
from app.web.login import public
from app.web.sealing import base_url, key_fingerprints, qr_svg


@bp.get("/ledger/wall")
@public
def wall() -> str:
    """A page to print and hang up."""
    address = base_url(request.host_url) + url_for("log.verify")
    return render_template(
        "log/wall.html",
        keys=key_fingerprints(),
        origin=house().settings.ledger_origin,
        address=address,
        qr=qr_svg(address),
    )
