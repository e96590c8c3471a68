"""The person's page of applications that may read their record, and taking that back."""

from __future__ import annotations

from typing import Any

from flask import flash, render_template
from flask_babel import gettext as _

from app.services import oauth_grants
from app.web.house import house
from app.web.login import patient_required
from app.web.smart import bp
from app.web.smart_words import KINDS
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/me/apps")
@patient_required
def apps() -> Any:
    """Which applications this account let in, for whom, to read what, until when; those that are over below."""
    with reading() as session:
        grants = oauth_grants.of_account(session, current_actor(), house().clock())
    return render_template("smart/apps.html", grants=grants, kind_words=KINDS)


@bp.post("/me/apps/<grant_id>/withdraw")
@patient_required
def withdraw(grant_id: str) -> Any:
    """Take a grant back: the application's next request is refused."""
    with act() as a:
        oauth_grants.withdraw(a.session, a.actor, grant_id, a.now)
        a.answer = see_other("smart.apps")
    flash(_("已收回。这个应用现在起读不到任何内容。"), "success")
    return a.sealed()
