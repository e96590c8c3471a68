"""Limits with a real Redis: shared by workers, and on when it dies in the middle, at little cost and with nobody signed out."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from flask import Flask

from app import create_app
from app.web import limits
from app.web.limits import BROWSER_CODE, limiter
from tests.browsing import Browser
from tests.conftest import settings_in
from tests.server.launched import PATIENCE_SECONDS, free_port

MOST_LOST_SECONDS = 0.1  # a request, whatever Redis does (P3)
CODES = int(BROWSER_CODE.split()[0])


@dataclass
class Server:
    """A redis-server of this test's own."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


def start_server(port: int, folder: Path) -> Server:
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed; on Debian and Ubuntu: apt install redis-server"
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with redis.Redis(port=port) as probe:
                probe.ping()
            return Server(process, port)
        except redis.ConnectionError:
            assert time.monotonic() < until and process.poll() is None, "redis-server did not start"
            time.sleep(0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = start_server(free_port(), tmp_path)
    yield running
    running.process.send_signal(signal.SIGCONT)
    running.process.kill()
    running.process.wait()


@pytest.fixture
def timeout_seconds() -> float:
    """How long a request waits for Redis here: a Redis that is there is given its time, whatever else the machine does."""
    return PATIENCE_SECONDS


@pytest.fixture
def app(var: Path, clock, server: Server, timeout_seconds: float, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setattr(limits, "REDIS_TIMEOUT_SECONDS", timeout_seconds)
    application = create_app(settings_in(var, REDIS_URL=server.url), clock)
    limiter._storage_dead = False  # the test before left it so: the limiter is one for the whole process
    yield application
    application.extensions["mingzhen"].close()
    if (storage := limiter.storage) is not None:
        storage.storage.connection_pool.disconnect()  # type: ignore[attr-defined]
    create_app(settings_in(var), clock)  # back to memory


def press(browser: Browser) -> int:
    """Ask for a code at a phone that is none, which counts like any other; return the status."""
    return browser.post("/sign-in/phone", phone="1").status_code


@pytest.fixture
def waited(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that Redis may have kept a request waiting: of every connect and every read that failed, its whole time-out.
    What a stopwatch says besides is how busy this machine was."""
    seconds: list[float] = []

    def counted(owner: type, name: str) -> None:
        original = getattr(owner, name)

        def wait(connection: redis.Connection, *args: object, **kwargs: object) -> object:
            try:
                return original(connection, *args, **kwargs)
            except (redis.RedisError, OSError):
                limit = connection.socket_connect_timeout if name == "_connect" else connection.socket_timeout
                assert limit is not None
                seconds.append(float(limit))
                raise

        monkeypatch.setattr(owner, name, wait)

    counted(redis.Connection, "_connect")
    counted(redis.Connection, "read_response")
    return seconds


@pytest.fixture
def signed_in(browser: Browser) -> Browser:
    browser.get("/sign-in")
    browser.post("/sign-in/phone", phone="13800138000")
    assert browser.post("/sign-in/code", phone="+8613800138000", code=browser.last_sms()).status_code == 303
    limiter.reset()
    browser.get("/people/new")
    return browser


def test_what_one_worker_counted_the_next_one_knows(app, var, clock, server, browser) -> None:
    browser.get("/sign-in")
    assert [press(browser) for _ in range(CODES)] == [400] * CODES
    with redis.Redis(port=server.port) as connection:
        [key] = connection.keys("*phone*browser*") or connection.keys("*browser:*")
        assert connection.llen(key) == CODES  # it lies in Redis, for every worker to see
    assert press(browser) == 429


def test_a_refusal_says_when_to_come_back(app, browser) -> None:
    browser.get("/sign-in")
    for _ in range(CODES):
        press(browser)
    answer = browser.post("/sign-in/phone", phone="1")
    assert answer.status_code == 429 and 1 <= int(answer.headers["Retry-After"]) <= 600
    assert "操作太频繁了" in answer.text


@pytest.mark.parametrize("timeout_seconds", [limits.REDIS_TIMEOUT_SECONDS])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hanging"])
def test_when_redis_goes_limits_stay_on_little_is_lost_and_nobody_is_signed_out(
    app, server, signed_in, waited, how
) -> None:
    assert press(signed_in) == 400
    server.process.send_signal(how)
    if how == signal.SIGKILL:
        server.process.wait()

    statuses, lost = [], []
    for _ in range(CODES + 1):
        waited.clear()
        statuses.append(press(signed_in))
        lost.append(sum(waited))
        assert signed_in.get("/me").status_code == 200  # sessions live in the database

    assert set(statuses) <= {400, 429}, "a dead Redis is nobody's 500"
    assert statuses[-1] == 429, "limits are off"
    assert 0 < max(lost) <= MOST_LOST_SECONDS, [round(s, 3) for s in lost]


def test_when_redis_comes_back_it_counts_again(app, server, signed_in, tmp_path) -> None:
    server.process.kill()
    server.process.wait()
    assert press(signed_in) == 400
    server.process = start_server(server.port, tmp_path).process
    until = time.monotonic() + PATIENCE_SECONDS
    with redis.Redis(port=server.port) as connection:
        while not connection.keys("*"):
            assert time.monotonic() < until, "it never asked again"
            signed_in.get("/sign-in/wechat")
            time.sleep(0.2)


def test_sixty_four_people_behind_one_address_sign_in(app) -> None:
    """A hospital's own Wi-Fi at eight in the morning: each has a browser of their own."""
    for number in range(64):
        person = Browser(app)
        person.get("/sign-in")
        assert person.post("/sign-in/phone", phone=f"139{number:08}").status_code == 200
        answer = person.post("/sign-in/code", phone=f"+86139{number:08}", code=person.last_sms())
        assert answer.status_code == 303, number
