"""Orders and results: who may touch them, what each signature keeps, and who sees what when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.domain.actor import Actor
from app.domain.errors import BadInput, LabValueUnreadable, NotAllowed, NotFound, VisitClosed
from app.domain.orders import OrderMoved
from app.models import ClinicalRecord, ReportVersion
from app.services import lab, orders, queueing, records, results
from tests.fixtures_visit import Person, Ward
from tests.services.colleagues import elsewhere, hire
from tests.services.test_records import begin

BLOOD = {"6690-2": "5.1", "789-8": "4.6", "718-7": "58", "777-3": "220"}


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


@pytest.fixture
def scientist(ward: Ward) -> Actor:
    return hire(ward, "lab")


@pytest.fixture
def visit_id(ward: Ward, li: Person) -> str:
    return begin(ward, li)[0]


@pytest.fixture
def order_id(ward: Ward, visit_id: str) -> str:
    return str(ward.do(orders.place, ward.chen, visit_id, ["58410-2"]))


def sign(ward, scientist, order_id, values, *, is_final=True) -> None:
    ward.do(lab.sign, scientist, order_id, values, is_final=is_final)


def reported(ward, scientist, order_id, values=None) -> None:
    ward.do(lab.collect, scientist, order_id)
    sign(ward, scientist, order_id, values or BLOOD)


def read(ward, who, visit_id):
    return ward.do(records.open_visit, who.actor, visit_id)


def versions(ward):
    with ward.house.reading_session() as session:
        rows = session.scalars(select(ReportVersion).order_by(ReportVersion.number)).all()
        return [(row.number, row.status, row.version, results.values_of(session, row)["718-7"]) for row in rows]


def test_an_order_goes_from_the_doctor_to_a_report_that_doctor_and_patient_see_at_once(
    ward, li, scientist, visit_id, order_id
):
    assert [(o.sample, o.state) for o in read(ward, li, visit_id).orders] == [("S0001", "ordered")]
    reported(ward, scientist, order_id)

    mine = read(ward, li, visit_id)
    doctors = ward.do(records.open_own_visit, ward.chen, visit_id).chart

    for chart in (mine, doctors):
        [report] = chart.reports
        by_code = {m.code: m for m in report.measurements}
        assert report.status == "final" and [m.code for m in report.measurements] == [
            "6690-2",
            "789-8",
            "718-7",
            "777-3",
        ]
        assert (by_code["718-7"].value, by_code["718-7"].flag, by_code["718-7"].unit) == ("58", "LL", "g/L")
    told = ["order.placed", "sample.collected", "report.signed"]
    assert [kind for kind in ward.types(li.ref) if kind in told] == told


def test_no_receipt_says_what_was_ordered_or_found(ward, li, scientist, visit_id, order_id):
    reported(ward, scientist, order_id)
    ward.do(lab.amend, scientist, order_id, {**BLOOD, "718-7": "158"}, "typing", "管子贴错")
    for kind, own in ward.events(li.ref):
        if kind.startswith(("order.", "sample.", "report.")):
            assert own["detail"].get("sample", "S0001") == "S0001" and "reason" not in own
            assert set(own["detail"]) <= {"sample", "status", "revision", "changed"}, kind
            assert not any(word in str(own) for word in ("血", "管子", "typing")), kind


def test_an_amendment_keeps_what_was_said_and_shows_what_changed(ward, li, scientist, visit_id, order_id, clock):
    reported(ward, scientist, order_id)
    clock.now += timedelta(hours=1)
    ward.do(lab.amend, scientist, order_id, {**BLOOD, "718-7": "158"}, "typing", "管子贴错")

    [report] = read(ward, li, visit_id).reports
    [haemoglobin] = [m for m in report.measurements if m.code == "718-7"]
    assert (haemoglobin.value, haemoglobin.was) == ("158", ("58", "58"))
    first, second = report.versions
    assert (first.status, second.status, second.number, second.at) == ("final", "amended", 2, clock.now)
    assert [(c.name.zh, c.old.zh, c.new.zh) for c in second.changes] == [("血红蛋白", "58", "158")]
    assert (second.reason.zh, second.who.zh) == ("录入错误", "同事")
    assert versions(ward) == [(1, "final", 1, "58"), (2, "amended", 1, "158")]


def test_the_note_for_colleagues_is_read_by_staff_alone(ward, li, scientist, visit_id, order_id):
    reported(ward, scientist, order_id)
    ward.do(lab.amend, scientist, order_id, {**BLOOD, "718-7": "158"}, "typing", "管子贴错")
    assert read(ward, li, visit_id).reports[0].versions[-1].note == ""
    assert ward.do(records.open_own_visit, ward.chen, visit_id).chart.reports[0].versions[-1].note == "管子贴错"
    assert ward.do(lab.open_order, scientist, order_id).versions[-1].note == "管子贴错"


def test_each_version_is_bound_by_the_event_that_made_it(ward, li, scientist, order_id):
    reported(ward, scientist, order_id)
    ward.do(lab.amend, scientist, order_id, {**BLOOD, "718-7": "158"}, "typing", "")
    named = {
        kind: [o["type"] for o in own["objects"]] for kind, own in ward.events(li.ref) if kind.startswith("report.")
    }
    assert sorted(named["report.signed"]) == ["lab_order.v1", *["record.v1"] * 5, "report_version.v1"]
    # the order, the report, the one value that changed, the version; the three other values keep theirs
    assert sorted(named["report.amended"]) == ["lab_order.v1", *["record.v1"] * 2, "report_version.v1"]


def test_an_amendment_that_changes_nothing_or_gives_no_reason_is_refused(ward, li, scientist, order_id):
    reported(ward, scientist, order_id)
    with pytest.raises(lab.NothingChanged):
        ward.do(lab.amend, scientist, order_id, BLOOD, "typing", "")
    with pytest.raises(BadInput) as wrong:
        ward.do(lab.amend, scientist, order_id, {**BLOOD, "718-7": "158"}, "", "")
    assert wrong.value.field == "reason"
    with pytest.raises(LabValueUnreadable):
        ward.do(lab.amend, scientist, order_id, {**BLOOD, "718-7": ""}, "typing", "")
    assert versions(ward) == [(1, "final", 1, "58")]


def test_a_preliminary_report_holds_what_is_there_and_becomes_final_with_the_rest(
    ward, li, scientist, visit_id, order_id
):
    ward.do(lab.collect, scientist, order_id)
    sign(ward, scientist, order_id, {"718-7": "120"}, is_final=False)
    [report] = read(ward, li, visit_id).reports
    assert report.status == "preliminary" and [m.code for m in report.measurements] == ["718-7"]
    with pytest.raises(LabValueUnreadable):  # a final report has all its values
        sign(ward, scientist, order_id, {"718-7": "120"})
    sign(ward, scientist, order_id, {**BLOOD, "718-7": "120"})
    [report] = read(ward, li, visit_id).reports
    assert report.status == "final" and len(report.measurements) == 4


def test_the_sample_comes_before_the_result_and_a_final_report_is_amended_not_signed_again(ward, scientist, order_id):
    with pytest.raises(OrderMoved):
        sign(ward, scientist, order_id, BLOOD)
    reported(ward, scientist, order_id)
    with pytest.raises(OrderMoved):
        sign(ward, scientist, order_id, BLOOD)
    with pytest.raises(OrderMoved):
        ward.do(orders.cancel, ward.chen, order_id, "not_needed")


def test_a_sensitive_result_is_the_doctors_to_open_first_and_opens_by_itself_in_the_end(
    ward, li, scientist, visit_id, clock
):
    order_id = ward.do(orders.place, ward.chen, visit_id, ["20507-0", "15074-8"])
    reported(ward, scientist, order_id, {"20507-0": "positive", "15074-8": "5.0"})

    chart = read(ward, li, visit_id)
    assert chart.reports == () and chart.trends == ()
    [order] = chart.orders
    assert order.is_held and order.opens_at == clock.now + timedelta(days=3)
    assert len(ward.do(records.open_own_visit, ward.chen, visit_id).chart.reports) == 1
    opened = [own for kind, own in ward.events(li.ref) if kind == "record.opened" and own["actor"]["kind"] == "patient"]
    with ward.house.reading_session() as session:
        hidden = set(session.scalars(select(ClinicalRecord.id).where(ClinicalRecord.visit_id == visit_id)))
    assert not hidden & {
        o["id"] for own in opened for o in own["objects"]
    }  # what was not shown is not said to be opened

    clock.now += timedelta(days=3)
    assert len(read(ward, li, visit_id).reports) == 1


def test_the_doctor_opens_a_held_result_once(ward, li, scientist, visit_id):
    order_id = ward.do(orders.place, ward.chen, visit_id, ["20507-0"])
    reported(ward, scientist, order_id, {"20507-0": "positive"})
    for _ in range(2):
        ward.do(orders.release, ward.chen, order_id)
    [report] = read(ward, li, visit_id).reports
    assert report.measurements[0].value == "阳性" and report.measurements[0].value_en == "Positive"
    assert ward.types(li.ref).count("report.released") == 1


def test_an_amendment_does_not_hide_again_what_the_doctor_opened(ward, li, scientist, visit_id):
    order_id = ward.do(orders.place, ward.chen, visit_id, ["20507-0"])
    reported(ward, scientist, order_id, {"20507-0": "positive"})
    ward.do(orders.release, ward.chen, order_id)
    ward.do(lab.amend, scientist, order_id, {"20507-0": "negative"}, "wrong_sample", "")
    [report] = read(ward, li, visit_id).reports
    assert (report.measurements[0].value, report.measurements[0].was) == ("阴性", ("阳性", "Positive"))


def test_another_laboratory_another_doctor_and_other_staff_reach_nothing(ward, li, scientist, visit_id, order_id):
    other = elsewhere(ward, "lab")
    for verb in (lab.open_order, lab.collect):
        with pytest.raises(NotAllowed) as refused:
            ward.do(verb, other, order_id)
        assert refused.value.about == li.ref  # the attempt stands in the person's own log
    for actor in (ward.desk, hire(ward, "pharmacist"), ward.chen):
        with pytest.raises(NotAllowed):
            ward.do(lab.open_order, actor, order_id)
    with pytest.raises(NotFound):
        ward.do(orders.cancel, ward.lin, order_id, "not_needed")
    with pytest.raises(NotFound):
        ward.do(orders.place, ward.lin, visit_id, ["58410-2"])
    with pytest.raises(NotFound):
        ward.do(lab.collect, scientist, "no-such-order")
    with pytest.raises(NotAllowed):
        ward.do(records.open_visit, scientist, visit_id)


def test_the_list_is_masked_and_names_no_test(ward, li, scientist, order_id):
    work = ward.look(lab.work, scientist, ward.clinic)
    [line] = work.to_collect
    assert (line.sample, line.who.name, line.state) == ("S0001", "李*", "ordered")
    assert "血常规" not in repr(work) and "李明" not in repr(work)
    ward.do(lab.collect, scientist, order_id)
    assert [w.id for w in ward.look(lab.work, scientist, ward.clinic).to_measure] == [order_id]
    with pytest.raises(NotAllowed):
        ward.look(lab.work, elsewhere(ward, "lab"), ward.clinic)


def test_opening_an_order_discloses_the_person_and_the_order_once(ward, li, scientist, order_id):
    for _ in range(2):
        opened = ward.do(lab.open_order, scientist, order_id)
    assert opened.name == "李明" and opened.birth_on is not None
    kinds = [(kind, own["purpose"]) for kind, own in ward.events(li.ref) if own["actor"]["role"] == "lab"]
    assert kinds == [("identity.opened", "sample_check"), ("record.opened", "laboratory")]


def test_samples_of_a_day_are_numbered_without_a_gap_and_begin_anew_the_next(ward, visit_id, order_id, clock):
    again = [ward.do(orders.place, ward.chen, visit_id, ["15074-8"]) for _ in range(3)]
    chart = ward.do(records.open_own_visit, ward.chen, visit_id).chart
    assert [o.sample for o in chart.orders] == ["S0001", "S0002", "S0003", "S0004"] and len(set(again)) == 3
    clock.now += timedelta(hours=20)
    ward.do(orders.place, ward.chen, visit_id, ["15074-8"])
    assert ward.do(records.open_own_visit, ward.chen, visit_id).chart.orders[-1].sample == "S0001"


def test_tests_are_ordered_during_the_visit_and_measured_after_it(ward, li, scientist):
    visit_id, ticket = begin(ward, li)
    order_id = ward.do(orders.place, ward.chen, visit_id, ["15074-8"])
    ward.do(queueing.finish, ward.chen, ticket)
    with pytest.raises(VisitClosed):
        ward.do(orders.place, ward.chen, visit_id, ["15074-8"])
    reported(ward, scientist, order_id, {"15074-8": "7.0"})
    assert read(ward, li, visit_id).reports[0].measurements[0].flag == "H"
