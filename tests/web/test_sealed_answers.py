"""An answer leaves when its act is sealed, and the page after it says what the receipt is by then."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.models import Event
from tests.conftest import sequencer_in
from tests.sealed import until_sealed
from tests.web.test_idempotency import BODY
from tests.web.test_signin import sign_in_by_phone

SEALED, SEALING = "已存证", "存证中"


def bind(browser):
    sign_in_by_phone(browser)
    browser.get("/people/new")
    return browser.post("/people/new", key="one", **BODY)


def state_of_the_newest(hospital) -> str:
    with hospital.reading_session() as session:
        entry = session.scalars(select(Event.entry).order_by(Event.serial.desc())).first()
    return str(hospital.log.states([entry])[0])


@pytest.mark.usefixtures("sealing")
def test_when_the_answer_is_here_the_act_is_sealed(browser, hospital):
    answer = bind(browser)
    assert answer.status_code == 303 and answer.headers["X-Receipt-State"] == "sealed"
    assert state_of_the_newest(hospital) == "sealed"
    page = browser.follow(answer).text
    assert SEALED in page and SEALING not in page


def test_without_a_sequencer_the_answer_comes_all_the_same_and_says_so(browser, hospital):
    answer = bind(browser)
    assert answer.status_code == 303 and answer.headers["X-Receipt-State"] == "pending"
    assert state_of_the_newest(hospital) == "pending"
    page = browser.follow(answer).text
    assert SEALING in page and SEALED not in page


def test_what_was_sealed_since_is_not_called_pending(browser, hospital, var):
    answer = bind(browser)
    assert answer.headers["X-Receipt-State"] == "pending"
    with sequencer_in(var):
        until_sealed(hospital)
    page = browser.follow(answer).text
    assert SEALED in page and SEALING not in page
