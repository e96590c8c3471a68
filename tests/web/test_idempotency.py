"""The same key gives the same answer and one event, however often and however many at once (I5)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from app.models import Event, IdempotencyKey
from tests.people import LI_ID
from tests.web.test_signin import sign_in_by_phone

pytestmark = pytest.mark.usefixtures("sealing")
BODY = {"relation": "self", "document": "resident_id", "name": "李明", "number": LI_ID, "consent": "yes", "next": "/me"}


def count(reading, event_type: str) -> int:
    with reading() as session:
        return int(session.scalar(select(func.count()).select_from(Event).where(Event.type == event_type)) or 0)


def test_pressing_twice_with_one_key_is_one_act(browser, reading) -> None:
    sign_in_by_phone(browser)
    browser.get("/people/new")
    first = browser.post("/people/new", key="one", **BODY)
    second = browser.post("/people/new", key="one", **BODY)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert count(reading, "person.bound") == 1


def test_the_same_key_with_another_body_is_refused(browser, reading) -> None:
    sign_in_by_phone(browser)
    browser.get("/people/new")
    browser.post("/people/new", key="one", **BODY)
    again = browser.post("/people/new", key="one", **{**BODY, "name": "王明"})
    assert again.status_code == 422 and "不一样" in again.text
    assert count(reading, "person.bound") == 1


def test_fifty_at_once_are_one_act(browser, app, reading) -> None:
    sign_in_by_phone(browser)
    browser.get("/me")
    token, cookies = browser.token, {name: browser.cookie(name) for name in ("mz_patient", "mz_browser")}

    def press(_: int) -> tuple[int, str]:
        client = app.test_client()
        for name, value in cookies.items():
            client.set_cookie(name, value)
        answer = client.post("/people/new", data={**BODY, "csrf_token": token, "idempotency_key": "same"})
        return answer.status_code, answer.headers.get("Location", "")

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(press, range(50)))
    assert len(answers) == 1 and next(iter(answers))[0] == 303
    assert count(reading, "person.bound") == 1
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(IdempotencyKey)) == 1


def test_a_key_belongs_to_who_used_it(app, browser, reading) -> None:
    from tests.browsing import Browser

    sign_in_by_phone(browser)
    browser.get("/people/new")
    browser.post("/people/new", key="one", **BODY)
    other = Browser(app)
    sign_in_by_phone(other, "13900139000")
    other.get("/people/new")
    answer = other.post("/people/new", key="one", **{**BODY, "name": "赵六"})
    assert (
        answer.status_code == 303 and "/people/" in answer.headers["Location"]
    )  # a bind of its own, waiting for a proof
    assert count(reading, "person.bind_requested") == 1
