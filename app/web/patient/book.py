"""Booking: department, then time; a tap on a time holds it.

The chosen department is remembered by this browser and stands in no address (promise A5).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from flask import make_response, redirect, render_template, request, url_for
from flask import session as browser

from app.domain.booking import BookingLimit
from app.domain.errors import AlreadyBooked, NotFound, Refused, SlotPast, SlotStopped, SlotTaken, SlotTooFar
from app.domain.strikes import BookingPaused
from app.services import booking, clinics, freeing, identity, waitlist
from app.services.clinics import SlotView
from app.web.house import house
from app.web.login import patient_required
from app.web.messages import words_for
from app.web.patient import bp
from app.web.patient.standing import pending_step
from app.web.transaction import act, current_actor, reading, see_other


@bp.get("/book")
@patient_required
def book() -> Any:
    """The departments, each with what is free today or when it is."""
    now = house().clock()
    with reading() as session:
        found = clinics.departments(session, now)
        places = clinics.clinic_names(session)
        names = identity.names_of(session, str(current_actor().ref))
        pending = None if names else pending_step(session, current_actor())
    return render_template("patient/book.html", departments=found, places=places, names=names, pending=pending)


@bp.post("/book/department")
@patient_required
def choose_department() -> Any:
    """Remember the department in this browser, and show its times. Records nothing: nothing of anybody changes."""
    browser["department"] = request.form.get("department", "")[:64]
    return redirect(url_for("patient.book_times"), code=303)


@bp.get("/book/times")
@patient_required
def book_times() -> Any:
    """The doctors and free times of one day; without a day, the first that has any."""
    return times_page(None)


def times_page(refused: Refused | None, day_on: date | None = None) -> Any:
    """Return the page of times, of the day that was asked for, with what a refusal says."""
    department_id = browser.get("department")
    if not department_id and refused is not None:
        raise refused
    if not department_id:
        return redirect(url_for("patient.book"), code=303)
    now = house().clock()
    with reading() as session:
        try:
            department = clinics.department(session, department_id)
        except NotFound:
            return redirect(url_for("patient.book"), code=303)
        days = clinics.days(session, department_id, now)
        chosen_on = day_on if day_on in {day.day_on for day in days} else _chosen(days)
        mine = freeing.returnable(session, str(current_actor().ref), now)
        doctors = [
            (view, [_with_mine(slot, mine) for slot in clinics.slots(session, view.id, chosen_on, now)])
            for view in clinics.doctors(session, department_id, chosen_on, now)
        ]
        names = identity.names_of(session, str(current_actor().ref))
        pending = None if names else pending_step(session, current_actor())
        line_days = {view.day_on for view, _ in doctors}  # of sessions that began before midnight, the day before
        waiting = [
            entry
            for entry in waitlist.entries_of(session, current_actor(), now)
            if entry.department_id == department_id
            and entry.day_on in line_days
            and entry.state in ("waiting", "offered")
        ]
    person = request.args.get("person") or browser.get("person")
    page = render_template(
        "patient/book_times.html",
        here=url_for("patient.book_times", day=chosen_on.isoformat()),
        said=words_for(refused) if refused else None,
        department=department,
        days=days,
        chosen_on=chosen_on,
        doctors=doctors,
        is_full=bool(doctors) and not any(slot.is_free for _, slots in doctors for slot in slots),
        waiting=waiting,
        waits_for={entry.session_id for entry in waiting},
        names=names,
        pending=pending,
        people=[{"value": ref, "title": name} for ref, name in names.items()],
        person=person if person in names else next(iter(names), ""),
    )
    return make_response(page, refused.status if refused else 200)


@bp.post("/book/hold")
@patient_required
def hold() -> Any:
    """Hold the time that was tapped, for the person who was chosen."""
    patient_ref = request.form.get("person", "")
    browser["person"] = patient_ref[:64]
    try:
        with act() as a:
            slot_id = request.form.get("slot", "")
            held = booking.hold(a.session, a.actor, patient_ref, slot_id, a.now, device=browser.get("id"))
            a.answer = see_other("patient.visit", appointment_id=held.id)
    except (
        AlreadyBooked, BookingLimit, BookingPaused, SlotPast, SlotStopped, SlotTaken, SlotTooFar,
    ) as refused:  # fmt: skip
        return times_page(refused)
    return a.sealed()


def _with_mine(slot: SlotView, mine: frozenset[str]) -> SlotView:
    """Return the slot as free to whoever gave it back just now: for them it need not wait."""
    return replace(slot, is_free=True) if slot.id in mine else slot


def _chosen(days: list[clinics.DayView]) -> date:
    """Return the day that was asked for if it may be booked, else the first with something free, else today."""
    asked = request.args.get("day", "")
    for day in days:
        if day.day_on.isoformat() == asked:
            return day.day_on
    return next((day.day_on for day in days if day.free), days[0].day_on)
