"""The API of consents and complaints: the same rules and the same log as the patient's pages."""

from __future__ import annotations

import pytest

from app.domain.complaints import Outcome
from app.services import complaints, granted, rights
from tests.calling import Caller
from tests.fixtures_visit import Person, Ward
from tests.services.colleagues import hire
from tests.services.test_records import begin, write


@pytest.fixture
def li(ward: Ward) -> Person:
    who = ward.person("李明")
    write(ward, begin(ward, who)[0])
    return who


@pytest.fixture
def phone(app, ward: Ward, li: Person) -> Caller:
    return Caller(app, ward.token("api", li.actor.ref))


def let(phone: Caller, li: Person, doctor: str, **other: object) -> dict[str, object]:
    body = {"person": li.ref, "doctor": doctor, "purpose": "second_opinion", "parts": ["results"], "days": 7, **other}
    return dict(phone.post("/permits", body))


def reads(ward: Ward, who: Person) -> bool:
    with ward.house.reading_session() as session:
        return isinstance(rights.may_read(session, ward.lin, who.ref, ward.now), rights.Grant)


def test_a_consent_is_given_to_somebody_listed_holds_at_once_and_is_taken_back(ward, li, phone) -> None:
    listed = {one["name"]["zh"]: one["ref"] for reader in phone.get("/readers") for one in reader["doctors"]}
    assert listed["林大夫"] == ward.lin.ref and not reads(ward, li)
    given = let(phone, li, listed["林大夫"])
    assert (given["state"], given["doctor"]["zh"], given["parts"]) == ("in_force", "林大夫", ["results"])
    assert reads(ward, li)
    assert phone.get("/permits") == [{"patient_ref": li.ref, "permits": [given]}]
    phone.post(f"/permits/{given['id']}/withdraw")
    assert not reads(ward, li)
    [[held]] = [one["permits"] for one in phone.get("/permits")]
    assert held["state"] == "withdrawn" and held["withdrawn_at"]
    assert [kind for kind in ward.types(li.ref) if kind.startswith("permit.")] == ["permit.given", "permit.withdrawn"]
    assert len(phone.receipts) == 2


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"doctor": None}, 400, "choose_one_more"),
        ({"department": "x"}, 400, "choose_one_more"),
        ({"doctor": "nobody"}, 404, "not_found"),
        ({"parts": []}, 422, "fields_wrong"),
        ({"parts": ["everything"]}, 422, "fields_wrong"),
        ({"days": 36500}, 422, "fields_wrong"),
        ({"days": "7"}, 422, "fields_wrong"),
        ({"purpose": "curiosity"}, 422, "fields_wrong"),
    ],
)
def test_what_the_form_does_not_offer_the_api_does_not_take(ward, li, phone, changes, status, code) -> None:
    body = {
        "person": li.ref,
        "doctor": ward.lin.ref,
        "purpose": "treatment",
        "parts": ["results"],
        "days": 7,
        **changes,
    }
    refused = phone.call("POST", "/permits", json=body)
    assert (refused.status_code, refused.get_json()["code"]) == (status, code)
    assert not reads(ward, li)


def test_somebody_else_neither_gives_nor_takes_back_nor_sees(app, ward, li, phone) -> None:
    given = let(phone, li, str(ward.lin.ref))
    other = ward.person("张伟")
    stranger = Caller(app, ward.token("api", other.actor.ref))
    body = {"person": li.ref, "doctor": ward.ma.ref, "purpose": "treatment", "parts": ["results"], "days": 7}
    assert stranger.call("POST", "/permits", json=body).status_code == 404
    assert stranger.call("POST", f"/permits/{given['id']}/withdraw", json={}).status_code == 404
    assert stranger.get("/permits") == [{"patient_ref": other.ref, "permits": []}]
    assert reads(ward, li)


def test_a_look_is_complained_about_once_and_the_answer_comes_back(app, ward, li, phone) -> None:
    let(phone, li, str(ward.lin.ref))
    ward.do(granted.open_granted, ward.lin, li.ref)
    look = next(one for one in phone.get("/receipts", side="look")["receipts"] if one["type"] == "record.opened")
    made = phone.post(f"/receipts/{look['id']}/complaint", {"words": "我那天没有来看病"})
    assert (made["state"], made["event_id"], made["words"]) == ("open", look["id"], "我那天没有来看病")
    assert phone.post(f"/receipts/{look['id']}/complaint", {"words": "再问一次"})["id"] == made["id"]
    assert ward.types(li.ref).count("complaint.made") == 1

    auditor = hire(ward, "auditor")
    ward.do(complaints.answer, auditor, made["id"], Outcome.NOT_IN_ORDER, "已提醒本人")
    assert phone.get(f"/complaints/{made['id']}")["answer"] == "已提醒本人"
    assert [(one["id"], one["outcome"]) for one in phone.get("/complaints")] == [(made["id"], "not_in_order")]
    other = Caller(app, ward.token("api", ward.person("张伟").actor.ref))
    assert other.call("GET", f"/complaints/{made['id']}").status_code == 404
    assert other.call("POST", f"/receipts/{look['id']}/complaint", json={"words": "不是我的"}).status_code == 404


def test_a_complaint_without_words_and_about_ones_own_act_is_none(ward, li, phone) -> None:
    let(phone, li, str(ward.lin.ref))
    own = phone.get("/receipts")["receipts"][0]
    assert phone.call("POST", f"/receipts/{own['id']}/complaint", json={"words": "不对"}).status_code == 404
    ward.do(granted.open_granted, ward.lin, li.ref)
    look = phone.get("/receipts", side="look")["receipts"][0]
    refused = phone.call("POST", f"/receipts/{look['id']}/complaint", json={"words": " "})
    assert (refused.status_code, refused.get_json()["code"]) == (400, "words_missing")
    assert phone.get("/complaints") == []
