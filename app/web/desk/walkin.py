"""Somebody at the desk without an appointment or a phone: one screen, one press, a ticket."""

from __future__ import annotations

from typing import Any

from flask import Response, flash, make_response, render_template, request
from flask_babel import gettext as _

from app.domain.calendar import hospital_day
from app.domain.documents import Passport, ResidentID
from app.domain.errors import BadInput, Refused
from app.domain.names import clean_name
from app.domain.phones import parse_phone
from app.services import people, walkins
from app.services.clinics import SessionView
from app.web.desk import bp
from app.web.desk.board import clinic_of_request
from app.web.house import house
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act, current_actor, reading, see_other
from app.web.typed_document import country_choices, read_document

PERSON_FIELDS = ("document", "number", "country", "birth_on", "sex", "name", "phone")


def typed_person() -> dict[str, str]:
    """Return what was typed of a person, field by field; nothing typed is a resident ID still to be read."""
    typed = {field: request.form.get(field, "").strip() for field in PERSON_FIELDS}
    return {**typed, "document": typed["document"] or "resident_id"}


def read_person(typed: dict[str, str], errors: dict[str, str]) -> tuple[ResidentID | Passport | None, str, str | None]:
    """Return (document, name, phone) as typed; what is wrong goes into `errors`, in words, by field."""
    document: ResidentID | Passport | None = None
    name, phone = "", None
    try:
        name = clean_name(typed["name"])
    except BadInput as wrong:
        errors["name"] = words_for(wrong).title
    try:
        document = read_document(typed, name, hospital_day(house().clock()))
    except BadInput as wrong:
        errors[wrong.field] = words_for(wrong).title
    try:
        phone = parse_phone(typed["phone"]) if typed["phone"] else None
    except BadInput as wrong:
        errors["phone"] = words_for(wrong).title
    if isinstance(document, Passport):
        name = document.name  # as printed
    return document, name, phone


@bp.get("/walk-in")
@staff_required("desk")
def walk_in() -> Any:
    """The form."""
    clinic_id = clinic_of_request()
    return _form(clinic_id, {"document": "resident_id", "session": request.args.get("session", "")}, {})


@bp.post("/walk-in")
@staff_required("desk")
def take_walk_in() -> Any:
    """Register or find the person, make the appointment and check in, document seen; then the slip."""
    clinic_id = clinic_of_request()
    typed = {**typed_person(), "session": request.form.get("session", "")}
    errors: dict[str, str] = {}
    document, name, phone = read_person(typed, errors)
    if typed["session"] not in {view.id for view in _sittings(clinic_id)}:
        errors["session"] = _("选一位今天出诊的医生。")
    if errors or document is None:
        return _form(clinic_id, typed, errors, 400)
    try:
        with act() as a:
            given = walkins.walk_in(a.session, a.actor, document, name, phone, typed["session"], a.now)
            a.answer = see_other("desk.slip", ticket_id=given.ticket_id)
    except (people.NameDiffers, walkins.SittingOver) as refused:
        return _form(clinic_id, typed, {_field_of(refused): _sentence(refused)}, refused.status)
    if given.is_new:
        flash(_("已登记并签到，号码 %(ticket)s。", ticket=given.ticket), "success")
    else:
        flash(_("今天在这个科室已有号码 %(ticket)s，不再另取。", ticket=given.ticket), "info")
    return a.sealed()


def _field_of(refused: Refused) -> str:
    return "name" if isinstance(refused, people.NameDiffers) else "session"


def _sentence(refused: Refused) -> str:
    said = words_for(refused)
    return f"{said.title} {said.next_step}".strip()


def _sittings(clinic_id: str) -> list[SessionView]:
    with reading() as session:
        return walkins.sittings(session, current_actor(), clinic_id, house().clock())


def _form(clinic_id: str, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    page = render_template(
        "desk/walk_in.html",
        clinic=clinic_id,
        typed=typed,
        errors=errors,
        sittings=_sittings(clinic_id),
        countries=country_choices(),
    )
    return make_response(page, status)
