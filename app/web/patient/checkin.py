"""Checking in by phone: a scan gives this browser a presence, the presence checks in whoever of the account is due."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import segno
from flask import flash, make_response, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.checkin import Presence, Way, WayNotUsed, is_present
from app.domain.errors import (
    AppointmentMoved,
    CheckInTooEarly,
    CheckInTooLate,
    PresenceNeeded,
    Refused,
    SlotStopped,
    VenueCodeUnknown,
)
from app.domain.places import PlaceNotUsed, PlaceTooFar, PlaceUnsure
from app.domain.rates import VENUE_SHORT_CODE
from app.services import booking, checkin, clinics, identity, lines, presences
from app.services.clinics import Words
from app.web.fragments import fragment
from app.web.house import house
from app.web.i18n import clock, named
from app.web.limits import limiter
from app.web.login import patient_required, public
from app.web.messages import words_for
from app.web.patient import bp
from app.web.patient.standing import appointment_card, pending_step, window_words
from app.web.patient.ticket_words import TicketCard, ticket_cards
from app.web.transaction import act, current_actor, reading, see_other

PLACE_TRIES = "20 per 10 minutes"


@bp.get("/c/<code>")
@public
def arrive(code: str) -> Any:
    """Exchange the scanned code for a presence at once; signing in and choosing people may take ten minutes (Q3).

    Records nothing: nobody has done anything yet, and nobody need be signed in.
    """
    with reading() as session:
        presence = presences.presence_from_code(session, code, house().clock())
    remember(presence)
    return redirect(url_for("patient.check_in"), code=303)


@bp.get("/check-in")
@patient_required
def check_in() -> Any:
    """Today's visits where this browser is, ready to check in; or how to show that one is there."""
    return _page({}, 200)


@bp.post("/check-in")
@patient_required
def take_check_in() -> Any:
    """Check in the visits that were chosen, each with its own receipt, and show the tickets."""
    chosen = request.form.getlist("appointment")[:20]
    if not chosen:
        return _page({"appointment": _("选至少一位就诊人")}, 400)
    try:
        with act() as a:
            checkin.check_in_all(a.session, a.actor, chosen, present(), a.now)
            a.answer = see_other("patient.queue")
    except (AppointmentMoved, CheckInTooEarly, CheckInTooLate, PresenceNeeded, SlotStopped, WayNotUsed) as refused:
        return refused_here(refused)
    for event in a.events[:-1]:  # the last one's line comes with the answer
        flash(event.id, "receipt")
    return a.sealed()


@bp.post("/check-in/code")
@patient_required
@limiter.limit(str(VENUE_SHORT_CODE[0]))
def type_code() -> Any:
    """The six digits beside the screen's code, for those who cannot scan. Records nothing, as a scan."""
    try:
        with reading() as session:
            typed = request.form.get("code", "")
            presence = presences.presence_from_typed(session, current_actor(), typed, house().clock())
    except VenueCodeUnknown:
        return _page({"code": _("数字不对，或刚换过。看一眼屏幕，输入现在的 6 位。")}, 400)
    remember(presence)
    return redirect(url_for("patient.check_in"), code=303)


@bp.post("/check-in/place")
@patient_required
@limiter.limit(PLACE_TRIES)
def take_place() -> Any:
    """Where the phone says that it is, compared once with the clinics' fences and forgotten. Records nothing but a refusal."""
    try:
        latitude, longitude, accuracy = (float(request.form[name]) for name in ("latitude", "longitude", "accuracy"))
    except (KeyError, ValueError):
        return refused_here(PlaceUnsure())
    try:
        with reading() as session:
            presence = presences.presence_from_place(
                session, current_actor(), latitude, longitude, accuracy, house().clock()
            )
    except (PlaceNotUsed, PlaceTooFar, PlaceUnsure) as refused:
        return refused_here(refused)
    remember(presence)
    return redirect(url_for("patient.check_in"), code=303)


@bp.get("/visits/<appointment_id>/code")
@patient_required
def own_code(appointment_id: str) -> Any:
    """One's own code, for the desk's scanner or a gate."""
    return render_template("patient/own_code.html", **_own_code(appointment_id))


@bp.get("/visits/<appointment_id>/code/now")
@patient_required
def own_code_now(appointment_id: str) -> Any:
    """The same, as the part that changes by itself; once the visit has its ticket the whole page leads there."""
    return fragment("patient/_own_code.html", **_own_code(appointment_id))


def refused_here(refused: Refused) -> Any:
    """Return the page with what is the matter, and what to do about it, above the ways of showing that one is here."""
    said = words_for(refused)
    return _page({"": f"{said.title}。{said.next_step}"}, refused.status)


def remember(presence: Presence) -> None:
    """Keep the presence in this browser's signed cookie: never where it was, the band of distance at most."""
    browser["presence"] = [
        presence.clinic,
        presence.granted_at.isoformat(),
        presence.way.value,
        presence.within_m,
    ]


def present() -> Presence | None:
    """Return this browser's presence, run out or not; None where it has none."""
    kept = browser.get("presence")
    if not kept or len(kept) != 4:
        return None
    return Presence(kept[0], datetime.fromisoformat(kept[1]), Way(kept[2]), kept[3])


def _own_code(appointment_id: str) -> dict[str, Any]:
    actor, now = current_actor(), house().clock()
    with reading() as session:
        view = booking.appointment(session, actor, appointment_id, now)
        code = None if view.ticket else checkin.own_code_of(session, actor, appointment_id, now)
        names = identity.names_of(session, str(actor.ref))
    svg = "" if code is None else segno.make(code.text, error="m").svg_inline(border=2, omitsize=True)
    return {
        "card": appointment_card(view, names, now),
        "code": code,
        "svg": Markup(svg),  # noqa: S704 (segno wrote it)
        "appointment": view,
    }


def _page(errors: dict[str, str], status: int) -> Any:
    actor, now, presence = current_actor(), house().clock(), present()
    is_here = presence is not None and is_present(presence, presence.clinic, now)
    with reading() as session:
        names = identity.names_of(session, str(actor.ref))
        pending = None if names else pending_step(session, actor)
        if presence is not None and is_here:
            found = checkin.visits_here(session, actor, presence.clinic, now)
            clinic = clinics.clinic_names(session).get(presence.clinic)
        else:
            today = [view for view in checkin.today_of(session, actor, now) if view.state == "booked"]
            found, clinic = checkin.windows_of(session, today, now), None
        away = _away(session, actor, names, presence, now)
        fenced = clinics.with_fence(
            session, {here.appointment.clinic_id for here in found} | {card.ticket.clinic_id for card in away}
        )
    rows = [(appointment_card(here.appointment, names, now), here, window_words(here)) for here in found]
    way = presence.way if presence is not None and is_here else None
    due = [card for card, here, _words in rows if here.decision == "open" and (way is None or way in here.ways)]
    words = _("给%(name)s签到", name=due[0].person) if len(due) == 1 else _("给%(count)s人签到", count=len(due))
    choices = [
        {
            "value": card.appointment.id,
            "title": card.person,
            "text": f"{clock(card.appointment.starts_at)} · {named(card.appointment.department)}",
        }
        for card in due
    ]
    open_rows = [here for _card, here, _words in rows if here.decision != "done"]
    by_place = any(Way.PLACE in h.ways and h.appointment.clinic_id in fenced for h in open_rows)
    by_venue = any(Way.VENUE in h.ways for h in open_rows)
    page = render_template(
        "patient/check_in.html",
        away=away,
        here=url_for("patient.check_in"),
        rows=rows,
        due=due,
        choices=choices,
        words=words,
        clinic=clinic,
        names=names,
        pending=pending,
        errors=errors,
        checks=_checks(rows, due, clinic, presence if is_here else None, names),
        by_place=clinic is None and (by_place or any(card.ticket.clinic_id in fenced for card in away)),
        by_venue=clinic is None and (by_venue or bool(away)),
        own_codes=[card for card, h, _words in rows if h.decision == "open" and Way.OWN_CODE in h.ways],
    )
    return make_response(page, status)


def _away(
    session: Session, actor: Actor, names: dict[str, str], presence: Presence | None, now: datetime
) -> list[TicketCard]:
    """Return the tickets of who is away for tests, and may say here to be back."""
    found = [ticket for ticket in lines.tickets_of(session, actor, now) if ticket.state == "away"]
    return list(ticket_cards(session, found, names, now, presence))


def _checks(
    rows: list[Any], due: list[Any], clinic: Words | None, presence: Presence | None, names: dict[str, str]
) -> list[tuple[str, bool | None, str]]:
    """Return the three checks in the order of the screen: what it is, whether it is met (None: not yet), and what to do."""
    waiting = [row for row in rows if row[1].decision != "done"]
    if not waiting:
        is_time, when = None, _("今天没有待签到的预约")
    elif any(row[1].decision == "open" for row in waiting):
        is_time, when = True, next(row[2] for row in waiting if row[1].decision == "open")
    else:
        is_time, when = (False if waiting[0][1].decision in ("late", "stopped") else None), waiting[0][2]
    if clinic is None or presence is None:
        is_there, where = None, _("还没确认到院：选下面一种办法")
    elif is_time and not due:
        is_there, where = False, _("这个科室不用这种办法签到：请到前台")
    elif presence.way is Way.PLACE:
        is_there, where = True, _("手机定位：在%(clinic)s附近", clinic=named(clinic))
    else:
        is_there, where = True, _("您在%(clinic)s", clinic=named(clinic))
    people = sorted({row[0].person for row in waiting if row[0].person})
    who = _("已绑定：%(names)s", names=_("、").join(people or list(names.values())))
    return [(_("时间"), is_time, when), (_("到场"), is_there, where), (_("身份"), bool(names), who)]
