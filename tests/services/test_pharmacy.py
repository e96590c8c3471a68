"""Prescriptions: nothing is in force before a pharmacist said so, and everybody sees where it stands."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.domain import clinical, prescribing
from app.domain.actor import Actor
from app.domain.clinical import Kind
from app.domain.errors import BadInput, NotAllowed, NotFound
from app.domain.prescribing import Check, PrescriptionMoved, Status
from app.services import inbox, pharmacy, queueing, records
from tests.fixtures_visit import Person, Ward
from tests.services.colleagues import elsewhere, hire
from tests.services.test_records import begin

AMOXICILLIN = clinical.prescription_line("阿莫西林胶囊", "0.5 g", "每天三次", "7")
AZITHROMYCIN = clinical.prescription_line("阿奇霉素片", "0.5 g", "每天一次", "3")


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


@pytest.fixture
def pharmacist(ward: Ward) -> Actor:
    return hire(ward, "pharmacist")


@pytest.fixture
def visit(ward: Ward, li: Person) -> tuple[str, str]:
    return begin(ward, li)


def prescribe(ward, visit_id, *lines) -> str:
    payload = clinical.prescription(list(lines or [AMOXICILLIN]))
    return str(ward.do(records.sign, ward.chen, visit_id, Kind.PRESCRIPTION, payload))


def allergic(ward, visit_id, substance="penicillin", note="") -> None:
    ward.do(records.sign, ward.chen, visit_id, Kind.ALLERGY, clinical.allergy(substance, note))


def sign_again(ward, record_id, lines, why="") -> str:
    return ward.do(pharmacy.sign_again, ward.chen, record_id, lines, why)


def seen_by(ward, li, visit_id):
    [prescription] = ward.do(records.open_visit, li.actor, visit_id).prescriptions
    return prescription


def test_what_the_doctor_signed_is_not_in_force_until_the_pharmacist_accepts_it(ward, li, pharmacist, visit):
    record_id = prescribe(ward, visit[0])
    mine = seen_by(ward, li, visit[0])
    assert (mine.status, mine.is_in_force) == ("signed", False)
    ward.do(pharmacy.accept, pharmacist, record_id)
    mine = seen_by(ward, li, visit[0])
    assert (mine.status, mine.is_in_force, [s.what for s in mine.steps]) == ("active", True, ["accepted"])
    ward.do(pharmacy.dispense, pharmacist, record_id)
    assert seen_by(ward, li, visit[0]).status == "dispensed"
    told = [kind for kind in ward.types(li.ref) if kind.startswith("prescription.")]
    assert told == ["prescription.signed", "prescription.reviewed", "prescription.dispensed"]


def test_the_review_shows_what_it_needs_and_nothing_else(ward, li, pharmacist, visit, clock):
    earlier = prescribe(ward, visit[0], clinical.prescription_line("华法林片", "3 mg", "每天一次", "30"))
    ward.do(pharmacy.accept, pharmacist, earlier)
    allergic(ward, visit[0])
    ward.do(records.sign, ward.chen, visit[0], Kind.DIAGNOSIS, clinical.diagnosis("I10"))
    record_id = prescribe(ward, visit[0])

    review = ward.do(pharmacy.open_review, pharmacist, record_id)

    assert [line.name for line in review.active] == ["华法林片"] and [a.substance for a in review.allergies] == [
        "penicillin"
    ]
    assert (review.who.name, review.who.age is not None, review.weight_kg) == ("李*", True, None)
    assert [f.check for f in review.findings] == [Check.ALLERGY]
    assert "李明" not in repr(review) and "I10" not in repr(review) and "高血压" not in repr(review)
    [look] = [
        own for kind, own in ward.events(li.ref) if kind == "record.opened" and own["actor"]["role"] == "pharmacist"
    ]
    assert (look["purpose"], look["detail"]) == (
        "prescription_review",
        {"count": 2},
    )  # the one in force was seen when it was accepted


def test_what_was_used_up_is_not_taken_now(ward, li, pharmacist, visit, clock):
    earlier = prescribe(ward, visit[0])
    ward.do(pharmacy.accept, pharmacist, earlier)
    record_id = prescribe(ward, visit[0], AZITHROMYCIN)
    assert ward.do(pharmacy.open_review, pharmacist, record_id).active != ()
    clock.now += timedelta(days=7, minutes=1)
    assert ward.do(pharmacy.open_review, pharmacist, record_id).active == ()


def test_a_returned_one_goes_back_with_its_reason_and_comes_again_changed(ward, li, pharmacist, visit):
    record_id = prescribe(ward, visit[0])
    ward.do(pharmacy.send_back, pharmacist, record_id, "allergy", "青霉素皮试阳性")
    [line] = ward.look(inbox.came_back, ward.chen)
    assert (line.what, line.visit_id, line.who.name) == ("returned", visit[0], "李*")
    mine = seen_by(ward, li, visit[0])
    assert (mine.status, mine.is_in_force) == ("returned", False)
    assert (mine.steps[0].reason.zh, mine.steps[0].note) == ("与过敏记录冲突", "")
    doctors = ward.do(records.open_own_visit, ward.chen, visit[0]).chart.prescriptions[0]
    assert doctors.steps[0].note == "青霉素皮试阳性"

    assert sign_again(ward, record_id, [AZITHROMYCIN]) == visit[0]

    mine = seen_by(ward, li, visit[0])
    assert (mine.status, [x.name for x in mine.lines]) == ("signed", ["阿奇霉素片"])
    assert [x.name for x in mine.steps[-1].lines] == ["阿莫西林胶囊"]  # what was returned stays readable
    rounds = [own["detail"]["round"] for kind, own in ward.events(li.ref) if kind == "prescription.signed"]
    assert rounds == [1, 2]


def test_signing_the_same_again_needs_a_reason(ward, pharmacist, visit):
    record_id = prescribe(ward, visit[0])
    ward.do(pharmacy.send_back, pharmacist, record_id, "dose", "")
    with pytest.raises(BadInput):
        sign_again(ward, record_id, [AMOXICILLIN], "  ")
    sign_again(ward, record_id, [AMOXICILLIN], "重症，已查体重")
    review = ward.do(pharmacy.open_review, pharmacist, record_id)
    assert (review.status, review.steps[-1].what, review.steps[-1].note) == ("signed", "overridden", "重症，已查体重")


def test_the_doctor_answers_also_after_the_visit_was_finished(ward, pharmacist, visit):
    record_id = prescribe(ward, visit[0])
    ward.do(queueing.finish, ward.chen, visit[1])
    ward.do(pharmacy.send_back, pharmacist, record_id, "dose", "")
    sign_again(ward, record_id, [AZITHROMYCIN])


def test_another_pharmacy_another_doctor_and_other_staff_reach_nothing(ward, li, pharmacist, visit):
    record_id = prescribe(ward, visit[0])
    for actor in (elsewhere(ward, "pharmacist"), hire(ward, "lab"), ward.desk, ward.chen):
        for verb in (pharmacy.open_review, pharmacy.accept, pharmacy.dispense):
            with pytest.raises(NotAllowed):
                ward.do(verb, actor, record_id)
        with pytest.raises(NotAllowed):
            ward.look(pharmacy.work, actor, ward.clinic)
    ward.do(pharmacy.send_back, pharmacist, record_id, "dose", "")
    with pytest.raises(NotFound):
        ward.do(pharmacy.sign_again, ward.lin, record_id, [AZITHROMYCIN], "")
    with pytest.raises(NotAllowed):
        ward.do(records.open_visit, pharmacist, visit[0])
    with pytest.raises(NotFound):
        ward.do(pharmacy.accept, pharmacist, "no-such-record")


def test_what_is_no_prescription_is_not_found(ward, pharmacist, visit):
    advice = ward.do(records.sign, ward.chen, visit[0], Kind.ADVICE, clinical.advice("多喝水"))
    with pytest.raises(NotFound):
        ward.do(pharmacy.open_review, pharmacist, advice)


def test_no_receipt_says_what_was_prescribed_or_why_it_came_back(ward, li, pharmacist, visit):
    allergic(ward, visit[0], "other", "花生酱")
    record_id = prescribe(ward, visit[0])
    ward.do(pharmacy.send_back, pharmacist, record_id, "allergy", "看过敏史")
    for kind, own in ward.events(li.ref):
        if kind.startswith(("prescription.", "allergy.")):
            assert not any(word in str(own) for word in ("阿莫西林", "花生", "过敏", "penicillin", "看")), kind


def test_the_list_is_masked_and_names_no_medicine(ward, li, pharmacist, visit):
    prescribe(ward, visit[0])
    work = ward.look(pharmacy.work, pharmacist, ward.clinic)
    assert work.to_review[0].who.name == "李*" and "阿莫西林" not in repr(work) and "李明" not in repr(work)


def test_an_allergy_from_the_list_needs_no_words_and_another_one_does():
    assert clinical.allergy("penicillin")["name_zh"] == "青霉素类"
    for substance, note, field in (("other", " ", "note"), ("gold", "", "substance")):
        with pytest.raises(BadInput) as wrong:
            clinical.allergy(substance, note)
        assert wrong.value.field == field


def test_whatever_is_pressed_in_whatever_order_only_a_review_puts_a_prescription_in_force(ward, li, pharmacist, visit):
    """The table of states as the service keeps it: every press either is in the table or changes nothing."""

    class Presses(RuleBasedStateMachine):
        @initialize()
        def begin(self):
            self.id = prescribe(ward, visit[0])
            self.status, self.was_reviewed = Status.SIGNED, False

        def press(self, new, verb):
            if new in prescribing.TRANSITIONS[self.status]:
                verb()
                self.status = new
            else:
                with pytest.raises(PrescriptionMoved):
                    verb()

        @rule()
        def accept(self):
            self.was_reviewed = self.was_reviewed or self.status is Status.SIGNED
            self.press(Status.ACTIVE, lambda: ward.do(pharmacy.accept, pharmacist, self.id))

        @rule(reason=st.sampled_from(sorted(prescribing.RETURN_REASONS)))
        def send_back(self, reason):
            self.press(Status.RETURNED, lambda: ward.do(pharmacy.send_back, pharmacist, self.id, reason, ""))

        @rule()
        def dispense(self):
            self.press(Status.DISPENSED, lambda: ward.do(pharmacy.dispense, pharmacist, self.id))

        @rule(lines=st.sampled_from([[AMOXICILLIN], [AZITHROMYCIN]]))
        def sign_again(self, lines):
            self.press(Status.SIGNED, lambda: sign_again(ward, self.id, lines, "理由"))

        @precondition(lambda self: hasattr(self, "id"))
        @invariant()
        def it_is_where_the_table_says(self):
            mine = ward.do(records.open_own_visit, ward.chen, visit[0]).chart.prescriptions
            [found] = [one for one in mine if one.id == self.id]
            assert (found.status, found.is_in_force) == (self.status, self.status in prescribing.IN_FORCE)
            assert self.was_reviewed or not found.is_in_force

    Presses.TestCase.settings = settings(
        max_examples=6, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
    )
    Presses.TestCase().runTest()
