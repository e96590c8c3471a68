"""The clinic's day: who is expected, who waits, who is in, who was passed; masked, live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import render_template, request
from flask_babel import get_locale

from app.domain.board import Place
from app.domain.errors import NotFound
from app.services import boards, clinics, queueing
from app.services.boards import DeskDay, DeskRow, RoomView
from app.web import queue_words
from app.web.desk import bp
from app.web.desk.drawn import rows_of
from app.web.desk.presses import mark_of
from app.web.fragments import fragment
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading

AT_FIRST = (
    30  # rows of a list that a page is sent with: more than a screen holds; its script asks for the others at once
)


@dataclass(frozen=True)
class Filters:
    """What the board is narrowed to; "" is no narrowing. Without a place, whoever is done is left out."""

    department: str = ""
    doctor: str = ""
    place: str = ""

    def takes(self, row: DeskRow, lines: frozenset[str]) -> bool:
        """Say whether a row is of the department and of the doctor, whose `lines` these are."""
        return (not self.department or row.department_id == self.department) and (not self.doctor or row.line in lines)

    def lists(self, place: Place) -> bool:
        """Say whether the list of a place is seen."""
        return self.place == place if self.place else place is not Place.DONE

    def shows(self, row: DeskRow) -> bool:
        """Say whether a row that is taken stands in the list."""
        return self.lists(row.place)


def clinic_of_request() -> str:
    """Return the clinic that was asked for, of those the actor works in; the first by id where none was. Raises NotFound."""
    mine = sorted(current_actor().clinics)
    asked = request.args.get("clinic") or request.form.get("clinic") or (mine[0] if mine else "")
    if asked not in mine:
        raise NotFound()
    return asked


@bp.get("/")
@staff_required("desk")
def board() -> Any:
    """The whole board."""
    return render_template("desk/board.html", **words_of_board(clinic_of_request(), most=AT_FIRST))


@bp.get("/now")
@staff_required("desk")
def board_now() -> Any:
    """The part of the board that changes by itself; drawn only where the browser shows something else."""
    words = words_of_board(clinic_of_request())
    shown = repr((words["board"], words["filters"], str(get_locale())))
    return fragment("desk/_board.html", of=shown, **words)


def words_of_board(clinic_id: str, most: int | None = None) -> dict[str, Any]:
    """Return what the board shows; the first look of a sign-in, by whichever page, is recorded before anything is sent.

    With `most`, a list has no more rows than that, and one that is not seen has none; but a place that was asked for by itself
    is whole, so that everybody is found without a script too.
    """
    actor, now = current_actor(), house().clock()
    with reading() as session:
        is_recorded = queueing.is_board_recorded(session, actor, "desk", clinic_id)
        day = boards.desk_board(session, actor, clinic_id, now)
        names = clinics.clinic_names(session)
    if not is_recorded:
        with act() as a:
            queueing.record_board(a.session, a.actor, "desk", clinic_id, a.now)
    filters = Filters(*(request.args.get(name, "")[:40] for name in ("department", "doctor", "place")))
    taken = _taken(day, filters)
    shown = frozenset(row.id for row in taken if filters.shows(row))
    lists: dict[str, list[tuple[DeskRow, bool]]] = {place.value: [] for place in Place}
    for row in day.rows:
        lists[row.place].append((row, row.id not in shown))
    left = dict.fromkeys(lists, 0)
    if most is not None:
        for place, rows in lists.items():
            some = [] if not filters.lists(Place(place)) else [one for one in rows if not one[1]]
            lists[place] = some if filters.place == place else some[:most]
            left[place] = len(some) - len(lists[place])
    return {
        "board": day,
        "levels": day.levels,
        "rooms": _rooms_once(day, now),
        "drawn": rows_of(day, clinic_id, now),
        "clinic": clinic_id,
        "clinics": {ref: name for ref, name in names.items() if ref in actor.clinics},
        "filters": filters,
        "counts": day.counts(taken),
        "lists": lists,
        "left": left,
        "is_part": sum(map(len, lists.values())) < len(day.rows),
        "departments": list({room.session.department_id: room.session.department for room in day.rooms}.items()),
        "doctors": _doctors(day),
        "marks_of": queue_words.MARKS,
        "now": now,
        "who": mark_of(actor),
    }


def _taken(day: DeskDay, filters: Filters) -> Sequence[DeskRow]:
    lines = frozenset(room.line for room in day.rooms if room.session.clinician_ref == filters.doctor)
    return [row for row in day.rows if filters.takes(row, lines | {filters.doctor})]


def _rooms_once(day: DeskDay, now: datetime) -> list[RoomView]:
    """Return one row for who sits in a room today: of a morning and an afternoon the one under way, else the next, else the last.

    Both share one line, so that two rows would say the same and call the same person.
    """
    chosen: dict[tuple[str, str, Any], RoomView] = {}
    for room in day.rooms:
        key = room.line, room.session.clinician_ref, room.session.room
        if key not in chosen or _nearness(room, now) < _nearness(chosen[key], now):
            chosen[key] = room
    return list(chosen.values())


def _nearness(room: RoomView, now: datetime) -> tuple[int, float]:
    """Return what is smaller the better a session says who sits there now: not stopped, under way, to come, over."""
    one = room.session
    when = 1 if one.starts_at > now else 0 if one.ends_at > now else 2
    return (3 if one.is_stopped else when, abs((one.starts_at - now).total_seconds()))


def _doctors(day: DeskDay) -> list[dict[str, Any]]:
    """Return who sits today, once each, with the room and the lines that are theirs."""
    found: dict[str, dict[str, Any]] = {}
    for room in day.rooms:
        one = found.setdefault(
            room.session.clinician_ref,
            {"ref": room.session.clinician_ref, "name": room.session.doctor, "room": room.session.room, "lines": set()},
        )
        one["lines"] |= {room.line, room.session.clinician_ref}
    return [{**one, "lines": " ".join(sorted(one["lines"]))} for one in found.values()]
