"""The doctors: call, wait for who was called, begin, finish; recall and pass, tests, a call taken back, late once."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from bench.day.browser import Browser, Page
from bench.day.crew import Steps
from bench.day.plan import PACES, Doctor, Visit
from bench.day.world import Errand, World

UNDONE = 0.004  # of calls are taken back at once
OVERTIME = timedelta(minutes=40)  # of a morning, before lunch


def sit(world: World, doctor: Doctor) -> Steps:
    """Work through the doctor's sessions, until nobody waits and nobody is expected any more."""
    room = Room(world, doctor)
    try:
        if doctor.late_minutes:
            room.say_late()
        for n, (session_id, begins, ends) in enumerate(doctor.sessions):
            is_last = n == len(doctor.sessions) - 1
            late = timedelta(minutes=doctor.late_minutes if n == 0 else 0)
            begins_at = begins + late + timedelta(seconds=room.draw.uniform(-60, 150))
            yield max(0.0, (begins_at - world.house.clock()).total_seconds())
            yield from room.serve(session_id, ends, is_last=is_last)
    finally:
        world.doctor_left()


class Room:
    """A doctor's room and the page that lies open in it."""

    def __init__(self, world: World, doctor: Doctor) -> None:
        self.world, self.doctor = world, doctor
        self.draw = world.draw()
        self.browser: Browser = world.browser(world.sign_in(doctor.ref))
        self.session_id = doctor.sessions[0][0]

    def say_late(self) -> None:
        form = self._board().form("/late")
        if form is None:
            self.world.watch.fail("a doctor's page has no form to say how late one is")
            return
        minutes = [("minutes", str(self.doctor.late_minutes))]
        if self._post("late", form[0], [*form[1], *minutes]).status == 303:
            self.world.journal.did("session.late", self.doctor.ref)

    def serve(self, session_id: str, ends: datetime, *, is_last: bool) -> Steps:
        self.session_id = session_id
        page = self._board()
        while True:
            now = self.world.house.clock()
            if not is_last and now > ends + OVERTIME:
                return
            if page.form("/call") is None:
                self.world.watch.fail("a doctor's page of an empty room has no form to call")
                return
            page = self._act("call", page, "/call")
            ticket_id = _ticket_of(page, "/start")
            if ticket_id:
                self.world.journal.did("ticket.called", ticket_id)
                page = yield from self._called(page, ticket_id)
                yield self.draw.uniform(4, 12)
                continue
            if now > ends and (not is_last or not self.world.is_anybody_coming(self.doctor.clinic)):
                return
            yield self.draw.uniform(30, 60)
            page = self._board()

    def _called(self, page: Page, ticket_id: str):  # type: ignore[no-untyped-def]
        """Do what becomes of a call; returns the page of the room that is empty again."""
        undo = next((f for f in page.forms() if f[0].endswith(f"/{ticket_id}/undo")), None)
        if undo is not None and self.draw.random() < UNDONE:
            if self._post("undo", *undo).status == 303:
                self.world.journal.did("ticket.undone", ticket_id)
            return self._board()
        visit = self.world.visit_of(ticket_id) or Visit(self.doctor.clinic, self.world.house.clock())
        yield self.draw.uniform(8, 25)  # on the way
        if visit.misses:
            return (yield from self._missed(page, ticket_id, visit))
        page = self._did("visit.resumed" if visit.is_resumed else "visit.started", "start", page, "/start", ticket_id)
        mean, deviation = PACES[self.doctor.pace]
        minutes = self.draw.lognormvariate(math.log(mean) - deviation**2 / 2, deviation)
        yield 60 * max(0.4, min(minutes, 25.0)) * (0.6 if visit.is_resumed else 1.0)
        if visit.has_tests and not visit.is_resumed:
            visit.is_resumed = True
            page = self._did("ticket.away", "to tests", page, "/tests", ticket_id)
            self._comes_later(Errand("from_tests", visit, ticket_id), 12, 35)
            return page
        return self._did("visit.finished", "finish", page, "/finish", ticket_id)

    def _missed(self, page: Page, ticket_id: str, visit: Visit):  # type: ignore[no-untyped-def]
        """Call once more, then pass."""
        visit.misses -= 1
        page = self._did("ticket.recalled", "recall", page, "/recall", ticket_id)
        yield self.draw.uniform(20, 40)
        page = self._did("ticket.passed", "pass", page, "/pass", ticket_id)
        if visit.comes_back:
            self._comes_later(Errand("put_back", visit, ticket_id), 3, 12)
        return page

    def _comes_later(self, errand: Errand, least: float, most: float) -> None:
        """Let somebody stand at the desk after so many minutes; the doctors wait for them."""
        world, clinic = self.world, self.doctor.clinic
        world.expect(clinic)

        def come() -> Steps:
            world.ask_desk(clinic, errand)
            world.came(clinic)
            return
            yield

        world.crew.add(world.house.clock() + timedelta(minutes=self.draw.uniform(least, most)), come())

    def _did(self, event_type: str, kind: str, page: Page, ending: str, ticket_id: str) -> Page:
        """Press what the page offers for the ticket and note it when it was done."""
        if _ticket_of(page, ending) != ticket_id:
            self.world.watch.fail(f"{kind}: the room's page offers it for another ticket than the one that was called")
            return self._board()
        form = page.form(ending)
        answer = self._post(kind, *form) if form else page
        if answer.status == 303:
            self.world.journal.did(event_type, ticket_id)
        return self._board(answer.location)

    def _act(self, kind: str, page: Page, ending: str) -> Page:
        form = page.form(ending)
        if form is None:
            return page
        answer = self._post(kind, *form)
        return self._board(answer.location if answer.status == 303 else "")

    def _post(self, kind: str, path: str, fields: list[tuple[str, str]]) -> Page:
        page = self.browser.post(kind, path, fields)
        if page.status == 401:
            self._sign_in_anew()
            page = self.browser.post(kind, path, fields)
        return page

    def _board(self, location: str = "") -> Page:
        path = location or f"/staff/doctor/?session={self.session_id}"
        page = self.browser.get("doctor's page", path)
        if page.status == 303:
            self._sign_in_anew()
            page = self.browser.get("doctor's page", path)
        return page

    def _sign_in_anew(self) -> None:
        self.world.watch.count("pages found locked")
        self.browser.cookies |= self.world.sign_in(self.doctor.ref)


def _ticket_of(page: Page, ending: str) -> str:
    form = page.form(ending)
    return form[0].partition("?")[0].removesuffix(ending).rpartition("/")[2] if form else ""
