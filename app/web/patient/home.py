"""The home page: the one next step, then everything of today."""

from __future__ import annotations

from typing import Any

from flask import render_template
from flask_login import current_user

from app.services import break_glass
from app.web.fair_words import STOP_REASONS
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import patient_required, public
from app.web.patient import bp
from app.web.patient.standing import read_standing
from app.web.transaction import current_actor, reading


@bp.get("/")
@public
def home() -> Any:
    """Show the account's next step; strangers are told what this is and where to sign in."""
    if not current_user.is_authenticated:
        return render_template("patient/welcome.html")
    with reading() as session:
        standing = read_standing(session, current_actor(), house().clock())
        emergencies = break_glass.notices(session, current_actor(), house().clock())
    return render_template("patient/home.html", standing=standing, reasons=STOP_REASONS, emergencies=emergencies)


@bp.get("/now")
@patient_required
def home_now() -> Any:
    """The part of the home page that changes by itself."""
    with reading() as session:
        standing = read_standing(session, current_actor(), house().clock())
        emergencies = break_glass.notices(session, current_actor(), house().clock())
    return fragment("patient/_home.html", standing=standing, reasons=STOP_REASONS, emergencies=emergencies)
