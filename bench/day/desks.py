"""The desks' tablets: check-ins without a phone, walk-ins, priority, who is back. They are flaky, and repeat themselves."""

from __future__ import annotations

import secrets

from bench.day.browser import Browser, Page
from bench.day.crew import Steps
from bench.day.plan import WalkIn
from bench.day.world import Errand, World

REPEATED = 0.15  # of presses are sent twice with their key …
CUT = 0.3  # … of those, so many because the connection was cut before the answer
SIGN_INS = 12  # to be through with one press on a machine so busy that the page locks meanwhile
ACTIVE_EVERY = 200.0  # seconds: a page in use says so; after five minutes and a half without, it is locked


def work(world: World, clinic: str, ref: str) -> Steps:
    """Do what people want at this tablet until the doctors have gone home."""
    tablet = Tablet(world, clinic, ref)
    tablet.open_board()
    told_at = world.house.clock()
    while world.is_anybody_sitting or world.errands[clinic]:
        if (world.house.clock() - told_at).total_seconds() > ACTIVE_EVERY:
            told_at = world.house.clock()
            tablet.say_active()
        try:
            errand = world.errands[clinic].popleft()
        except IndexError:
            yield tablet.draw.uniform(5, 15)
            continue
        yield tablet.draw.uniform(6, 14)  # papers, words
        try:
            tablet.do(errand)
        finally:
            world.came(clinic)


class Tablet:
    """One tablet of a clinic's desk."""

    def __init__(self, world: World, clinic: str, ref: str) -> None:
        self.world, self.clinic, self.ref = world, clinic, ref
        self.draw = world.draw()
        self.browser: Browser = world.browser(world.sign_in(ref))

    def open_board(self) -> None:
        self.browser.get("desk board", f"/staff/desk/?clinic={self.clinic}")

    def say_active(self) -> None:
        self._post("still here", "/staff/active", [], is_page=True)

    def do(self, errand: Errand) -> None:
        if errand.walk_in is not None:
            self._walk_in(errand.walk_in)
            return
        visit, ticket_id = errand.visit, errand.ticket_id
        if visit is not None and errand.what == "check_in":
            if self._press("desk check-in", f"visits/{visit.appointment_id}/check-in").status == 200:
                self.world.journal.did("appointment.checked_in", visit.appointment_id)
            if not visit.is_elder:
                return
            errand = Errand("priority", visit)
        if visit is not None and errand.what == "priority":
            ticket_id = self.world.ticket_of(visit.appointment_id)
            ground = [("ground", "elder:document_seen")]
            if ticket_id and self._press("priority", f"tickets/{ticket_id}/priority", ground).status == 200:
                self.world.journal.did("ticket.priority_granted", ticket_id)
        if errand.what == "put_back" and self._press("put back", f"tickets/{ticket_id}/put-back").status == 200:
            self.world.journal.did("ticket.requeued", ticket_id)
        if errand.what == "from_tests" and self._press("back from tests", f"tickets/{ticket_id}/back").status == 200:
            self.world.journal.did("ticket.returned", ticket_id)

    def _walk_in(self, walk_in: WalkIn) -> None:
        now = self.world.house.clock()
        open_ones = [
            (begins, session)
            for doctor in self.world.plan.doctors
            if doctor.clinic == self.clinic
            for session, begins, ends in doctor.sessions
            if ends > now
        ]
        if not open_ones:
            self.world.watch.count("walk-ins too late for any doctor")
            return
        soonest = min(begins for begins, _ in open_ones)
        session = self.draw.choice([session for begins, session in open_ones if begins == soonest])
        form = self._page("walk-in page", f"/staff/desk/walk-in?clinic={self.clinic}").form("/walk-in")
        if form is None:
            self.world.watch.fail("the page for walk-ins has no form")
            return
        typed = {"document": "resident_id", "number": walk_in.number, "name": walk_in.name, "session": session}
        fields = [pair for pair in form[1] if pair[0] in ("csrf_token", "idempotency_key", "clinic")]
        answer = self._flaky("walk-in", form[0], [*fields, *typed.items()], is_page=False)
        if answer.status != 303 or "/tickets/" not in answer.location:
            return
        ticket_id = answer.location.partition("/tickets/")[2].partition("/")[0]
        self.world.know(self.world.appointment_of(ticket_id), walk_in.visit)
        for event_type in ("person.registered", "appointment.walked_in", "appointment.checked_in"):
            self.world.journal.did(event_type, ticket_id)
        self.browser.get("slip", answer.location)

    def _press(self, kind: str, path: str, fields: list[tuple[str, str]] | None = None) -> Page:
        sent = [("clinic", self.clinic), *(fields or []), ("idempotency_key", secrets.token_urlsafe(16))]
        return self._flaky(kind, f"/staff/desk/{path}", sent, is_page=True)

    def _flaky(self, kind: str, path: str, fields: list[tuple[str, str]], *, is_page: bool) -> Page:
        """Send a press, now and then twice, or once more after the connection was cut. Both answers must be the same."""
        repeats = self.draw.random() < REPEATED
        if not repeats:
            return self._post(kind, path, fields, is_page=is_page)
        guarded = [(n, v) for n, v in fields if n != "csrf_token"] + [("csrf_token", self.browser.form_token)]
        if self.draw.random() < CUT:
            self.browser.cut(path, guarded, is_page=is_page)
            return self._post(kind, path, fields, is_page=is_page)
        first = self._post(kind, path, fields, is_page=is_page)
        again = self._post(kind, path, fields, is_page=is_page)
        self.world.watch.count("presses sent twice")
        if (first.status, first.location) != (again.status, again.location) and first.status < 400:
            self.world.watch.fail(f"{kind}: sent again it was answered by {again.status}, at first by {first.status}")
        return first

    def _post(self, kind: str, path: str, fields: list[tuple[str, str]], *, is_page: bool) -> Page:
        """Send it as the browser's own; a page that was left alone too long (a slow machine) is signed in to anew."""
        for _ in range(SIGN_INS):
            sent = [(n, v) for n, v in fields if n != "csrf_token"] + [("csrf_token", self.browser.form_token)]
            page = self.browser.post(kind, path, sent, is_page=is_page)
            if page.status != 401:
                break
            self._sign_in_anew()
        return page

    def _page(self, kind: str, path: str) -> Page:
        page = self.browser.get(kind, path)
        if page.status == 303:
            self._sign_in_anew()
            page = self.browser.get(kind, path)
        return page

    def _sign_in_anew(self) -> None:
        self.world.watch.count("pages found locked")
        self.browser.cookies |= self.world.sign_in(self.ref)
