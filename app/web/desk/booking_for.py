"""Booking for somebody who stands at the desk or is on the telephone: find the person, choose a time, done."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _

from app.domain.calendar import hospital_day, parse_day
from app.domain.errors import NotFound, Refused
from app.services import boards, clinics, identity, people, walkins
from app.web.desk import bp
from app.web.desk.board import clinic_of_request
from app.web.desk.walkin import read_person, typed_person
from app.web.house import house
from app.web.login import staff_required
from app.web.messages import words_for
from app.web.transaction import act, current_actor, reading, see_other
from app.web.typed_document import country_choices


@bp.get("/book-for")
@staff_required("desk")
def book_for() -> Any:
    """The form that finds the person: by a ticket of today, or by the document."""
    return _form(clinic_of_request(), {"document": "resident_id"}, {})


@bp.post("/book-for")
@staff_required("desk")
def find_for() -> Any:
    """Find the person, registering whom no record has; then on to the times. Nothing of a record is shown."""
    clinic_id = clinic_of_request()
    ticket = request.form.get("ticket", "").strip()[:300]
    typed = {**typed_person(), "ticket": ticket}
    if ticket:
        ref = _holder_of(clinic_id, ticket)
        if ref is None:
            return _form(clinic_id, typed, {"ticket": _("今天没有这个号码。看看小票，或改用证件。")}, 404)
        return redirect(url_for("desk.times_for", patient_ref=ref, clinic=clinic_id), code=303)
    errors: dict[str, str] = {}
    document, name, phone = read_person(typed, errors)
    if errors or document is None:
        return _form(clinic_id, typed, errors, 400)
    try:
        with act() as a:
            ref = people.see_document(a.session, a.actor, document, name, phone, a.now)
            a.answer = see_other("desk.times_for", patient_ref=ref, clinic=clinic_id)
    except people.NameDiffers as refused:
        said = words_for(refused)
        return _form(clinic_id, typed, {"name": f"{said.title} {said.next_step}"}, refused.status)
    return a.sealed()


@bp.get("/book-for/<patient_ref>")
@staff_required("desk")
def times_for(patient_ref: str) -> Any:
    """Departments, days, doctors and free times for one person, who is masked."""
    return _times(patient_ref, clinic_of_request(), {})


@bp.post("/book-for/<patient_ref>")
@staff_required("desk")
def take_book_for(patient_ref: str) -> Any:
    """Book the slot that was pressed: the desk is the actor, and no hold lies between."""
    clinic_id = clinic_of_request()
    try:
        with act() as a:
            booked = walkins.book_for(a.session, a.actor, patient_ref, request.form.get("slot", ""), a.now)
            a.answer = see_other("desk.booking_slip", appointment_id=booked.id)
    except Refused as refused:
        if isinstance(refused, NotFound) or refused.status not in (409, 422):
            raise
        said = words_for(refused)
        return _times(patient_ref, clinic_id, {"": f"{said.title} {said.next_step}"}, refused.status)
    return a.sealed()


def _holder_of(clinic_id: str, ticket: str) -> str | None:
    """Return whose ticket of today it is, or whose slip was scanned; None where that names nobody or several."""
    with reading() as session:
        refs = {row.patient_ref for row in boards.find(session, current_actor(), clinic_id, ticket, house().clock())}
    return refs.pop() if len(refs) == 1 else None


def _form(clinic_id: str, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    page = render_template(
        "desk/book_for.html", clinic=clinic_id, typed=typed, errors=errors, countries=country_choices()
    )
    return make_response(page, status)


def _times(patient_ref: str, clinic_id: str, errors: dict[str, str], status: int = 200) -> Response:
    now = house().clock()
    asked = request.values.get("department", ""), request.values.get("day", "")
    with reading() as session:
        who = identity.masked(session, [patient_ref], now).get(patient_ref)
        if who is None:
            raise NotFound()
        departments = [d for d in clinics.departments(session, now) if d.clinic_id == clinic_id]
        chosen = next((d for d in departments if d.id == asked[0]), departments[0] if departments else None)
        days = clinics.days(session, chosen.id, now) if chosen else []
        day_on = parse_day(asked[1]) or (chosen.first_free_on if chosen else None) or hospital_day(now)
        sittings = clinics.doctors(session, chosen.id, day_on, now) if chosen else []
        free = {s.id: [x for x in clinics.slots(session, s.id, day_on, now) if x.is_free] for s in sittings}
    page = render_template(
        "desk/times_for.html",
        clinic=clinic_id,
        patient_ref=patient_ref,
        who=who,
        departments=departments,
        chosen=chosen,
        days=days,
        day_on=day_on,
        sittings=sittings,
        free=free,
        errors=errors,
        here=url_for("desk.times_for", patient_ref=patient_ref, clinic=clinic_id),
    )
    return make_response(page, status)
