"""Whom one lets read, and saying that a look was not right: the same services as the patient's pages."""

from __future__ import annotations

from typing import Any

from app.domain.errors import NotAllowed, NotFound
from app.domain.permits import ChooseOneMore, parse_choice
from app.services import complaints as complaining
from app.services import permits as permitting
from app.services import rights
from app.web.api import answers_access as answers
from app.web.api import bp, forms
from app.web.api.operation import answer, operation, plain
from app.web.house import house
from app.web.login import bearer_required
from app.web.transaction import act, current_actor, data, reading


@bp.get("/readers")
@bearer_required
@operation(list[answers.Reader], [answers.READER])
def readers() -> Any:
    """The departments and doctors whom one may let read: those who hold sessions here, lately or soon."""
    with reading() as session:
        found = permitting.readers(session, house().clock())
    shown = [
        {
            "department_id": one.department_id,
            "name": one.name,
            "doctors": [{"ref": ref, "name": name, "title": title} for ref, name, title in one.doctors],
        }
        for one in found
    ]
    return answer(list[answers.Reader], shown)


@bp.get("/permits")
@bearer_required
@operation(list[answers.PersonPermits], [answers.PERSON_PERMITS])
def permits() -> Any:
    """Whom each of the account's people lets read. A person who decides that alone is left out."""
    actor, now = current_actor(), house().clock()
    found = []
    with reading() as session:
        for patient_ref, _since in rights.reached(session, actor, now):
            try:
                held = permitting.permits_of(session, actor, patient_ref, now)
            except (NotAllowed, NotFound):
                continue
            found.append({"patient_ref": patient_ref, "permits": held})
    return answer(list[answers.PersonPermits], found)


@bp.post("/permits")
@bearer_required
@operation(
    answers.Permit, answers.PERMIT, takes=forms.GivePermit, status=201, refuses=("choose_one_more", "permits_full")
)
def give_permit(body: forms.GivePermit) -> Any:
    """Let a doctor, or every doctor of a department, read parts of a record, from now on. It ends by itself after so many days."""
    if (body.doctor is None) == (body.department is None):
        raise ChooseOneMore("reader")
    reader = f"doctor:{body.doctor}" if body.doctor else f"department:{body.department}"
    choice = parse_choice(body.purpose, body.parts, str(body.days), reader)
    with act() as a:
        given = permitting.give(a.session, a.actor, body.person, choice, a.now)
        a.session.flush()
        held = permitting.permits_of(a.session, a.actor, body.person, a.now)
        a.answer = data(plain(answers.Permit, next(one for one in held if one.id == given)), 201)
    return a.sealed()


@bp.post("/permits/<permit_id>/withdraw")
@bearer_required
@operation(None, None, takes=forms.Nothing)
def withdraw_permit(permit_id: str, body: forms.Nothing) -> Any:
    """Take a consent back: from this moment on nobody reads on it."""
    with act() as a:
        permitting.withdraw(a.session, a.actor, permit_id, a.now)
        a.answer = data(None)
    return a.sealed()


@bp.get("/complaints")
@bearer_required
@operation(list[answers.Complaint], [answers.COMPLAINT])
def complaints() -> Any:
    """The account's own complaints with their answers, the newest first."""
    with reading() as session:
        return answer(
            list[answers.Complaint],
            [_shown(one) for one in complaining.complaints_of(session, current_actor(), house().clock())],
        )


@bp.get("/complaints/<complaint_id>")
@bearer_required
@operation(answers.Complaint, answers.COMPLAINT)
def complaint(complaint_id: str) -> Any:
    """One complaint: what was asked, by when it is answered, and the answer."""
    with reading() as session:
        found = complaining.one(session, current_actor(), complaint_id, house().clock())
        return answer(answers.Complaint, _shown(found))


@bp.post("/receipts/<event_id>/complaint")
@bearer_required
@operation(answers.Complaint, answers.COMPLAINT, takes=forms.Complain, status=201, refuses=("words_missing",))
def complain(event_id: str, body: forms.Complain) -> Any:
    """Say that a look (谁看过) was not right: an auditor has to answer. About the same look again, it is the same complaint."""
    with act() as a:
        made = complaining.complain(a.session, a.actor, event_id, body.words, a.now)
        a.session.flush()
        a.answer = data(plain(answers.Complaint, _shown(complaining.one(a.session, a.actor, made, a.now))), 201)
    return a.sealed()


def _shown(one: complaining.ComplaintView) -> dict[str, Any]:
    return {name: getattr(one, name) for name in answers.Complaint.model_fields}
