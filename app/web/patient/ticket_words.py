"""A ticket in the words of a patient's pages: where I stand, where to wait, how long about, who came in before me and why.

The first sentence is the one that a screen reader hears when it changes; numbers that change by themselves stand beside it.
No name of anybody else, and no department, is in any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.domain.checkin import Presence, is_present
from app.domain.queueing import MOST_PASSES, PLACES_BACK_AFTER_PASS
from app.domain.waits import Range
from app.services import waits
from app.services.lines import TicketView
from app.services.waits import Around
from app.web.i18n import clock, language_tag, named
from app.web.queue_words import overtaken_words

MAY_LEAVE = ("waiting", "missed", "away")


@dataclass(frozen=True)
class TicketCard:
    """A ticket as `ticket_card` shows it: its sentence, the range of its wait in words (empty where none may be said), and
    what else there is to know, one sentence each. `is_here`: this browser has shown to be at the ticket's clinic."""

    ticket: TicketView
    person: str
    words: str
    wait: str = ""
    notes: tuple[str, ...] = ()
    is_here: bool = False

    @property
    def back_href(self) -> str:
        """Return where who is away for tests says to be back; empty where nobody is away."""
        return url_for("patient.take_back", ticket_id=self.ticket.id) if self.ticket.state == "away" else ""

    @property
    def href(self) -> str:
        return url_for("patient.visit", appointment_id=self.ticket.appointment_id)

    @property
    def leave_href(self) -> str:
        """Return where one says that one waits no longer; empty where there is nothing to leave."""
        return url_for("patient.leave_queue", ticket_id=self.ticket.id) if self.ticket.state in MAY_LEAVE else ""


def ticket_cards(
    session: Session,
    tickets: Iterable[TicketView],
    names: Mapping[str, str],
    now: datetime,
    presence: Presence | None = None,
) -> tuple[TicketCard, ...]:
    """Return the tickets with their words in the page's language."""
    found = list(tickets)
    around = waits.around(session, found)
    ranges = waits.ranges(session, found, now)
    return tuple(
        TicketCard(
            t,
            names.get(t.patient_ref, ""),
            _sentence(t, around.get(t.id, Around())),
            _range_words(ranges.get(t.id)),
            tuple(_notes(t, around.get(t.id, Around()), now)),
            is_present(presence, t.clinic_id, now),
        )
        for t in found
    )


def ordinal(number: int) -> str:
    """Return `3rd` on an English page, `3` on a Chinese one, which says 第 before it."""
    if language_tag() != "en":
        return str(number)
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _sentence(ticket: TicketView, around: Around) -> str:
    if ticket.state == "called":
        return _("请到 %(room)s就诊", room=named(ticket.room))
    if ticket.state == "serving":
        return _("正在就诊")
    if ticket.state == "missed":
        return _("刚才叫过您，没有等到")
    if ticket.state == "away":
        return _("去做检查检验，号码给您留着")
    if ticket.before == 0 and around.area is not None:
        return _("下一位就是您，请到%(area)s", area=named(around.area))
    if ticket.before == 0:
        return _("下一位就是您")
    if ticket.before is None:
        return _("候诊中")
    return _("您排第 %(place)s 位，前面还有 %(count)s 人", place=ordinal(ticket.before + 1), count=ticket.before)


def _range_words(found: Range | None) -> str:
    if found is None:
        return ""
    if found.low == 0:
        return _("%(high)s 分钟以内", high=found.high)
    return _("%(low)s–%(high)s 分钟", low=found.low, high=found.high)


def _notes(ticket: TicketView, around: Around, now: datetime) -> Iterable[str]:
    if ticket.state == "waiting" and around.late_until is not None and now < around.late_until:
        yield _("医生晚到，大约 %(time)s 开始。您的位置不变，不会算您过号。", time=clock(around.late_until))
    if ticket.moved_from is not None and ticket.room is not None and ticket.state in ("waiting", "called"):
        yield _("换诊室了：从%(old)s到%(new)s，号码和位置不变。", old=named(ticket.moved_from), new=named(ticket.room))
    if ticket.state == "waiting" and ticket.overtaken:
        yield _("按规定先看的：%(who)s。", who=overtaken_words(ticket.overtaken))
    if ticket.state == "missed":
        yield _("到前台说一声，就把您放回队里，排在后面第 %(places)s 位之后。号码不变。", places=PLACES_BACK_AFTER_PASS)
    if ticket.state == "away":
        yield _("做完回来，按“我回来了”，或到前台说一声，就接着看，不用重新取号。")
    if ticket.state == "waiting":
        yield _("叫到时没赶上不要紧：到前台说一声就放回队里；过号 %(passes)s 次视为未到。", passes=MOST_PASSES)
