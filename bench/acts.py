"""Checking in over HTTP with the sealed receipt, beside the bare route: the figures, and proof that the work was done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app.models import Event
from app.services import events
from app.web.house import House
from bench import hospital
from bench.hospital import Due
from bench.load import Answer, Burst, fire, get, post
from ledger.receipt import ForMe, format_extra, verify_receipt

FORM_TOKEN = re.compile(rb'name="csrf_token" value="([0-9a-f]+)"')
FORM_KEY = re.compile(rb'name="idempotency_key" value="([^"]+)"')
OPENING_AT_ONCE = 4  # connections while pages are opened, before the clock runs
SCAN_EVERY = 100  # people let in by one code; the screen's changes every half minute


class WorkMissing(AssertionError):
    """The server answered, but what it should have done is not there."""


@dataclass(frozen=True)
class Acts:
    """One measured burst of check-ins. `sealed` is how many answers said that the receipt is sealed already."""

    burst: Burst
    sealed: int


def open_forms(house: House, port: int, clinic: str, due: Sequence[Due]) -> list[bytes]:
    """Return the POST that each person's browser would send: it scanned the screen's code and opened the form."""
    posts: list[bytes] = []
    for start in range(0, len(due), SCAN_EVERY):
        some = due[start : start + SCAN_EVERY]
        code = hospital.code_now(house, clinic)
        scanned = fire(port, [get(f"/c/{code}")] * len(some), OPENING_AT_ONCE).answers
        jars = [{**answer.cookies(), "mz_patient": who.token} for answer, who in zip(scanned, some, strict=True)]
        pages = fire(port, [get("/check-in", jar) for jar in jars], OPENING_AT_ONCE).answers
        for page, jar, who in zip(pages, jars, some, strict=True):
            posts.append(_form_of(page, {**jar, **page.cookies()}, who))
    return posts


def _form_of(page: Answer, jar: dict[str, str], who: Due) -> bytes:
    token, key = FORM_TOKEN.search(page.body), FORM_KEY.search(page.body)
    if page.status != 200 or token is None or key is None or who.appointment_id.encode() not in page.body:
        raise WorkMissing(f"the page to check in holds no form for this visit (status {page.status})")
    form = {
        "csrf_token": token[1].decode(),
        "idempotency_key": key[1].decode(),
        "appointment": who.appointment_id,
    }
    return post("/check-in", form, jar)


def check_in(house: House, port: int, posts: Sequence[bytes], connections: int) -> Acts:
    """Send the forms and return what came back; N POSTs are N tickets, N events and N entries.

    Raises WorkMissing.
    """
    before = hospital.count(house)
    burst = fire(port, posts, connections)
    after = hospital.count(house)
    refused = [answer.status for answer in burst.answers if answer.status != 303]
    if refused:
        raise WorkMissing(f"{len(refused)} of {len(posts)} check-ins were not answered by 303: {refused[:5]}")
    made = (after.tickets - before.tickets, after.events - before.events, after.entries - before.entries)
    if made != (len(posts),) * 3:
        raise WorkMissing(f"{len(posts)} POSTs made {made} tickets, events and entries")
    return Acts(burst, sum(answer.header("x-receipt-state") == "sealed" for answer in burst.answers))


def commit_rows(port: int, rows: int, connections: int) -> Burst:
    """Send as many forms to the bare route and return what came back."""
    forms = [
        post("/row", {"csrf_token": "0" * 64, "idempotency_key": f"{n:022}", "appointment": "a" * 22})
        for n in range(rows)
    ]
    burst = fire(port, forms, connections)
    if any(answer.status != 303 for answer in burst.answers):
        raise WorkMissing("the bare route refused")
    return burst


def verify_all(house: House) -> int:
    """Open every check-in's event, complete its receipt from the published log and verify it; return how many.

    Raises WorkMissing where one is not what its event says, and what the ledger raises where one does not verify.
    """
    checked = 0
    with house.reading_session() as session:
        for event in session.scalars(select(Event).where(Event.type == "appointment.checked_in")):
            receipt = house.log.receipt_for(event.entry, format_extra(ForMe(*events.open_event(session, event))))
            verified = verify_receipt(receipt.encode(), house.log_keys[0])
            if verified.open["id"] != event.id or verified.own is None or verified.own["subject"] != event.subject_ref:
                raise WorkMissing(f"the receipt of {event.id} is another's")
            checked += 1
    return checked
