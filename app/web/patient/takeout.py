"""Taking everything away: asking for it, seeing how far it is, and fetching it once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Any

from flask import Response, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.services import oauth_grants, takeout
from app.web.fragments import fragment
from app.web.house import House, house
from app.web.limits import limiter
from app.web.login import patient_required
from app.web.patient import bp
from app.web.transaction import act, current_actor, reading, see_other
from app.web.zipped import zipped
from ledger.errors import StoreError


@bp.get("/me/takeout")
@patient_required
def takeouts() -> Any:
    """Whose record can be taken away, what was asked for, and how far it is."""
    return render_template("patient/takeouts.html", **_parts())


@bp.get("/me/takeout/now")
@patient_required
def takeouts_now() -> Any:
    """The part of the page that changes by itself."""
    return fragment("patient/_takeouts.html", **_parts())


def _parts() -> dict[str, Any]:
    actor, now = current_actor(), house().clock()
    with reading() as session:
        return {
            "people": oauth_grants.readable_people(session, actor, now),
            "takeouts": takeout.mine(session, actor, now),
            "is_fresh": takeout.is_fresh(session, actor, now),
        }


@bp.post("/me/takeout")
@patient_required
@limiter.limit("10 per day")
def ask_takeout() -> Any:
    """Begin to pack everything of a person."""
    with act() as a:
        takeout.ask(a.session, a.actor, request.form.get("person", ""), a.now)
        a.answer = see_other("patient.takeouts")
    return a.sealed()


@bp.post("/me/takeout/<takeout_id>/fetch")
@patient_required
def fetch_takeout(takeout_id: str) -> Any:
    """Hand the archive out, once, to whoever has just signed in; the page that checks receipts offline goes with it."""
    verify: Response = current_app.view_functions["log.saved"]()
    try:
        with act(is_keyed=False) as a:  # an answer that is not kept: it goes out once
            takeout.fetch(a.session, a.actor, takeout_id, a.now)
    except takeout.SignInAgain:
        flash(_("要先退出，再登录一次，然后在十五分钟内回到这里下载。"), "warning")
        return redirect(url_for("patient.takeouts"), code=303)
    beside = takeout.beside(verify.get_data()).items()
    response = Response(_archive(house(), takeout_id, beside, a.now), mimetype="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="mingzhen.zip"'
    return response


def _archive(at: House, takeout_id: str, beside: Iterable[tuple[str, bytes]], now: datetime) -> Iterator[bytes]:
    """Yield an archive that was handed out as it is read, and take it away from here at the end, also of a download that broke off."""
    try:
        yield from zipped(chain(beside, _packed(at, takeout_id)), now)
    finally:
        with suppress(StoreError), at.writing_session() as session:  # a busy database: the timer takes it away
            takeout.drop(session, takeout_id)


def _packed(at: House, takeout_id: str) -> Iterator[tuple[str, bytes]]:
    number = -1
    while True:
        with at.reading_session() as session:
            part = takeout.read_part(session, takeout_id, number)
        if part is None:
            return
        number, files = part
        yield from files.items()
