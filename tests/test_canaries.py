"""Planted names, phones, documents and openids turn up where they were put, and nowhere else (A5)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.domain.actor import SYSTEM
from app.models import Event
from app.services import staff
from app.web.house import House
from tests.browsing import Browser
from tests.calling import Caller, with_pretend_wechat
from tests.fixtures_visit import Ward
from tests.people import with_check

NAME = "欧阳鸢鸢"
PHONE = "13987654321"
DOCUMENT = with_check("11010519911111901")
OPENID = "oCANARYopenid0123456789abcdef"
PASSPORT = "CANARY8812"
PRINTED = "CANARIA GOLDFINCH"
# What people write in their own words, at each place where one may.
SITUATION, NOTE, STORY, REPLY = "金丝雀昏迷送来", "金丝雀核对属实", "金丝雀那天没有来", "金丝雀已查明"
TEXTS = (SITUATION, NOTE, STORY, REPLY)
CANARIES = (NAME, PHONE, DOCUMENT, OPENID, PASSPORT, PRINTED, "GOLDFINCH", *TEXTS)


class Watched(Browser):
    """A browser that remembers every address and every page's title."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.seen: list[str] = []

    def _remember(self, path: str, response: Any) -> Any:
        self.seen.append(path)
        self.seen.append(response.headers.get("Location", ""))
        self.seen += re.findall(r"<title>(.*?)</title>", response.text if response.mimetype == "text/html" else "")
        self.seen += [f"{k}: {v}" for k, v in response.headers.items() if k != "Set-Cookie"]
        return response

    def get(self, path: str, **kwargs: Any) -> Any:
        return self._remember(path, super().get(path, **kwargs))

    def post(self, path: str, headers: dict[str, str] | None = None, key: str = "", **fields: Any) -> Any:
        return self._remember(path, super().post(path, headers, key, **fields))


@pytest.fixture
def lived(app: Flask, ward: Ward, sealing: None, capsys: pytest.CaptureFixture[str]) -> tuple[Watched, str]:
    """Live through a visit and a few mistakes under planted data; return the browser, and what was logged."""
    with_pretend_wechat(app)
    phone = Watched(app)
    phone.get("/sign-in")
    phone.post("/sign-in/phone", phone=PHONE)
    phone.post("/sign-in/code", phone="+86" + PHONE, code="000000")
    phone.post("/sign-in/code", phone="+86" + PHONE, code=phone.last_sms())
    phone.get("/people/new")
    bind = {"relation": "self", "document": "resident_id", "name": NAME, "consent": "yes", "next": "/"}
    phone.post("/people/new", number=DOCUMENT[:-1] + "?", **bind)
    phone.post("/people/new", number=DOCUMENT, **bind)
    for page in ("/", "/me", "/book", "/queue", "/records", "/receipts", "/receipts?side=look", f"/nothing?q={NAME}"):
        phone.get(page)
    person = re.search(r'name="person" value="([\w-]{22})"', phone.get("/book").text + _times(phone, ward))
    assert person
    held = phone.post("/book/hold", person=person.group(1), slot=ward.free_slot(ward.expert))
    visit = held.headers["Location"]
    phone.get(visit)
    phone.post(f"{visit}/confirm")
    phone.get(f"/c/{ward.venue_code()}")
    phone.post("/check-in", appointment=visit.rsplit("/", 1)[1])
    phone.get("/queue")

    call = Caller(app).sign_in(f"code-of-{OPENID}")
    call.call("POST", "/people", json={"name": NAME, "number": DOCUMENT, "extra": OPENID})
    call.post(
        "/people",
        {
            "document": "passport", "relation": "self", "name": PRINTED, "country": "ESP", "number": PASSPORT,
            "birth_on": "1988-05-01", "sex": "female", "consent": True,
        },
    )  # fmt: skip
    call.call("POST", "/login", json={"code": OPENID})
    desk = Watched(app)
    desk.set_cookie("mz_staff", ward.token("staff", ward.desk.ref), path="/staff")
    desk.get("/staff/desk/")
    desk.get("/staff/desk/documents")
    desk.post("/staff/desk/documents", document="resident_id", number=DOCUMENT)
    desk.post("/staff/desk/documents", document="resident_id", number=DOCUMENT[:-1] + "?")
    phone.seen += desk.seen
    look_and_complain(app, ward, phone, person.group(1))
    phone.seen.append(app.test_client().get("/metrics").text)
    logged = capsys.readouterr()
    return phone, logged.err + logged.out


def look_and_complain(app: Flask, ward: Ward, phone: Watched, person: str) -> None:
    """Let a doctor read by consent and another in an emergency; the person complains, and the auditor judges and answers."""
    chosen = {
        "person": person,
        "reader": f"doctor:{ward.ma.ref}",
        "purpose": "follow_up",
        "parts": "results",
        "days": "7",
    }
    phone.get("/permits/new")
    phone.post("/permits/new", **chosen)
    reading, breaking, judging = Watched(app), Watched(app), Watched(app)
    reading.set_cookie("mz_staff", ward.token("staff", ward.ma.ref), path="/staff")
    for page in ("/staff/doctor/records", f"/staff/doctor/records/{person}", f"/staff/doctor/records/{person}/now"):
        assert reading.get(page).status_code == 200
    breaking.set_cookie("mz_staff", ward.token("staff", ward.lin.ref), path="/staff")
    breaking.get("/staff/doctor/emergency")
    form = {"document": "resident_id", "reason": "unconscious", "words": SITUATION}
    breaking.post("/staff/doctor/emergency", number=DOCUMENT[:-1] + "?", **form)
    opened = breaking.post("/staff/doctor/emergency", number=DOCUMENT, **form).headers["Location"]
    assert breaking.get(opened).status_code == 200
    emergency = opened.rsplit("/", 1)[1]
    looks = phone.get("/receipts?side=look").text
    look = re.search(r'href="(/receipts/[\w-]+/complaint)"', looks)
    assert look
    complaint = phone.post(look.group(1), words=STORY).headers["Location"]
    with ward.house.writing_session() as session:
        ref = staff.create(
            session, SYSTEM, ward.now, login="auditor", password_hash="none", name_zh="审计", name_en="Auditor",
            role="auditor", clinic_id=ward.clinic,
        )  # fmt: skip
    judging.set_cookie("mz_staff", ward.token("staff", ref), path="/staff")
    asked = f"/staff/auditor{complaint}"
    for page in ("/staff/auditor/reviews", f"/staff/auditor/emergencies/{emergency}", asked):
        shown = judging.get(page)
        assert shown.status_code == 200
        assert found_in(shown.text) <= set(TEXTS), page  # words, and nobody's
    judging.post(f"/staff/auditor/emergencies/{emergency}/judge", verdict="justified", note=NOTE)
    judging.post(f"{asked}/answer", outcome="in_order", answer=REPLY)
    for page in (complaint, "/complaints", f"/emergencies/{emergency}", "/permits", "/"):
        assert phone.get(page).status_code == 200
    assert REPLY in phone.get(complaint).text and NOTE in phone.get(f"/emergencies/{emergency}").text
    phone.get("/receipts/looks.csv")
    phone.seen += [*reading.seen, *breaking.seen, *judging.seen]


def _times(phone: Watched, ward: Ward) -> str:
    phone.post("/book/department", department=ward.department)
    return str(phone.get("/book/times").text)


def found_in(*texts: str) -> set[str]:
    # What the visitor typed into an address comes back in the switch of the language alone; nobody else put it there.
    return {canary for canary in CANARIES for one in texts if canary in one}


def test_nothing_planted_is_in_a_log_line(lived) -> None:
    _phone, logged = lived
    assert "request.refused" in logged
    assert found_in(logged) == set()


def test_nothing_planted_is_in_an_address_a_title_or_a_header(lived) -> None:
    phone, _logged = lived
    typed = f"/nothing?q={NAME}"
    assert found_in(*(one for one in phone.seen if one != typed)) == set()


def test_nothing_planted_is_in_clear_in_any_file(lived, var) -> None:
    """The databases with their journals, whole: what is sealed is sealed, and a blind index is blind."""
    held: dict[str, set[str]] = {}
    for file in sorted(var.rglob("*")):
        if file.is_file() and not file.name.startswith("sms.db"):  # the demo's own phone shows its messages
            data = file.read_bytes()
            held[file.name] = {canary for canary in CANARIES if canary.encode() in data}
    assert "mingzhen.db" in held and "keyring.db" in held
    assert {name: found for name, found in held.items() if found} == {}


def test_nothing_planted_is_in_an_event_or_in_an_entry_of_the_ledger(lived, hospital: House) -> None:
    with hospital.reading_session() as session:
        rows = session.scalars(select(Event)).all()
        types = {row.type for row in rows}
        bodies = [
            str(hospital.vault.open(row.subject_ref or "hospital", "events", f"event|{row.id}|1", row.sealed))
            for row in rows
        ]
        entries = list(session.scalars(text("SELECT entry FROM ledger_entry")))
    assert {"person.bound", "appointment.checked_in", "identity.opened", "permit.given", "complaint.answered"} <= types
    assert found_in(*bodies) == set()
    assert entries and all(len(entry) == 33 for entry in entries)


def test_the_planted_name_is_where_it_belongs(lived) -> None:
    phone, _logged = lived
    assert NAME in phone.get("/me").text
