"""What the simulated people share: the hospital, the desks' errands, who is who, and the journal of what was done."""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.domain.checkin import venue_code
from app.models import Clinic, Ticket
from app.services import websessions
from app.web.house import House
from bench.day.browser import Browser, Watch
from bench.day.crew import Crew
from bench.day.plan import Options, Plan, Visit, WalkIn


@dataclass(frozen=True)
class Shown:
    """What a phone showed of a wait: the number, when, and the range in minutes; none where the page gave none."""

    ticket: str
    at: datetime
    low: int | None
    high: int | None


@dataclass(frozen=True)
class Errand:
    """Something that somebody wants at the desk: `what` is check_in, walk_in, put_back, from_tests or priority."""

    what: str
    visit: Visit | None = None
    ticket_id: str = ""
    walk_in: WalkIn | None = None


class Journal:
    """The acts that a client saw succeed: (event type, ticket, appointment or member). Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.acts: Counter[tuple[str, str]] = Counter()
        self.shown: list[Shown] = []

    def did(self, event_type: str, ref: str) -> None:
        with self._lock:
            self.acts[event_type, ref] += 1

    def saw(self, shown: Shown) -> None:
        with self._lock:
            self.shown.append(shown)


class World:
    """`house` is the client's own look into the hospital: the code on a screen, who stands before whom, a new sign-in."""

    def __init__(self, house: House, plan: Plan, options: Options, port: int) -> None:
        self.house, self.plan, self.options, self.port = house, plan, options, port
        self.watch, self.journal = Watch(), Journal()
        self.crew = Crew(house.clock, options.rate, self.watch.fail)
        self.errands: dict[str, deque[Errand]] = {clinic: deque() for clinic in plan.clinics}
        self._lock = threading.Lock()
        self._coming: Counter[str] = Counter()
        self._sitting = len(plan.doctors)
        self._visits = {v.appointment_id: v for party in plan.parties for v in party.visits}
        with house.reading_session() as session:
            self._secrets = {c.id: c.venue_secret for c in session.scalars(select(Clinic))}
        self._seeds = random.Random(options.seed + 1)

    def draw(self) -> random.Random:
        """Return a source of chance of its own for one of the people."""
        with self._lock:
            return random.Random(self._seeds.random())

    def browser(self, cookies: dict[str, str] | None = None) -> Browser:
        return Browser(self.port, self.watch, cookies)

    def sign_in(self, staff_ref: str) -> dict[str, str]:
        """Return the cookie of a new sitting: as if the password had been typed."""
        with self.house.writing_session() as session:
            return {"mz_staff": websessions.begin(session, "staff", staff_ref, self.house.clock())[0]}

    def code(self, clinic: str) -> str:
        """Return what the clinic's screen shows at this moment."""
        return venue_code(self._secrets[clinic], clinic, self.house.clock())

    @contextmanager
    def expected(self, clinic: str) -> Iterator[None]:
        self.expect(clinic)
        try:
            yield
        finally:
            self.came(clinic)

    def expect(self, clinic: str, count: int = 1) -> None:
        """Say that the clinic's doctors may not go home yet."""
        with self._lock:
            self._coming[clinic] += count

    def came(self, clinic: str) -> None:
        with self._lock:
            self._coming[clinic] -= 1

    def is_anybody_coming(self, clinic: str) -> bool:
        with self._lock:
            return self._coming[clinic] > 0

    def doctor_left(self) -> None:
        with self._lock:
            self._sitting -= 1

    @property
    def is_anybody_sitting(self) -> bool:
        return self._sitting > 0

    def ask_desk(self, clinic: str, errand: Errand) -> None:
        """Stand in the desk's line; the errand is expected until it is done."""
        self.expect(clinic)
        self.errands[clinic].append(errand)

    def know(self, appointment_id: str, visit: Visit) -> None:
        with self._lock:
            self._visits[appointment_id] = visit

    def ticket_of(self, appointment_id: str) -> str:
        """Return the ticket's id; empty where there is none."""
        with self.house.reading_session() as session:
            return session.scalar(select(Ticket.id).where(Ticket.appointment_id == appointment_id)) or ""

    def appointment_of(self, ticket_id: str) -> str:
        with self.house.reading_session() as session:
            return session.scalar(select(Ticket.appointment_id).where(Ticket.id == ticket_id)) or ""

    def visit_of(self, ticket_id: str) -> Visit | None:
        """Return who stands before the doctor; None for a walk-in whose slip is still being printed."""
        return self._visits.get(self.appointment_of(ticket_id))
