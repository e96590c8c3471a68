"""The ledger for people: it grows on the page, pages backwards, names who cosigned, and costs the same however long it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from sqlalchemy import event as sql_event

from app import create_app
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.note import SigningKey
from ledger.paper import fingerprint
from ledger.stores.engine import recording
from ledger.stores.history import growth, page_of_checkpoints
from ledger.stores.sql import SQLStore, ledger_checkpoint
from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.conftest import settings_in
from tests.e2e.watching import look
from tests.ledger.made import WITNESS
from tests.served import served

BEGAN_MS = 1_790_000_000_000
DAY_MS = 86_400_000


@pytest.fixture
def key(var: Path) -> SigningKey:
    return SigningKey.parse((var / "keys" / "ledger.key").read_text().strip())


def publish(engine, key: SigningKey, sizes, hour_ms: int = 3_600_000) -> None:
    """Publish checkpoints of these sizes, an hour apart, as a sequencer would have."""
    rows = [
        {
            "size": size,
            "note": sign_checkpoint(Checkpoint(key.name, size, bytes([turn % 251]) * 32), key),
            "published_ms": BEGAN_MS + turn * hour_ms,
        }
        for turn, size in enumerate(sizes)
    ]
    with recording(engine) as connection:
        connection.execute(ledger_checkpoint.insert(), rows)


class Counted:
    """The statements that reach the database while the block runs."""

    def __init__(self, engine) -> None:
        self.engine, self.statements = engine, []

    def _note(self, _connection, _cursor, statement, *_more) -> None:
        self.statements.append(statement)

    def __enter__(self) -> Counted:
        sql_event.listen(self.engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sql_event.remove(self.engine, "before_cursor_execute", self._note)


def test_an_empty_ledger_and_one_of_a_single_checkpoint_have_a_page(app, hospital, key):
    assert app.test_client().get("/ledger/").status_code == 200
    publish(hospital.engine, key, [1])
    page = app.test_client().get("/ledger/").text
    assert "ih-growth" not in page  # one moment is no growth
    assert growth(hospital.engine, 24) == [(1, BEGAN_MS)]


def test_the_chart_begins_and_ends_where_the_log_does_and_never_falls(app, hospital, key):
    publish(hospital.engine, key, [1, 5, 6, 200, 201, 202, 5_000, 90_000])
    moments = growth(hospital.engine, 24)
    assert (moments[0], moments[-1]) == ((1, BEGAN_MS), (90_000, BEGAN_MS + 7 * 3_600_000))
    assert moments == sorted(moments, key=lambda moment: moment[1])
    page = app.test_client().get("/ledger/").text
    line = re.search(r'class="ih-growth__line" points="([^"]+)"', page)
    assert line
    heights = [float(place.split(",")[1]) for place in line.group(1).split()]
    assert heights == sorted(heights, reverse=True) and heights[-1] == 24.0
    assert "90,000" in page and "用表格看" in page


def test_a_quiet_time_is_flat_in_the_chart(hospital, key):
    """A day of work, ten days of nothing, a day of work: both sides of the gap are among the points."""
    publish(hospital.engine, key, range(1, 51))
    with recording(hospital.engine) as connection:
        for turn in range(50):
            note = sign_checkpoint(Checkpoint(key.name, 51 + turn, bytes(32)), key)
            at = BEGAN_MS + 10 * DAY_MS + turn * 1000
            connection.execute(ledger_checkpoint.insert(), {"size": 51 + turn, "note": note, "published_ms": at})
    moments = dict(growth(hospital.engine, 50))
    assert moments[51] - moments[50] > 7 * DAY_MS


def test_checkpoints_are_paged_backwards_each_once_with_who_cosigned(app, hospital, key):
    publish(hospital.engine, key, range(10, 10 + 3 * 45, 3))
    SQLStore(hospital.engine).add_cosignature(
        10 + 3 * 43, WITNESS.verifier_key.format(), "— w.example AAAA", 1_795_000_000
    )
    client, seen, path = app.test_client(), [], "/ledger/checkpoints"
    first = client.get(path).text
    assert re.search(r"w\.example 见证，[^<]* 19:06:40<", first)  # to the second: several are signed in a minute
    for _ in range(4):
        page = client.get(path).text
        seen += [int(size.replace(",", "")) for size in re.findall(r"到第 ([\d,]+) 条", page)]
        onward = re.search(r'href="(/ledger/checkpoints\?before=\d+)"', page)
        if not onward:
            break
        path = onward.group(1)
    assert seen == list(range(10, 10 + 3 * 45, 3))[::-1]


@pytest.mark.parametrize("before", ["", "x", "-1", "1e3", "9" * 30, "5&before=x"])
def test_a_page_that_cannot_be_is_not_there(app, before):
    answer = app.test_client().get(f"/ledger/checkpoints?before={before}")
    assert answer.status_code == (200 if before.startswith("5") else 404)


def test_what_the_pages_ask_does_not_grow_with_the_log(app, hospital, key):
    asked = []
    for sizes in (range(1, 60), range(60, 4_000)):
        publish(hospital.engine, key, sizes, 60_000)
        client = app.test_client()
        for path in ("/ledger/", "/ledger/checkpoints"):
            client.get(path)
            with Counted(hospital.engine) as counted:
                assert client.get(path).status_code == 200
            asked.append(len(counted.statements))
    assert asked[:2] == asked[2:]
    assert len(growth(hospital.engine, 24)) <= 48
    assert len(page_of_checkpoints(hospital.engine, 20)) == 20


def test_every_look_up_is_by_key(hospital, key):
    """None of them reads the table from one end to the other."""
    publish(hospital.engine, key, range(1, 50))
    with Counted(hospital.engine) as counted:
        growth(hospital.engine, 5)
        page_of_checkpoints(hospital.engine, 5, before=30)
    with hospital.engine.connect() as connection:
        for statement in set(counted.statements):
            marks = statement.count("?")
            if "SELECT" not in statement:
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", (1,) * marks).all()
            for row in plan:
                assert "TEMP B-TREE" not in row[3] or "ledger_cosignature" in statement, row
                assert "USING" in row[3] or "LIMIT" in statement or "TEMP" in row[3], row


@pytest.mark.parametrize("language", ["zh", "en"])
def test_everybody_can_read_it(app, hospital, key, language):
    publish(hospital.engine, key, range(1, 60))
    with served(app) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path()), args=[*LAUNCH_ARGUMENTS])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        page.goto(f"{base}/language/{language}?next=/ledger/")
        for path in ("/ledger/", "/ledger/checkpoints", "/ledger/wall", "/verify"):
            page.goto(base + path)
            for summary in page.locator("main details summary").all():
                summary.click()
            assert look(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") == 390, path
            if language == "en":
                assert re.findall("[\u4e00-\u9fff]+", page.locator("main").inner_text()) == []
        browser.close()


@pytest.mark.parametrize("path", ["/ledger/", "/ledger/wall", "/verify"])
def test_after_a_change_of_keys_it_is_said_which_fingerprint_is_the_earlier_ones(var, clock, path):
    keys = var / "keys" / "ledger.vkey"
    (old,) = keys.read_text().split()
    new = SigningKey(old.split("+")[0], b"\x2e" * 32).verifier_key.format()

    def page() -> str:
        app = create_app(settings_in(var), clock)
        try:
            return app.test_client().get(path).text
        finally:
            app.extensions["mingzhen"].close()

    assert "较早的公钥" not in page()
    keys.write_text(f"{new}\n{old}\n")
    shown = page()
    assert shown.index(fingerprint(new)) < shown.index("较早的公钥") < shown.index(fingerprint(old))
