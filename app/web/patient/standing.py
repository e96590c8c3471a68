"""Where an account's people stand today, in the words of its pages: appointments, tickets, and the one next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.services import booking, checkin, clinics, identity, lines, people
from app.services.booking import AppointmentView
from app.services.checkin import VisitHere
from app.web.i18n import clock, named, short_day
from app.web.messages import minutes_words
from app.web.patient.fair import Asked, read_asked
from app.web.patient.ticket_words import TicketCard, ticket_cards

OPEN_BEFORE_QUEUE = ("held", "booked")


@dataclass(frozen=True)
class AppointmentCard:
    """An appointment as `appointment_card` shows it. `is_near`: today, or within the hours around midnight that are today's
    too; `is_today`: its clock time says enough."""

    appointment: AppointmentView
    person: str
    words: str
    tone: str
    is_today: bool
    is_near: bool

    @property
    def href(self) -> str:
        return url_for("patient.visit", appointment_id=self.appointment.id)


@dataclass(frozen=True)
class Step:
    """The one next step: what it is, why, and the button that does it."""

    title: str
    text: str
    tone: str
    over: str = ""
    href: str = ""
    button: str = ""


@dataclass(frozen=True)
class Standing:
    """Everything that an account's home shows. `names` are its active people by ref."""

    step: Step
    tickets: tuple[TicketCard, ...]
    appointments: tuple[AppointmentCard, ...]
    names: dict[str, str]
    asked: Asked


def read_standing(session: Session, actor: Actor, now: datetime) -> Standing:
    """Return where the account stands now."""
    names = identity.names_of(session, str(actor.ref))
    tickets = ticket_cards(session, lines.tickets_of(session, actor, now), names, now)
    seen = booking.appointments_of(session, actor, now)
    booked = [view for view in seen if view.state in OPEN_BEFORE_QUEUE]
    done = [appointment_card(view, names, now) for view in seen if view.state == "completed"]
    cards = tuple(appointment_card(view, names, now) for view in booked)
    windows = checkin.windows_of(session, [card.appointment for card in cards], now)
    if not names:
        return Standing(_first_step(people.links_of(session, str(actor.ref))), tickets, cards, names, Asked())
    asked = read_asked(session, actor, now)
    if any(card.ticket.state == "called" for card in tickets):
        asked = Asked(waiting=asked.waiting)  # going in comes before every question
    return Standing(_step(tickets, cards, windows, done), tickets, cards, names, asked)


def appointment_card(view: AppointmentView, names: dict[str, str], now: datetime) -> AppointmentCard:
    """Return an appointment with its words in the page's language."""
    words, tone = appointment_words(view)
    is_today = hospital_day(view.starts_at) == hospital_day(now)
    from_at, to_at = clinics.around_today(now)
    is_near = from_at <= view.starts_at < to_at
    return AppointmentCard(view, names.get(view.patient_ref, ""), words, tone, is_today, is_near)


def appointment_words(view: AppointmentView) -> tuple[str, str]:
    """Return (words, tone) of an appointment's state."""
    if view.state == "booked" and view.is_stopped:
        return _("医生停诊"), "warn"
    known: dict[str, tuple[str, str]] = {
        "held": (_("待确认"), "wait"),
        "expired": (_("已放号"), "off"),
        "released": (_("已放弃"), "off"),
        "booked": (_("已预约"), "go"),
        "checked_in": (_("候诊中"), "go"),
        "in_consult": (_("就诊中"), "now"),
        "completed": (_("已就诊"), "done"),
        "cancelled": (_("已取消"), "off"),
        "no_show": (_("未到"), "off"),
    }
    return known[view.state]


def window_words(here: VisitHere) -> str:
    """Return when one may check in, in words."""
    if here.decision == "early" and here.opens_at:
        return _("%(time)s 开始签到，还有 %(wait)s", time=clock(here.opens_at), wait=minutes_words(here.minutes))
    if here.decision == "late" and here.closes_at:
        return _("%(time)s 已停止网上签到，请到前台", time=clock(here.closes_at))
    if here.decision == "stopped":
        return _("医生停诊，请看首页的安排")
    if here.decision == "open" and here.closes_at:
        return _("现在可以签到，%(time)s 截止", time=clock(here.closes_at))
    return ""


def pending_step(session: Session, actor: Actor) -> Step | None:
    """Return the step of an account whose people all wait to be proved: what is still missing. None where somebody is
    active, or nobody was added: that one begins with adding oneself."""
    links = people.links_of(session, str(actor.ref))
    return None if any(link.is_active for link in links) else _pending_step(links)


def _first_step(pending: list[people.LinkView]) -> Step:
    """Return the step of an account that has nobody yet: to prove who waits for it, or to add oneself."""
    return _pending_step(pending) or Step(
        _("先添加就诊人"),
        _("填一次姓名和证件，以后预约、签到都不用再填。"),
        "go",
        href=url_for("patient.new_person", relation="self", next="/"),
        button=_("添加本人"),
    )


def _pending_step(pending: list[people.LinkView]) -> Step | None:
    for link in pending:
        page = url_for("patient.person", link_id=link.id)
        if link.relation == "self":
            text = _("医院已有这份证件的记录。用短信验证码，或到前台，都行。")
            return Step(_("还差一步：证明是您本人"), text, "go", over=link.name, href=page, button=_("去核对"))
        if link.relation == "family":
            text = _("家人把收到的码告诉您，就是同意您替他办理。")
            return Step(_("还差一步：家人本人同意"), text, "wait", over=link.name, href=page, button=_("看怎么办"))
        return Step(
            _("还差一步：到前台核对"),
            _("带上您和孩子的证件，到任一前台核对一次。"),
            "wait",
            over=link.name,
            href=page,
            button=_("看要带什么"),
        )
    return None


def _step(
    tickets: tuple[TicketCard, ...],
    appointments: tuple[AppointmentCard, ...],
    windows: list[VisitHere],
    done: list[AppointmentCard],
) -> Step:
    """Return the most urgent thing: being called, checking in, waiting, what is booked, what today's visit left behind."""
    by_state: dict[str, TicketCard] = {}
    for card in tickets:
        by_state.setdefault(card.ticket.state, card)
    for state in ("called", "missed"):
        if state in by_state:
            return _ticket_step(by_state[state], "now" if state == "called" else "wait")
    for card, here in zip(appointments, windows, strict=True):
        if card.appointment.state == "booked" and here.decision == "open":
            return Step(
                _("签到"),
                f"{clock(card.appointment.starts_at)} · {named(card.appointment.clinic)} · {window_words(here)}",
                "go",
                over=card.person,
                href=url_for("patient.check_in"),
                button=_("给%(name)s签到", name=card.person),
            )
    for state in ("serving", "waiting", "away"):
        if state in by_state:
            return _ticket_step(by_state[state], "wait")
    return _booked_step(appointments, windows) or _free_step(done)


def _ticket_step(card: TicketCard, tone: str) -> Step:
    """Return a ticket as the one next step: its sentence is that of the queue's page."""
    ticket = card.ticket
    text = card.notes[0] if card.notes else ""
    if ticket.state == "waiting":
        text = _("大约再等 %(range)s。", range=card.wait) if card.wait else ""
    return Step(
        card.words, text, tone, over=f"{ticket.ticket} · {card.person}", href=url_for("patient.queue"),
        button=_("查看排队"),
    )  # fmt: skip


def _booked_step(appointments: tuple[AppointmentCard, ...], windows: list[VisitHere]) -> Step | None:
    for card, here in zip(appointments, windows, strict=True):
        view = card.appointment
        if view.state == "held":
            return Step(
                _("还差一步：确认预约"),
                _("号为您保留到 %(time)s。", time=clock(view.held_until) if view.held_until else ""),
                "go",
                over=card.person,
                href=card.href,
                button=_("去确认"),
            )
        when = clock(view.starts_at) if card.is_today else f"{short_day(view.starts_at)} {clock(view.starts_at)}"
        text = window_words(here) if card.is_near else _("当天到院后签到。")
        return Step(
            when, text, "wait", over=f"{card.person} · {named(view.department)}", href=card.href, button=_("看预约")
        )
    return None


def _free_step(done: list[AppointmentCard]) -> Step:
    """Return what is left when nothing is ahead: to read what the doctor wrote today, or to book."""
    for card in reversed(done):
        if card.is_near:
            over = f"{card.person} · {named(card.appointment.department)}"
            return Step(
                _("看完了"),
                _("医生写的都在病历里。"),
                "now",
                over=over,
                href=url_for("patient.records", person=card.appointment.patient_ref),
                button=_("看病历"),
            )
    return Step(_("要看医生吗？"), _("选科室、时间，三步就好。"), "go", href=url_for("patient.book"), button=_("预约"))
