"""A shared link opens what was chosen, for as long as its person lets it, and every opening and refusal stands in their own log."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.domain import clinical
from app.domain.clinical import Kind
from app.domain.errors import NotAllowed, NotFound, TooMany
from app.domain.fhir.write import Frame
from app.domain.shares import MOST_IN_FORCE, MOST_WRONG, TRY_LIFE, Choice, ShareOver, SharesFull
from app.models import Share, ShareFile, ShareLocation, ShareOpening
from app.services import erasure, people, records, share_openings, shares, sweeping
from tests.fixtures_visit import Person, Ward
from tests.shared import token_of
from tests.web.test_fhir import li as li
from tests.web.test_fhir import visit as visit

AT = Frame("http://localhost/fhir/R4")
WHO = "省人民医院 张医生"
EVERYTHING = ("medications", "allergies", "problems", "immunizations")


def made(ward: Ward, who: Person, kinds: tuple[str, ...] = EVERYTHING, hashed: str = "", **more: Any) -> str:
    of = more.pop("of", who.ref)
    choice = Choice(kinds, more.pop("results", ()), more.pop("lasting", "day"), passcode="x" * bool(hashed), **more)
    with ward.house.writing_session() as session:
        return shares.make(session, who.actor, AT, of, choice, hashed, ward.now)


def token(ward: Ward, who: Person, share_id: str) -> str:
    with ward.house.reading_session() as session:
        return token_of(shares.link_of(session, who.actor, share_id, "http://localhost", ward.now)[1])


def opened(ward: Ward, its: str, who: str = WHO, *, is_direct: bool = False) -> dict[str, Any]:
    with ward.house.writing_session() as session:
        handed = share_openings.open_link(session, its, who, AT, ward.now, is_direct=is_direct)
    return json.loads(handed.text)


def kinds_in(bundle: dict[str, Any]) -> set[str]:
    return {entry["resource"]["resourceType"] for entry in bundle["entry"]}


def of_shares(ward: Ward, ref: str) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, own) for kind, own in ward.events(ref) if kind.startswith("share.")]


def test_it_holds_what_was_chosen_and_nothing_else(ward, li, visit):
    bundle = opened(ward, token(ward, li, made(ward, li, ("allergies", "problems"))))
    assert {"AllergyIntolerance", "Condition", "Patient", "Composition"} <= kinds_in(bundle)
    assert not {"Immunization", "Observation", "DiagnosticReport"} & kinds_in(bundle)
    assert "1101051990" not in json.dumps(bundle)  # no document


def test_chosen_results_come_with_their_values_and_others_do_not(ward, li, visit):
    with ward.house.writing_session() as session:
        [report], _event = shares.results_of(session, li.actor, li.ref, ward.now)
    assert (report.name.zh, report.name.en) == ("血糖", "Glucose")
    bundle = opened(ward, token(ward, li, made(ward, li, ("results",), results=(report.id,))))
    codes = [e["resource"]["code"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation"]
    assert len(codes) == 2 and "AllergyIntolerance" not in kinds_in(bundle)
    assert "Observation" not in kinds_in(
        opened(ward, token(ward, li, made(ward, li, ("results",), results=("nothing",))))
    )


def test_each_opening_is_told_once_a_quarter_of_an_hour_with_its_share_and_who_they_said_to_be(ward, li, visit):
    share_id = made(ward, li)
    its = token(ward, li, share_id)
    for who in (WHO, WHO, "another"):
        opened(ward, its, who)
    ward.clock.now += timedelta(minutes=16)
    opened(ward, its)
    events = of_shares(ward, li.ref)
    assert [kind for kind, _ in events] == ["share.made", *["share.opened"] * 3]
    own = events[1][1]
    assert (own["purpose"], own["reason"], own["consent"]) == ("share_access", "consent", f"share:{share_id}@1")
    assert {"share.v1", "share_opening.v1"} <= {bound["type"] for bound in own["objects"]}
    assert WHO not in json.dumps(own, ensure_ascii=False)  # no event holds a name
    with ward.house.reading_session() as session:
        assert share_openings.who_said(session, own["actor"]["ref"]) == WHO
        view = shares.of_account(session, li.actor, ward.now)[0]
    assert (view.times, sorted(one.who for one in view.openings)) == (3, sorted([WHO, WHO, "another"]))
    assert view.openings[0].at == ward.now  # the newest first


def test_stopped_it_opens_nothing_on_the_next_request_and_its_key_and_content_are_gone(ward, li, visit):
    share_id = made(ward, li)
    its = token(ward, li, share_id)
    opened(ward, its)
    with ward.house.writing_session() as session:
        once = share_openings.new_location(session, share_id, ward.now)
    ward.do(shares.stop, li.actor, share_id)
    ward.do(shares.stop, li.actor, share_id)
    for ask in (
        lambda s: share_openings.open_link(s, its, WHO, AT, ward.now, is_direct=False),
        lambda s: share_openings.require_in_force(s, its, ward.now),
        lambda s: share_openings.begin_try(s, its, ward.now, has_passcode=True),
        lambda s: share_openings.take_location(s, once, ward.now),
    ):
        with pytest.raises(ShareOver), ward.house.writing_session() as session:
            ask(session)
    with ward.house.reading_session() as session:
        assert session.get(ShareFile, share_id) is None
        assert session.scalar(select(func.count()).select_from(ShareLocation)) == 0
        assert shares.link_of(session, li.actor, share_id, "http://localhost", ward.now)[1] == ""
        row = session.get_one(Share, share_id)
        assert set(shares.open_payload(session, row)[0]) == {"kinds", "results", "label"}
    ward.do(share_openings.refuse_over, its, WHO)
    ward.do(share_openings.refuse_over, its, "somebody else at once")
    kinds = [(kind, own["detail"]) for kind, own in of_shares(ward, li.ref)][2:]
    assert kinds == [
        ("share.ended", {"cause": "person"}),
        ("share.refused", {"rule": "share_over", "remaining": None}),
    ]


@pytest.mark.parametrize(("lasting", "lives"), [("hour", timedelta(hours=1)), ("month", timedelta(days=30))])
def test_it_runs_out_by_the_clock(ward, li, lasting, lives):
    share_id = made(ward, li, lasting=lasting)
    its = token(ward, li, share_id)
    ward.clock.now += lives - timedelta(milliseconds=1)
    opened(ward, its)
    ward.clock.now += timedelta(milliseconds=1)
    with pytest.raises(ShareOver):
        opened(ward, its)
    ward.clock.now += timedelta(milliseconds=1)
    ward.do(sweeping.run)
    with ward.house.reading_session() as session:
        assert session.get(ShareFile, share_id) is None


def test_it_shows_what_was_there_unless_it_follows_the_record(ward, li, visit):
    as_it_was = token(ward, li, made(ward, li, ("allergies",)))
    follows = token(ward, li, made(ward, li, ("allergies",), is_live=True))
    ward.clock.now += timedelta(hours=1)
    with ward.house.writing_session() as session:
        row = clinical.allergy("sulfonamide", "")
        added = records.ClinicalRecord(
            id="later", patient_ref=li.ref, visit_id=None, kind=Kind.ALLERGY.value, status="final",
            effective_at=ward.now, recorded_at=ward.now, author_ref=None, source="here",
        )  # fmt: skip
        records.seal_next(session, added, row)

    def count(its):
        return sum(e["resource"]["resourceType"] == "AllergyIntolerance" for e in opened(ward, its)["entry"])

    assert (count(as_it_was), count(follows)) == (1, 2)


def test_wrong_passcodes_are_counted_for_its_whole_life_and_the_last_ends_it(ward, li):
    its = token(ward, li, made(ward, li, hashed="hash"))
    left = []
    for _ in range(MOST_WRONG):
        assert ward.do(share_openings.begin_try, its, has_passcode=True).passcode_hash == "hash"
        left.append(ward.do(share_openings.end_try, its, WHO, is_right=False, was_tried=True))
        ward.clock.now += timedelta(hours=1)
    assert left == list(range(MOST_WRONG - 1, -1, -1))
    with pytest.raises(ShareOver):
        ward.do(share_openings.begin_try, its, has_passcode=True)
    kinds = [(kind, own["detail"]) for kind, own in of_shares(ward, li.ref)]
    assert kinds[-2:] == [
        ("share.refused", {"rule": "share_passcode", "remaining": 0}),
        ("share.ended", {"cause": "passcodes"}),
    ]


def test_tries_at_the_same_moment_count_each_before_any_was_looked_at(ward, li):
    its = token(ward, li, made(ward, li, hashed="hash"))
    for _ in range(MOST_WRONG):
        ward.do(share_openings.begin_try, its, has_passcode=True)
    with pytest.raises(TooMany):
        ward.do(share_openings.begin_try, its, has_passcode=True)
    ward.do(share_openings.end_try, its, WHO, is_right=True, was_tried=True)  # one of them was right
    assert ward.do(share_openings.begin_try, its, has_passcode=True).passcode_hash == "hash"
    with pytest.raises(TooMany):
        ward.do(share_openings.begin_try, its, has_passcode=True)


def test_tries_whose_verdict_was_lost_come_back_and_wrong_ones_do_not(ward, li):
    """A process that falls between counting a try and looking at it tells nobody anything, and must not lock a link for its life."""
    its = token(ward, li, made(ward, li, hashed="hash"))
    for _ in range(3):
        ward.do(share_openings.begin_try, its, has_passcode=True)
        ward.do(share_openings.end_try, its, WHO, is_right=False, was_tried=True)
    for _ in range(MOST_WRONG - 3):
        ward.do(share_openings.begin_try, its, has_passcode=True)  # and then the process falls
    with pytest.raises(TooMany):
        ward.do(share_openings.begin_try, its, has_passcode=True)
    ward.clock.now += TRY_LIFE - timedelta(seconds=1)
    with pytest.raises(TooMany):
        ward.do(share_openings.begin_try, its, has_passcode=True)
    ward.clock.now += timedelta(seconds=1)
    left = []
    for _ in range(MOST_WRONG - 3):
        ward.do(share_openings.begin_try, its, has_passcode=True)
        left.append(ward.do(share_openings.end_try, its, WHO, is_right=False, was_tried=True))
    assert left == list(range(MOST_WRONG - 4, -1, -1))
    with pytest.raises(ShareOver):
        ward.do(share_openings.begin_try, its, has_passcode=True)


def test_a_right_one_costs_nothing_and_none_given_is_no_try(ward, li):
    its = token(ward, li, made(ward, li, hashed="hash"))
    for _ in range(3):
        ward.do(share_openings.begin_try, its, has_passcode=True)
        ward.do(share_openings.end_try, its, WHO, is_right=True, was_tried=True)
        ward.do(share_openings.begin_try, its, has_passcode=False)
        assert ward.do(share_openings.end_try, its, WHO, is_right=False, was_tried=False) == MOST_WRONG
    assert [kind for kind, _ in of_shares(ward, li.ref)] == ["share.made"]


def test_a_direct_link_has_no_manifest_and_one_with_a_manifest_is_not_direct(ward, li):
    direct, usual = token(ward, li, made(ward, li, is_direct=True)), token(ward, li, made(ward, li))
    assert opened(ward, direct, is_direct=True)["resourceType"] == "Bundle"
    for its, is_direct in ((direct, False), (usual, True)):
        with pytest.raises(ShareOver):
            opened(ward, its, is_direct=is_direct)


def test_an_address_of_a_file_works_once_and_for_minutes(ward, li):
    share_id = made(ward, li)
    with ward.house.writing_session() as session:
        first, second = (share_openings.new_location(session, share_id, ward.now) for _ in range(2))
    assert ward.do(share_openings.take_location, first) == share_id
    with pytest.raises(ShareOver):
        ward.do(share_openings.take_location, first)
    ward.clock.now += timedelta(minutes=10)
    for once in (first, second):
        with pytest.raises(ShareOver):
            ward.do(share_openings.take_location, once)


def test_it_ends_with_the_tie_of_whoever_made_it(ward, li):
    its = token(ward, li, made(ward, li))
    with ward.house.reading_session() as session:
        link = people.links_of(session, str(li.actor.ref))[0].id
    ward.do(people.unbind, li.actor, link)
    with pytest.raises(ShareOver):
        opened(ward, its)


def test_nobody_else_makes_shows_or_stops_it(ward, li):
    other = ward.person()
    share_id = made(ward, li)
    with pytest.raises((NotFound, NotAllowed)):
        made(ward, other, of=li.ref)
    with pytest.raises(NotFound), ward.house.reading_session() as session:
        shares.link_of(session, other.actor, share_id, "http://localhost", ward.now)
    with pytest.raises(NotFound):
        ward.do(shares.stop, other.actor, share_id)
    with ward.house.reading_session() as session:
        assert shares.of_account(session, other.actor, ward.now) == []


def test_there_is_an_end_to_how_many_are_in_force_at_once(ward, li):
    every = [made(ward, li) for _ in range(MOST_IN_FORCE)]
    with pytest.raises(SharesFull):
        made(ward, li)
    ward.do(shares.stop, li.actor, every[0])
    assert made(ward, li)


def test_without_the_keyring_the_database_tells_neither_link_nor_content_nor_who_opened_it(ward, li, visit):
    share_id = made(ward, li, label="给张医生看")
    its = token(ward, li, share_id)
    opened(ward, its)
    with ward.house.reading_session() as session:
        row = session.get_one(Share, share_id)
        key = shares.open_payload(session, row)[0]["key"]
        held = []
        for table in ("share", "share_file", "share_opening", "share_location"):
            held += [repr(tuple(one)) for one in session.execute(text(f"SELECT * FROM {table}"))]
    dump = "\n".join(held)
    for secret in (its, key, base64.b64decode(key).hex(), "给张医生看", WHO, "青霉素", "AllergyIntolerance"):
        assert secret not in dump


def test_shares_go_at_once_when_their_person_asks_to_be_erased(ward, li, visit):
    its = token(ward, li, made(ward, li))
    opened(ward, its)
    with ward.house.writing_session() as session:
        victims = erasure.erasure_rows.of_request(session, li.ref, str(li.actor.ref))
    gone = {table.name for table in victims}
    assert {"share", "share_file", "share_opening"} <= gone
    with ward.house.reading_session() as session:
        assert session.scalar(select(func.count()).select_from(ShareOpening)) == 1
