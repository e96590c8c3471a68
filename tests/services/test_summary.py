"""A person's lists, documents and courses: written while treating, read by right, and every version of them kept and named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.domain import attachments as papers
from app.domain import clinical, problems
from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.clinical import Kind
from app.domain.errors import NotAllowed, NotFound, VisitClosed
from app.models import (
    Bound,
    ClinicalRecord,
    Document,
    DocumentContent,
    Immunization,
    KeptVersion,
    Problem,
    Ticket,
)
from app.services import attachments, lab, orders, pharmacy, queueing, records, summary, timeline, versions
from app.services import problems as lists
from tests.fixtures_visit import Person, Ward
from tests.papers import PDF, PNG
from tests.services.colleagues import hire
from tests.services.test_records import begin, opened, write


def measured(ward: Ward, scientist: Actor, visit_id: str, panel: str, value: str) -> str:
    """Return an order whose result was signed."""
    order = ward.do(orders.place, ward.chen, visit_id, [panel])
    ward.do(lab.collect, scientist, order)
    ward.do(lambda s, a, now: lab.sign(s, a, order, {panel: value}, now, is_final=True), scientist)
    return str(order)


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


@pytest.fixture
def visit(ward: Ward, li: Person) -> str:
    return begin(ward, li)[0]


def problem(ward: Ward, visit_id: str, code: str = "I10") -> str:
    payload = problems.problem(code, onset="2019-05-01", today_on=hospital_day(ward.now))
    return str(ward.do(lists.record_problem, ward.chen, visit_id, payload))


def attach(ward: Ward, visit_id: str, data: bytes = PDF) -> str:
    return str(ward.do(attachments.attach, ward.chen, visit_id, papers.document("胸片", "report", data), data))


def test_a_persons_lists_are_one_page_and_one_disclosure(ward, li, visit):
    problem(ward, visit)
    given = problems.immunization("influenza", "1", "A123")
    ward.do(lists.record_immunization, ward.chen, visit, given, hospital_day(ward.now))
    attach(ward, visit)
    ward.do(records.sign, ward.chen, visit, Kind.ALLERGY, clinical.allergy("penicillin", "皮疹"))

    known = ward.do(summary.open_summary, li.actor, li.ref)

    assert [(p.code, p.name.zh, p.onset, p.is_present) for p in known.problems] == [
        ("I10", "原发性高血压", "2019-05-01", True)
    ]
    assert [(i.name.en, i.lot) for i in known.immunizations] == [("Influenza vaccine", "A123")]
    assert [(p.title, p.media_type, p.size) for p in known.papers] == [("胸片", "application/pdf", len(PDF))]
    assert [a.name.zh for a in known.allergies] == ["青霉素类"]
    assert [own["detail"] for own in opened(ward, li)] == [{"count": 4}]
    assert {o["type"] for o in opened(ward, li)[0]["objects"]} == {
        "problem.v1", "immunization.v1", "document.v1", "record.v1",
    }  # fmt: skip


def test_only_what_is_being_taken_counts_as_medicine(ward, li, visit, clock):
    pharmacist = hire(ward, "pharmacist")
    lines = [clinical.prescription_line("二甲双胍片", "0.5 g", "每天两次", "10")]
    written = ward.do(records.sign, ward.chen, visit, Kind.PRESCRIPTION, clinical.prescription(lines))
    assert ward.do(summary.open_summary, li.actor, li.ref).medicines == ()
    ward.do(pharmacy.accept, pharmacist, written)
    assert [m.line.name for m in ward.do(summary.open_summary, li.actor, li.ref).medicines] == ["二甲双胍片"]
    clock.now += timedelta(days=10)
    assert ward.do(summary.open_summary, li.actor, li.ref).medicines == ()


def test_strangers_and_doctors_elsewhere_open_nothing(ward, li, visit):
    paper = attach(ward, visit)
    stranger = ward.person()
    for actor, refusal in ((stranger.actor, NotFound), (ward.lin, NotAllowed)):
        for service, about in ((summary.open_summary, li.ref), (attachments.open_file, paper)):
            with pytest.raises(refusal):
                ward.do(service, actor, about)
    assert opened(ward, li) == []


def test_nobody_writes_after_the_visit_or_in_another_persons(ward, li, visit):
    mine, paper = problem(ward, visit), attach(ward, visit)
    other = begin_other(ward)
    with pytest.raises(NotFound):
        ward.do(lists.change_problem, ward.chen, other, mine, "resolved", "")
    with pytest.raises(NotFound):
        ward.do(lists.change_problem, ward.lin, visit, mine, "resolved", "")
    with pytest.raises(NotFound):
        ward.do(attachments.withdraw, ward.chen, other, paper)


def begin_other(ward: Ward) -> str:
    """Finish the visit under way and return that of somebody else."""
    with ward.house.reading_session() as session:
        ticket = session.query(Ticket).one().id
    ward.do(queueing.finish, ward.chen, ticket)
    return begin(ward, ward.person(), ward.plan_again())[0]


def test_a_finished_visit_takes_no_more(ward, li):
    visit_id, ticket = begin(ward, li)
    mine = problem(ward, visit_id)
    ward.do(queueing.finish, ward.chen, ticket)
    for act in (
        lambda: problem(ward, visit_id),
        lambda: attach(ward, visit_id),
        lambda: ward.do(lists.change_problem, ward.chen, visit_id, mine, "resolved", ""),
    ):
        with pytest.raises(VisitClosed):
            act()


def test_a_status_that_it_has_is_no_change(ward, li, visit):
    mine = problem(ward, visit)
    with pytest.raises(problems.NothingNew):
        ward.do(lists.change_problem, ward.chen, visit, mine, "active", "")


def test_a_document_comes_back_byte_for_byte_and_each_opening_is_recorded_once(ward, li, visit):
    paper = attach(ward, visit, PNG)
    file = ward.do(attachments.open_file, li.actor, paper)
    assert (file.data, file.media_type, file.suffix) == (PNG, "image/png", "png")
    ward.do(attachments.open_file, li.actor, paper)
    assert [own["detail"]["count"] for own in opened(ward, li)] == [2]
    ward.do(attachments.withdraw, ward.chen, visit, paper)
    with pytest.raises(NotFound):
        ward.do(attachments.open_file, li.actor, paper)
    assert ward.do(summary.open_summary, li.actor, li.ref).papers == ()


def test_the_bytes_of_one_document_do_not_open_as_anothers(ward, li, visit):
    first, second = attach(ward, visit, PNG), attach(ward, visit, PDF)
    with ward.house.writing_session() as session:
        rows = {r.document_id: r for r in session.query(DocumentContent).all()}
        rows[first].sealed, rows[second].sealed = rows[second].sealed, rows[first].sealed
    with pytest.raises(Exception, match="does not open"):
        ward.do(attachments.open_file, li.actor, first)


def test_a_paper_of_a_held_report_is_held_with_it(ward, li, visit):
    scientist = hire(ward, "lab")
    order = measured(ward, scientist, visit, "20507-0", "positive")
    paper = ward.do(attachments.attach_to_report, scientist, order, papers.document("原始图谱", "report", PDF), PDF)
    with pytest.raises(NotFound):
        ward.do(attachments.open_file, li.actor, paper)
    assert ward.do(summary.open_summary, li.actor, li.ref).papers == ()
    assert ward.do(records.open_visit, li.actor, visit).papers == ()
    assert [p.title for p in ward.do(records.open_own_visit, ward.chen, visit).chart.papers] == ["原始图谱"]


def test_every_version_of_every_row_is_named_by_an_event_with_its_digest(ward, li, visit):
    """Through every verb that changes a row: what is kept, and what is present, is what a receipt speaks of."""
    pharmacist, scientist = hire(ward, "pharmacist"), hire(ward, "lab")
    mine = problem(ward, visit)
    ward.do(lists.change_problem, ward.chen, visit, mine, "remission", "")
    ward.do(lists.change_problem, ward.chen, visit, mine, "active", "")
    ward.do(attachments.withdraw, ward.chen, visit, attach(ward, visit))
    write(ward, visit)
    lines = [clinical.prescription_line("二甲双胍片", "0.5 g", "每天两次", "10")]
    written = ward.do(records.sign, ward.chen, visit, Kind.PRESCRIPTION, clinical.prescription(lines))
    ward.do(pharmacy.accept, pharmacist, written)
    ward.do(pharmacy.dispense, pharmacist, written)
    order = measured(ward, scientist, visit, "15074-8", "7.9")
    ward.do(lab.amend, scientist, order, {"15074-8": "8.9"}, "typing", "")

    with ward.house.reading_session() as session:
        rows: list[Bound] = []
        for model in (Problem, Immunization, Document, ClinicalRecord):
            rows += session.query(model).filter_by(patient_ref=li.ref).all()
        found = versions.of_rows(session, li.ref, rows)
        kept = session.query(KeptVersion).count()
    assert kept >= 7 and len(found) == len(rows) + kept
    assert [(v.object, v.number) for v in found if v.event_id is None] == []
    assert [v.number for v in found if v.id == mine] == [3, 2, 1]
    assert {v.who.zh for v in found if v.id == mine} == {"陈大夫"}


def test_a_byte_changed_in_the_database_leaves_a_version_that_no_event_names(ward, li, visit):
    mine = problem(ward, visit)
    with ward.house.writing_session() as session:
        session.execute(Problem.__table__.update().values(status="resolved"))
    with ward.house.reading_session() as session:
        (version,) = versions.of_rows(session, li.ref, [session.get_one(Problem, mine)])
    assert version.event_id is None


def test_a_clinical_row_cannot_change_without_its_next_version(ward, li, visit):
    mine = problem(ward, visit)
    with pytest.raises(ValueError, match="without a next version"), ward.house.writing_session() as session:
        session.get_one(Problem, mine).status = "resolved"
        session.flush()


def test_a_course_opens_the_values_of_one_measurement_and_no_others(ward, li, clock):
    visits = []
    for value in ("7.2", "6.8", "6.0"):
        visit_id, ticket = begin(ward, li, ward.plan_again())
        write(ward, visit_id, value)
        ward.do(queueing.finish, ward.chen, ticket)
        visits.append(visit_id)
        clock.now += timedelta(days=30)
    trend = ward.do(records.open_visit, li.actor, visits[-1]).trends[0]
    other = Actor("patient", li.actor.ref, "patient", "another")
    course = ward.do(summary.open_course, other, trend.record_id)
    assert [m.value for m, _ in course.values] == ["6.0", "6.8", "7.2"]
    assert [str(p.number) for p in course.trends[0].points] == ["7.2", "6.8", "6.0"]
    assert [own["detail"]["count"] for own in opened(ward, li)][-1] == 3


def test_a_course_goes_on_below_its_page(ward, li, clock, monkeypatch):
    monkeypatch.setattr(summary, "POINTS", 2)
    for value in ("7.2", "6.8", "6.0"):
        visit_id, ticket = begin(ward, li, ward.plan_again())
        write(ward, visit_id, value)
        ward.do(queueing.finish, ward.chen, ticket)
        clock.now += timedelta(days=30)
    newest = ward.do(records.open_visit, li.actor, visit_id).trends[0].record_id
    first = ward.do(summary.open_course, li.actor, newest)
    second = ward.do(summary.open_course, li.actor, newest, after=first.older)
    assert [m.value for m, _ in first.values] == ["6.0", "6.8"] and [m.value for m, _ in second.values] == ["7.2"]
    assert second.older is None and first.is_newest and not second.is_newest


def test_series_of_two_people_have_nothing_in_common(ward, li, visit):
    write(ward, visit)
    write(ward, begin_other(ward))
    with ward.house.reading_session() as session:
        keys = [row.series for row in session.query(ClinicalRecord).filter_by(kind="observation")]
    assert None not in keys and len(set(keys)) == 4


def test_the_timeline_pages_through_every_visit_once(ward, li, clock):
    ids = []
    for _ in range(5):
        visit_id, ticket = begin(ward, li, ward.plan_again())
        ward.do(queueing.finish, ward.chen, ticket)
        ids.append(visit_id)
        clock.now += timedelta(days=100)
    seen, after = [], ""
    while True:
        page = ward.do(lambda s, a, now, after=after: timeline.page(s, a, li.ref, now, after=after, limit=2), li.actor)
        seen += [line.id for _, line in page.lines]
        if page.older is None:
            break
        after = page.older
    assert seen == ids[::-1]
    assert opened(ward, li) == []


def test_the_timeline_is_filtered_by_year_kind_and_department_under_keys_that_name_nothing(ward, li, clock):
    first, ticket = begin(ward, li)
    write(ward, first)
    ward.do(queueing.finish, ward.chen, ticket)
    clock.now += timedelta(days=365)
    second, ticket = begin(ward, li, ward.plan_again())
    ward.do(queueing.finish, ward.chen, ticket)

    def look(**filters):
        return ward.do(lambda s, a, now: timeline.page(s, a, li.ref, now, **filters), li.actor)

    def ids(page):
        return [line.id for _, line in page.lines]

    whole = look()
    assert ids(whole) == [second, first] and [y.what for y in whole.years] == ["2027", "2026"]
    assert ids(look(year="2026")) == [first]
    kinds = {k.what: k.key for k in whole.kinds}
    assert ids(look(kind=kinds["report"])) == [first] and ids(look(kind=kinds["document"])) == []
    assert [d.words.zh for d in whole.departments] == ["心内科"]
    assert ids(look(department=whole.departments[0].key)) == [second, first]
    assert ids(look(kind="report", department="cardiology", year="x", after="nobody's")) == [second, first]
    assert ward.department not in {d.key for d in whole.departments}
