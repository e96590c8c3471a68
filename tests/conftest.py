"""Fixtures shared by all rooms: a hospital in a folder of its own, with real SQLite, real keys and a clock to set."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import expect

from app import ROOT, create_app, setup
from app.config import Settings, read_settings
from app.web.house import House
from tests.browsing import Browser
from tests.fixtures_visit import doors as doors
from tests.fixtures_visit import ward as ward
from tests.scene import Scene, build_scene

# What is looked at may be late on a loaded machine: Playwright's own five seconds are not enough.
expect.set_options(timeout=60_000)


class Clock:
    """Stands still until it is set: 2026-03-02 was a Monday, and 02:00 UTC is ten in the morning at the hospital."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def settings_in(var: Path, **environ: str) -> Settings:
    """Return demo settings whose files all lie under `var`."""
    return read_settings({"MINGZHEN_VAR": str(var), "WECHAT_MOCK_INTERNAL": "http://127.0.0.1:9", **environ}, ROOT)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys and migrated, empty databases, made once and copied for each test."""
    var = tmp_path_factory.mktemp("pristine")
    settings = settings_in(var)
    setup.make_keys(settings)
    setup.migrate(settings)
    return var


@pytest.fixture
def var(pristine: Path, tmp_path: Path) -> Path:
    target = tmp_path / "var"
    shutil.copytree(pristine, target)
    return target


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(var: Path, clock: Clock) -> Iterator[Flask]:
    application = create_app(settings_in(var), clock)
    application.testing = False
    yield application
    application.extensions["mingzhen"].close()


@pytest.fixture
def hospital(app: Flask) -> House:
    """The opened adapters of `app`: for tests that call services."""
    house: House = app.extensions["mingzhen"]()
    return house


@pytest.fixture
def writing(hospital: House):
    """A recording session, committed when the block ends: `with writing() as session: service(session, …)`."""
    return hospital.writing_session


@pytest.fixture
def reading(hospital: House):
    return hospital.reading_session


@contextmanager
def sequencer_in(var: Path) -> Iterator[None]:
    """Run a real sequencer over `var` in a thread of this process."""
    from ledger.bell import BellServer
    from ledger.head import FileHead
    from ledger.note import SigningKey
    from ledger.sequencer import Sequencer
    from ledger.stores.engine import open_engine
    from ledger.stores.sql import SQLStore

    settings = settings_in(var)
    key = SigningKey.parse((var / "keys" / "ledger.key").read_text().strip())
    engine = open_engine(settings.database_url)
    store = SQLStore(engine)
    bell = BellServer(settings.ledger_socket)
    sequencer = Sequencer(store, FileHead(var / "head"), key, settings.ledger_origin, bell)
    stop = threading.Event()
    thread = threading.Thread(target=sequencer.run, args=(stop.is_set,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        bell.close()
        engine.dispose()


@pytest.fixture
def sealing(var: Path) -> Iterator[None]:
    """A running sequencer: acts get sealed receipts."""
    with sequencer_in(var):
        yield


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture(scope="session")
def scene(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The hospital with everybody in it, for the guards; each test calls `scene.fresh()` before it asks for anything."""
    var = tmp_path_factory.mktemp("scene") / "var"
    shutil.copytree(pristine, var)
    built = build_scene(var, tmp_path_factory.mktemp("kept"), settings_in(var, RECEIPT_WAIT_MS="0"), Clock())
    yield built
    built.app.extensions["mingzhen"].close()
