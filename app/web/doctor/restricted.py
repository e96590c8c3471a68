"""Records that are only kept: whom the doctor treats whose record opens on a legal reason alone."""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template, request
from flask_babel import gettext as _

from app.domain.retention import LegalReason
from app.services import restricted as service
from app.web.doctor import bp
from app.web.erasure_words import LEGAL_REASONS
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/restricted")
@staff_required("doctor")
def restricted() -> Any:
    """Whom it concerns, masked, each with the reasons to choose from."""
    return _page({})


@bp.post("/restricted/<ticket_id>")
@staff_required("doctor")
def open_restricted(ticket_id: str) -> Any:
    """Open one for some hours; the person's log says who and why."""
    reason = request.form.get("reason", "")
    if reason not in set(LegalReason):
        return make_response(_page({"reason": _("选一个依法的理由")}), 400)
    with act() as a:
        service.open_record(a.session, a.actor, ticket_id, LegalReason(reason), a.now)
        a.answer = see_other("doctor.restricted")
    return a.sealed()


def _page(errors: dict[str, str]) -> str:
    with reading() as session:
        found = service.treated(session, current_actor(), house().clock())
    choices = [{"value": code, "title": str(words)} for code, words in LEGAL_REASONS.items()]
    return render_template("doctor/restricted.html", found=found, choices=choices, errors=errors)
