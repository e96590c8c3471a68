"""The waiting room's screens: show a pairing code, see which are paired, take one away."""

from __future__ import annotations

from typing import Any

from flask import render_template
from flask import session as browser

from app.services import clinics, screens
from app.web.desk import bp
from app.web.desk.board import clinic_of_request
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/screens")
@staff_required("desk", "admin")
def screen_list() -> Any:
    """The clinic's screens, and the code that was just made."""
    clinic_id, now = clinic_of_request(), house().clock()
    with reading() as session:
        paired = screens.screens_of(session, current_actor(), clinic_id, now)
        name = clinics.clinic_names(session)[clinic_id]
    code = browser.pop("pairing", "")
    return render_template(
        "desk/screen_list.html",
        screens=paired,
        clinic=clinic_id,
        name=name,
        code=f"{code[:4]} {code[4:]}" if code else "",
        minutes=int(screens.PAIRING_LIFE.total_seconds() // 60),
    )


@bp.post("/screens/code")
@staff_required("desk", "admin")
def show_code() -> Any:
    """Make a code that pairs one screen; it is shown once, on the next page."""
    clinic_id = clinic_of_request()
    with act() as a:
        code = screens.show_pairing_code(a.session, a.actor, clinic_id, a.now)
        a.answer = see_other("desk.screen_list", clinic=clinic_id)
    browser["pairing"] = code  # in the signed cookie of the staff's own browser, for one page
    return a.sealed()


@bp.post("/screens/<screen_ref>/unpair")
@staff_required("desk", "admin")
def unpair(screen_ref: str) -> Any:
    """Take the clinic away from a screen; it goes dark at its next look."""
    with act() as a:
        screens.unpair(a.session, a.actor, screen_ref, a.now)
        a.answer = see_other("desk.screen_list", clinic=clinic_of_request())
    return a.sealed()
