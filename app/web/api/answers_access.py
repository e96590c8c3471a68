"""What the API gives of consents to read and of complaints, and one example of each; see `answers`."""

from __future__ import annotations

from datetime import datetime

from app.web.api.answers import Given, Words
from app.web.api.examples import DOCTOR, ENDS, EVENT, REF, STARTS, TITLE, WORDS


class ReaderDoctor(Given):
    """A doctor who may be let read."""

    ref: str
    name: Words
    title: Words


class Reader(Given):
    """A department that may be let read, and its doctors, each of whom may be alone."""

    department_id: str
    name: Words
    doctors: list[ReaderDoctor]


class Permit(Given):
    """A consent. `state`: in_force, withdrawn, over. `parts`: visits, medicines, results, allergies, vaccines, documents. Who may read
    is `doctor`, or every doctor of `department`."""

    id: str
    patient_ref: str
    purpose: str
    parts: list[str]
    is_all: bool
    department: Words | None
    doctor: Words | None
    state: str
    since_at: datetime
    until_at: datetime
    withdrawn_at: datetime | None


class PersonPermits(Given):
    """The consents of one person: those in force first, then the latest."""

    patient_ref: str
    permits: list[Permit]


class Complaint(Given):
    """A complaint about a look. `state`: open or answered; `outcome`, once answered: in_order, not_in_order, unclear. An answer is owed until
    `due_at`."""

    id: str
    event_id: str
    state: str
    outcome: str
    words: str
    answer: str
    made_at: datetime
    due_at: datetime
    answered_at: datetime | None


READER = {"department_id": REF, "name": WORDS, "doctors": [{"ref": REF, "name": DOCTOR, "title": TITLE}]}
PERMIT = {
    "id": REF, "patient_ref": REF, "purpose": "second_opinion", "parts": ["medicines", "results"], "is_all": False, "department": None,
    "doctor": DOCTOR, "state": "in_force", "since_at": STARTS, "until_at": "2026-03-08T16:00:00Z", "withdrawn_at": None,
}  # fmt: skip
PERSON_PERMITS = {"patient_ref": REF, "permits": [PERMIT]}
COMPLAINT = {
    "id": REF, "event_id": EVENT, "state": "open", "outcome": "", "words": "我那天没有来看病", "answer": "", "made_at": ENDS,
    "due_at": "2026-03-17T02:40:00Z", "answered_at": None,
}  # fmt: skip
