"""`python -m bench.longrecord`: how long the pages of a long record take: 1,000 visits over twenty years, 20,000 results.

The record is written through the sealing and events that everything goes through, a visit a transaction's part; only the
services around them are left out. Measured is server time: a request through the application, from its first line to its last byte,
in this process, on SQLite, with every opening recorded; "first" is a worker's first of that page, and opens what this sitting has not seen.
`--visits N` makes a smaller one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import create_app
from app.domain import clinical
from app.domain.actor import SYSTEM, Actor
from app.domain.calendar import hospital_day
from app.domain.clinical import Kind
from app.domain.documents import parse_resident_id
from app.domain.ids import new_ref
from app.models import ClinicalRecord, Visit
from app.ports import WeChatIdentity
from app.services import accounts, events, people, planning, series, staff, websessions
from app.services.sealing import seal_next
from app.web.house import House
from bench import hospital

VISITS = 1_000
RESULTS = 20  # each visit
LIMIT_MS = 200.0
REPEATS = 15
EVERY = timedelta(days=7)
BATCH = 50  # visits in one transaction


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.longrecord", description=__doc__)
    parser.add_argument("--visits", type=int, default=VISITS)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mingzhen-long-") as folder:
        var = Path(folder)
        house = hospital.found(var, 0)
        started = time.monotonic()
        token, _ref = fill(house, told.visits)
        with house.reading_session() as session:
            rows = session.scalar(select(func.count()).select_from(ClinicalRecord))
        say(f"made {told.visits} visits with {rows} records in {time.monotonic() - started:.1f} s")
        house.close()
        app = create_app(hospital.settings_of(hospital.environment(var, 0)))
        app.extensions["warm"]()  # as the web server does before its workers
        slowest = measure(app, token)
        app.extensions["mingzhen"].close()
    say(f"the first page of the record: {slowest:.0f} ms at the median, {LIMIT_MS:.0f} allowed")
    return 0 if slowest < LIMIT_MS else 1


def say(line: str) -> None:
    print(line, flush=True)


def fill(house: House, visits: int) -> tuple[str, str]:
    """Make a person with that many visits; return the token of their signed-in phone, and their ref."""
    now = house.clock()
    house.vault.welcome("hospital")
    with house.writing_session() as session:
        ref = accounts.account_for_wechat(session, WeChatIdentity("bench", "long"), now)
        actor = Actor("patient", ref, "patient", "bench")
        document = parse_resident_id("11010519491231002X", hospital_day(now))
        people.bind(session, actor, document, "林秀兰", now, relation="self", has_consented=True)
        patient = people.links_of(session, ref)[0].patient_ref
        sitting, doctor = _furnish(session, now)
        token, _ = websessions.begin(session, "patient", ref, now)
    for start in range(0, visits, BATCH):
        with house.writing_session() as session:
            for number in range(start, min(start + BATCH, visits)):
                _visit(session, patient, doctor, sitting, now + timedelta(minutes=number), number)
    return token, patient


def _furnish(session: Session, now: datetime) -> tuple[str, str]:
    clinic = planning.create_clinic(session, SYSTEM, "门诊", "Clinic", now)
    department = planning.create_department(session, SYSTEM, clinic, "内科", "Medicine", "A", now)
    room = planning.create_room(session, SYSTEM, clinic, "一诊室", "Room 1", now)
    doctor = staff.create(
        session, SYSTEM, now, login="doctor", password_hash="none",  # noqa: S106
        name_zh="张海燕", name_en="Zhang Haiyan",
        role="doctor", clinic_id=clinic,
    )  # fmt: skip
    until = now + timedelta(hours=4)
    return planning.plan_session(
        session, SYSTEM, clinic, department, doctor, room, now, until, 15, "expert", now
    ), doctor


def _visit(session: Session, patient: str, doctor: str, sitting: str, recorded_at: datetime, number: int) -> None:
    """Write one visit: a diagnosis, and a report with its values. The visits lie a week apart; they are recorded now, for
    the account was bound without a proof and sees what is recorded from then on."""
    at = recorded_at - EVERY * (number + 1)
    visit = Visit(
        id=new_ref(), patient_ref=patient, clinician_ref=doctor, session_id=sitting, state="finished", started_at=at,
        finished_at=at, recorded_at=recorded_at, source="here",
    )  # fmt: skip
    seal_next(session, visit, {})
    session.flush()

    def row(kind: Kind) -> ClinicalRecord:
        return ClinicalRecord(
            id=new_ref(), patient_ref=patient, visit_id=visit.id, kind=kind.value, status="final", effective_at=at,
            recorded_at=recorded_at, author_ref=doctor, source="here",
        )  # fmt: skip

    diagnosis, report = row(Kind.DIAGNOSIS), row(Kind.REPORT)
    values = [row(Kind.OBSERVATION) for _ in range(RESULTS)]
    seal_next(session, diagnosis, clinical.diagnosis("I10"))
    seal_next(session, report, {"title_zh": "检验", "title_en": "Tests", "order": [one.id for one in values]})
    session.flush()
    for index, one in enumerate(values):
        payload = _value(index, number)
        one.report_id, one.series = report.id, series.key_of(session, patient, payload)
        seal_next(session, one, payload)
    session.flush()
    rows = [visit, diagnosis, report, *values]
    actor = Actor("staff", doctor, "doctor", "bench")
    events.record(session, "record.signed", actor, recorded_at - timedelta(days=1), subject=patient, objects=rows, detail={"part": "results"})  # fmt: skip


def _value(index: int, number: int) -> dict[str, Any]:
    return {
        "code": f"{1000 + index}-{index % 10}", "name_zh": f"项目{index + 1}", "name_en": f"Analyte {index + 1}",
        "value": f"{4 + (number * 7 + index) % 30 / 10:.1f}", "unit": "mmol/L", "low": "3.9", "high": "6.1", "flag": "N",
    }  # fmt: skip


def measure(app: Any, token: str) -> float:
    """Ask for each page and say what it took; return the median of the first page in milliseconds."""
    first = _page(app, token, "the first page of the record", lambda _: "/records")
    client = _client(app, token)
    page = client.get("/records").text
    older = _href(page, "after=")
    visit = _href(page, "/records/", "?")
    _page(app, token, "the next page", lambda _: older)
    _page(app, token, "a visit with 20 results, each with its course", lambda _: visit)
    text = client.get(visit).text
    _page(app, token, "one value over time, 100 of 1,000", lambda _: _href(text, "/records/courses/"))
    _page(app, token, "the health summary", lambda _: "/records/known")
    return first


def _href(page: str, having: str, without: str = "\0") -> str:
    found = [part.split('"')[0].replace("&amp;", "&") for part in page.split('href="')[1:]]
    skipped = ("/records/known", "/records/unchanged")
    return next(h for h in found if having in h and without not in h and not h.startswith(skipped))


def _client(app: Any, token: str) -> Any:
    client = app.test_client()
    client.set_cookie("mz_patient", token, path="/")
    return client


def _page(app: Any, token: str, name: str, address: Callable[[int], str]) -> float:
    client = _client(app, token)
    times = []
    for number in range(REPEATS + 1):
        started = time.perf_counter()
        answer = client.get(address(number))
        times.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200, (name, answer.status_code)
    cold, warm = times[0], sorted(times[1:])
    say(f"{name}: first {cold:.0f} ms, then {statistics.median(warm):.0f} ms at the median, {warm[-1]:.0f} at worst")
    return statistics.median(warm)


if __name__ == "__main__":
    sys.exit(main())
