"""The mini-program's API: one whole visit, who may do what, openings and retries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from flask import Flask
from sqlalchemy import select, update

from app import create_app
from app.domain import clinical
from app.domain.calendar import hospital_day
from app.domain.clinical import Kind
from app.models import IdempotencyKey, Slot
from app.services import offers, people, proofs, queueing, records, stopping
from app.services.stopping import StopReason
from ledger.note import VerifierKey
from ledger.receipt import verify_receipt
from tests.calling import Caller, bind, book, hold
from tests.conftest import settings_in
from tests.fixtures_visit import build_ward
from tests.people import LI_ID
from tests.sealed import until_sealed
from tests.wechat_mock.process import APPID, SECRET, running_mock

# The main road


@pytest.fixture
def real_wechat(var, clock, tmp_path) -> Iterator[tuple[Flask, str]]:
    """An application whose WeChat is the mock as its own process, and that mock's address."""
    with running_mock(tmp_path / "mock.sqlite3") as base:
        internal = base.removesuffix("/wechat-mock")
        settings = settings_in(var, WECHAT_MOCK_INTERNAL=internal, WECHAT_APP_ID=APPID, WECHAT_APP_SECRET=SECRET)
        app = create_app(settings, clock)
        yield app, base
        app.extensions["mingzhen"].close()


def test_a_whole_visit_from_login_to_receipts_that_verify(real_wechat, sealing, clock, var) -> None:
    app, mock = real_wechat
    ward = build_ward(app.extensions["mingzhen"](), clock)
    phone = Caller(app)

    code = requests.get(f"{mock}/_demo/js-code", params={"account": "lin", "appid": APPID}, timeout=10).json()["code"]
    phone.sign_in(code)
    assert phone.get("/me") == {"people": [], "phone_masked": None}
    person = bind(phone)
    assert person["state"] == "active"

    department = next(d for d in phone.get("/departments") if d["name"]["en"] == "Cardiology")
    day = phone.get(f"/departments/{department['id']}/days")[0]
    assert day["free"] > 0
    sitting = phone.get("/sessions", department=department["id"], day=day["day_on"])[0]
    slot = next(s for s in phone.get("/slots", session=sitting["id"], day=day["day_on"]) if s["is_free"])
    held = phone.post("/appointments", {"person": person["patient_ref"], "slot": slot["id"]})
    assert held["state"] == "held"
    assert phone.post(f"/appointments/{held['id']}/confirm")["state"] == "booked"
    assert [a["id"] for a in phone.get("/appointments")] == [held["id"]]

    [issued] = phone.post("/check-in", {"code": ward.venue_code(), "appointments": [held["id"]]})
    assert issued["ticket"] == "A001"
    [ticket] = phone.get("/tickets")
    assert (ticket["state"], ticket["before"]) == ("waiting", 0)

    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    assert phone.get(f"/tickets/{called.id}")["state"] == "called"
    visit_id = ward.do(queueing.start, ward.chen, called.id)
    ward.do(records.sign, ward.chen, visit_id, Kind.DIAGNOSIS, clinical.diagnosis("I10"))
    ward.do(queueing.finish, ward.chen, called.id)

    [mine] = phone.get("/records")
    assert [line["id"] for line in mine["visits"]] == [visit_id]
    opened = phone.get(f"/records/{visit_id}")
    assert opened["diagnoses"][0]["code"] == "I10"

    page = phone.get("/receipts")
    types = [line["type"] for line in reversed(page["receipts"])]
    assert types[:3] == ["account.created", "session.signed_in", "consent.given"]
    assert types[-1] == "record.opened" and "appointment.checked_in" in types
    key = VerifierKey.parse((var / "keys" / "ledger.vkey").read_text().strip())
    assert len(phone.receipts) == 8  # account, session; consent, binding; hold, booking, check-in, opening
    until_sealed(ward.house)
    for receipt in phone.receipts:
        assert receipt["state"] in ("sealed", "pending")  # whichever it was when the answer left
        now = phone.get(receipt["url"].removeprefix("/api/v1"))
        assert now["receipt"]["state"] == "sealed"
        proof = now["tlog_proof"].encode()
        assert verify_receipt(proof, key).open["id"] == receipt["id"]
        shown = phone.get(f"/receipts/{receipt['id']}", form="show")["tlog_proof"].encode()
        assert verify_receipt(shown, key).own is None
    phone.post("/logout")
    assert phone.call("GET", "/me").status_code == 401


def test_a_pending_receipt_says_so_and_has_no_proof_yet(li) -> None:
    newest = li.get("/receipts")["receipts"][0]
    assert newest["state"] == "pending"
    assert li.get(f"/receipts/{newest['id']}") == {"receipt": newest, "tlog_proof": None}


def test_receipts_go_on_before_the_last_one_seen(li, ward) -> None:
    for _ in range(11):
        held = hold(li, ward)
        li.post(f"/appointments/{held['id']}/release")
    first = li.get("/receipts")
    second = li.get("/receipts", before=first["next"])
    seen = [line["id"] for line in first["receipts"] + second["receipts"]]
    assert len(seen) == len(set(seen)) == 26 and second["next"] is None


def test_a_hold_is_let_go_and_an_appointment_cancelled(li, ward) -> None:
    held = hold(li, ward)
    assert li.post(f"/appointments/{held['id']}/release")["state"] == "released"
    late = ward.slots(ward.expert)[-1]
    held = li.post("/appointments", {"person": held["patient_ref"], "slot": late})
    li.post(f"/appointments/{held['id']}/confirm")
    assert li.post(f"/appointments/{held['id']}/cancel")["state"] == "cancelled"
    assert li.get("/appointments") == []


def test_the_six_digits_of_the_screen_check_in_too(li, ward) -> None:
    appointment = book(li, ward)
    [issued] = li.post("/check-in", {"code": ward.short_code(), "appointments": [appointment]})
    assert issued["ticket"] == "A001" and issued["is_new"]


def test_a_passport_binds_a_foreigner(app, wechat) -> None:
    caller = Caller(app).sign_in("code-of-smith")
    body = {
        "document": "passport", "relation": "self", "name": "Anna Smith", "country": "GBR", "number": "123456789",
        "birth_on": "1988-05-01", "sex": "female", "consent": True,
    }  # fmt: skip
    assert caller.post("/people", body)["birth_on"] == "1988-05-01"


# Who may


def test_the_right_name_and_id_of_somebody_on_file_stay_pending_until_the_desks_code(app, wechat, ward, li) -> None:
    ref = li.get("/people")[0]["patient_ref"]
    thief = Caller(app).sign_in("code-of-thief")
    link = bind(thief)
    assert link["state"] == "pending" and link["birth_on"] is None
    assert thief.get("/records") == [] and thief.get("/appointments") == []
    wrong = thief.call("POST", f"/people/{link['id']}/proof", json={"code": "000000"})
    assert (wrong.status_code, wrong.get_json()["code"]) == (400, "proof_wrong")
    code = ward.do(proofs.issue_claim_code, ward.desk, ref)
    assert thief.post(f"/people/{link['id']}/proof", {"code": code})["state"] == "active"


def test_a_wrong_proof_counts_and_its_retry_is_told_the_same(app, wechat, ward, li) -> None:
    thief = Caller(app).sign_in("code-of-thief")
    link = bind(thief)
    code = ward.do(proofs.issue_claim_code, ward.desk, li.get("/people")[0]["patient_ref"])
    for _ in range(5):
        again = thief.call(
            "POST", f"/people/{link['id']}/proof", json={"code": "x"}, headers={"Idempotency-Key": "one"}
        )
        assert again.get_json()["code"] == "proof_wrong"
    dead = thief.call("POST", f"/people/{link['id']}/proof", json={"code": code})
    assert dead.get_json()["code"] == "proof_wrong"


def test_a_code_goes_to_the_phone_on_file_and_opens_while_the_number_is_not_told(app, wechat, li, hospital) -> None:
    with hospital.writing_session() as session:
        people.put_phone_on_file(session, li.get("/people")[0]["patient_ref"], "+8613800138000")
    also_li = Caller(app).sign_in("code-of-li-on-another-account")
    link = bind(also_li)

    answer = also_li.call("POST", f"/people/{link['id']}/proof/phone")
    assert answer.get_json()["data"] == {"valid_seconds": 300}
    assert "13800138000" not in answer.text and "*" not in answer.text
    code = re.search(r"\d{6}", hospital.sms.last_messages(1)[0].text).group()
    assert also_li.post(f"/people/{link['id']}/proof", {"code": code})["proof"] == "phone"
    assert li.get("/people") == []  # whoever proves ends the unproven link of another


def test_a_web_session_opens_no_api_and_an_api_token_no_page(app, wechat, ward, browser) -> None:
    person = ward.person()
    web = ward.token("patient", person.actor.ref)
    assert Caller(app, web).call("GET", "/me").status_code == 401
    token = Caller(app).sign_in("code-of-li").token
    browser.set_cookie("mz_patient", token)
    assert browser.get("/me").status_code == 303


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer " + "x" * 300, "bearer  "])
def test_whoever_holds_no_token_is_told_to_sign_in(app, header) -> None:
    answer = app.test_client().get("/api/v1/me", headers={"Authorization": header})
    assert (answer.status_code, answer.get_json()["code"]) == (401, "sign_in_needed")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_login_code_that_wechat_does_not_know_is_refused(app, wechat) -> None:
    answer = Caller(app).call("POST", "/login", json={"code": "old"})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "login_code_wrong")


def test_while_wechat_is_away_the_answer_says_when_to_come_back(app, wechat) -> None:
    wechat.is_away = True
    answer = Caller(app).call("POST", "/login", json={"code": "code-of-li"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


# Disclosing


def test_a_visit_opened_twice_in_a_sitting_is_one_opening_and_a_head_opens_nothing(li, ward) -> None:
    appointment = book(li, ward)
    li.post("/check-in", {"code": ward.venue_code(), "appointments": [appointment]})
    called = ward.do(queueing.call_next, ward.chen, ward.expert)
    visit_id = ward.do(queueing.start, ward.chen, called.id)
    ref = li.get("/people")[0]["patient_ref"]

    assert li.call("HEAD", f"/records/{visit_id}").status_code == 405
    assert li.call("GET", f"/records/{visit_id}", headers={"Sec-Purpose": "prefetch"}).status_code == 403
    assert "record.opened" not in ward.types(ref)
    answer = li.call("GET", f"/records/{visit_id}")
    assert answer.headers["Cache-Control"] == "no-store" and len(answer.get_json()["receipts"]) == 1
    again = li.call("GET", f"/records/{visit_id}")
    assert again.get_json()["receipts"] == []
    assert ward.types(ref).count("record.opened") == 1


# Retries


def test_a_retry_with_its_key_gets_the_first_answer_and_does_nothing_twice(li, ward) -> None:
    body = {"person": li.get("/people")[0]["patient_ref"], "slot": ward.free_slot(ward.expert)}
    first = li.call("POST", "/appointments", json=body, headers={"Idempotency-Key": "k1"})
    second = li.call("POST", "/appointments", json=body, headers={"Idempotency-Key": "k1"})
    assert first.status_code == second.status_code == 201
    assert first.get_json()["data"] == second.get_json()["data"]
    assert [r["id"] for r in first.get_json()["receipts"]] == [r["id"] for r in second.get_json()["receipts"]]
    assert ward.types(body["person"]).count("appointment.held") == 1


def test_a_key_that_comes_back_with_another_body_is_refused(li, ward) -> None:
    held = hold(li, ward, key="k1")
    other = {"person": held["patient_ref"], "slot": ward.slots(ward.expert)[-1]}
    answer = li.call("POST", "/appointments", json=other, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "key_reused")


def test_a_check_in_is_retried_after_its_code_has_gone(li, ward, clock) -> None:
    body = {"code": ward.venue_code(), "appointments": [book(li, ward)]}
    first = li.post("/check-in", body, key="k1")
    clock.now = clock.now.replace(minute=5)
    assert li.post("/check-in", body, key="k1") == first
    gone = li.call("POST", "/check-in", json=body)
    assert (gone.status_code, gone.get_json()["code"]) == (409, "venue_code_unknown")


def test_a_token_lies_in_no_kept_answer(app, wechat, reading) -> None:
    caller = Caller(app)
    for openid in ("one", "two"):
        caller.post("/login", {"code": f"code-of-{openid}"}, key="the same")
    with reading() as session:
        assert session.scalars(select(IdempotencyKey)).all() == []


def test_a_kept_answer_names_nobody_and_comes_back_whole(app, wechat, ward, reading) -> None:
    caller = Caller(app).sign_in("code-of-li")
    body = {"document": "resident_id", "relation": "self", "name": "李明", "number": LI_ID, "consent": True}
    first = caller.post("/people", body, key="k1")
    assert caller.post("/people", body, key="k1") == first and first["name"] == "李明"
    with reading() as session:
        [kept] = session.scalars(select(IdempotencyKey.answer)).all()
    assert not kept.startswith("{")  # sealed, not JSON


# Waiting


def test_a_ticket_says_how_long_and_who_came_in_before_and_is_left(li, ward) -> None:
    appointment = book(li, ward)
    li.post("/check-in", {"code": ward.venue_code(), "appointments": [appointment]})
    [ticket] = li.get("/tickets")
    assert (ticket["before"], ticket["priority"], ticket["overtaken"], ticket["wait"]) == (0, None, [], None)
    left = li.post(f"/tickets/{ticket['id']}/leave")
    assert (left["state"], left["before"]) == ("left", None)
    assert li.get("/tickets") == []


def test_back_from_tests_needs_the_clinics_code_and_keeps_the_number(li, ward) -> None:
    appointment = book(li, ward)
    li.post("/check-in", {"code": ward.venue_code(), "appointments": [appointment]})
    [ticket] = li.get("/tickets")
    ward.do(queueing.call_next, ward.chen, ward.expert)
    ward.do(queueing.start, ward.chen, ticket["id"])
    ward.do(queueing.send_to_tests, ward.chen, ticket["id"])
    assert li.get(f"/tickets/{ticket['id']}")["state"] == "away"
    refused = li.call("POST", f"/tickets/{ticket['id']}/back", json={"code": "x" * 22})
    assert refused.status_code in (404, 409) and refused.get_json()["code"] == "venue_code_unknown"
    back = li.post(f"/tickets/{ticket['id']}/back", {"code": ward.venue_code()})
    assert (back["state"], back["ticket"], back["priority"]) == ("waiting", ticket["ticket"], "returning")


def test_a_line_for_a_freed_time_is_joined_offered_and_taken(li, ward) -> None:
    person = li.get("/people")[0]["patient_ref"]
    with ward.house.writing_session() as session:
        session.execute(update(Slot).values(free_from=ward.now + timedelta(days=1)))
    day = hospital_day(ward.now).isoformat()
    joined = li.post("/waitlist", {"person": person, "session": ward.expert, "day": day})
    assert (joined["state"], joined["ahead"], joined["starts_at"]) == ("waiting", 0, None)
    with ward.house.writing_session() as session:
        session.execute(update(Slot).where(Slot.session_id == ward.expert).values(free_from=None))
    ward.do(offers.run)
    [entry] = li.get("/waitlist")
    assert entry["state"] == "offered" and entry["offered_until"] is not None
    booked = li.post(f"/waitlist/{entry['id']}/accept")
    assert (booked["state"], booked["starts_at"]) == ("booked", entry["starts_at"])
    assert li.post(f"/waitlist/{entry['id']}/leave")["state"] == "accepted"


def test_what_a_stopped_session_offered_is_taken_or_let_go(li, ward) -> None:
    appointment = book(li, ward)
    ward.do(stopping.stop, ward.desk, ward.expert, StopReason.EQUIPMENT)
    [offer] = li.get("/moves")
    assert (offer["appointment_id"], offer["state"], offer["reason"]) == (appointment, "open", "equipment")
    li.post(f"/moves/{offer['id']}/decline")
    assert li.get("/moves") == [] and li.get("/appointments") == []
