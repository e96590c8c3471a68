"""Planted names, phones, documents and openids turn up where they were put, and nowhere else (A5)."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app import packing
from app.domain.actor import SYSTEM, Actor
from app.models import Correction, Event
from app.services import shares, staff
from app.web.house import House
from tests.browsing import Browser
from tests.calling import Caller, with_pretend_wechat
from tests.fixtures_visit import Ward
from tests.people import with_check
from tests.shared import token_of

NAME = "欧阳鸢鸢"
PHONE = "13987654321"
DOCUMENT = with_check("11010519911111901")
OPENID = "oCANARYopenid0123456789abcdef"
PASSPORT = "CANARY8812"
PRINTED = "CANARIA GOLDFINCH"
# What people write in their own words, at each place where one may.
SITUATION, NOTE, STORY, REPLY = "金丝雀昏迷送来", "金丝雀核对属实", "金丝雀那天没有来", "金丝雀已查明"
LABEL, OPENER, WRONG, RIGHT = "金丝雀给省医院", "金丝雀主任", "金丝雀名字写错", "金丝雀改成这样"
TEXTS = (SITUATION, NOTE, STORY, REPLY)
CANARIES = (NAME, PHONE, DOCUMENT, OPENID, PASSPORT, PRINTED, "GOLDFINCH", *TEXTS, LABEL, OPENER, WRONG, RIGHT)


def kept_in(cookie: str) -> str:
    """Return what a signed cookie says to whoever reads it, unpacked; a random token says itself."""
    said = cookie.split(";")[0].split("=", 1)[-1].strip('"')
    packed, dot, _rest = said.removeprefix(".").partition(".")
    if not dot:
        return said
    raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
    return (zlib.decompress(raw) if said.startswith(".") else raw).decode("unicode_escape")


def spelled(canary: str) -> Iterator[bytes]:
    """Yield a canary as it may stand in a file: in each encoding, in hex, as JSON or an address writes it, and in base64 wherever it
    begins in what was encoded."""
    plain = canary.encode()
    yield from (plain, canary.encode("utf-16-le"), canary.encode("utf-16-be"), canary.encode("gb18030"))
    yield from (
        plain.hex().encode(),
        plain.hex().upper().encode(),
        quote(canary).encode(),
        json.dumps(canary)[1:-1].encode(),
    )
    for before, lost in ((0, 0), (1, 2), (2, 3)):  # characters that the bytes before it change
        coded = base64.b64encode(b"x" * before + plain).rstrip(b"=")[lost:-1]
        yield from (coded, coded.translate(bytes.maketrans(b"+/", b"-_")))


class Watched(Browser):
    """A browser that remembers every address, every page's title, every header, and what its cookies say."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.seen: list[str] = []

    def _remember(self, path: str, response: Any) -> Any:
        self.seen.append(path)
        self.seen.append(response.headers.get("Location", ""))
        self.seen += re.findall(r"<title>(.*?)</title>", response.text if response.mimetype == "text/html" else "")
        self.seen += [kept_in(v) if k == "Set-Cookie" else f"{k}: {v}" for k, v in response.headers.items()]
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
    share_and_take_away(app, ward, phone, person.group(1))
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


def share_and_take_away(app: Flask, ward: Ward, phone: Watched, person: str) -> None:
    """Share by a link that a stranger opens under a name, ask for a correction that the desk answers, take everything away."""
    phone.get("/me/shares/new", query_string={"person": person})
    made = phone.post("/me/shares/new", person=person, kinds="allergies", lasting="day", label=LABEL).headers[
        "Location"
    ]
    shown = phone.get(made)
    assert LABEL in shown.text
    with ward.house.reading_session() as session:
        account = ward.house.vault.find("phone", "+86" + PHONE)
        holder = Actor("patient", str(account), "patient", "sitting-canary")
        link = shares.link_of(session, holder, made.rsplit("/", 1)[1], "http://localhost", ward.now)[1]
    opened = app.test_client().post(f"/fhir/shl/{token_of(link)}", json={"recipient": OPENER})
    assert opened.status_code == 200
    phone.seen += [str(opened.headers), opened.text]
    phone.get("/me/corrections")
    phone.post("/me/corrections", person=person, about="identity", wrong=WRONG, right=RIGHT)
    desk = Watched(app)
    desk.set_cookie("mz_staff", ward.token("staff", ward.desk.ref), path="/staff")
    assert WRONG not in desk.get("/staff/desk/corrections").text
    with ward.house.reading_session() as session:
        asked = session.scalar(select(Correction.id))
    assert WRONG in desk.get(f"/staff/desk/corrections/{asked}").text
    phone.get("/me/takeout")
    phone.post("/me/takeout", person=person)
    while packing.work(ward.house):
        pass
    phone.seen += desk.seen


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
            held[file.name] = {canary for canary in CANARIES if any(one in data for one in spelled(canary))}
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


def test_a_statement_that_fails_says_nothing_of_what_it_was_given(hospital: House) -> None:
    """What an error says may end on a console or in a log."""
    with pytest.raises(DBAPIError) as failed, hospital.writing_session() as session:
        session.execute(text("INSERT INTO account (ref, nothing) VALUES (:ref, :name)"), {"ref": PHONE, "name": NAME})
    assert found_in(str(failed.value), repr(failed.value)) == set()


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc", "前面".encode()])
def test_the_search_finds_what_is_spelled_otherwise(before: bytes, app: Flask) -> None:
    """The search itself: packed into base64 beside other bytes, and in the browser's signed cookie."""
    for canary in (NAME, PHONE, STORY):
        coded = base64.b64encode(before + canary.encode() + b"behind")
        assert any(one in coded for one in spelled(canary))
        for text_of in (
            f'{{"n": {json.dumps(canary)}}}'.encode(),
            canary.encode("utf-16"),
            canary.encode().hex().encode(),
        ):
            assert any(one in text_of for one in spelled(canary))
    with app.test_client() as client, client.session_transaction() as kept:
        kept["said"] = [NAME, "x" * 400]
    cookie = client.get_cookie("mz_browser")
    assert cookie is not None and NAME in kept_in(f"mz_browser={cookie.value}; Path=/")
