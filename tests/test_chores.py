"""The work that the clock brings: one worker does it, each chore stands for itself, and what fails comes again later."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from app import chores
from app.chores import ChoreKeeper, Job, do, do_chore, jobs, lock_file
from app.domain.actor import SYSTEM
from app.services import events
from app.services.chores import CHORES, Chore
from tests.conftest import settings_in

PATIENCE_SECONDS = 30.0


class Bell:
    knocks = 0

    def knock(self) -> None:
        self.knocks += 1

    def close(self) -> None: ...


@pytest.fixture
def keeper(app, var) -> Callable[[list[Job]], ChoreKeeper]:
    """Makes a keeper over the fixture's folder; all end with the test."""
    made: list[ChoreKeeper] = []

    def make(work: list[Job]) -> ChoreKeeper:
        made.append(ChoreKeeper(app.extensions["mingzhen"], settings_in(var), lambda: work))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def signal_job(name: str = "signal") -> tuple[Job, threading.Event]:
    happened = threading.Event()

    def go(_house: object) -> int:
        happened.set()
        return 0

    return Job(name, 60, go), happened


def broken(_house: object) -> int:
    raise ValueError("王小明 13800138000")


def test_a_chore_that_fails_stops_no_other_and_its_message_is_not_logged(keeper, capfd):
    job, happened = signal_job()
    keeper([Job("broken", 60, broken), job]).start()
    assert happened.wait(PATIENCE_SECONDS)
    said = capfd.readouterr().err
    line = next(json.loads(line) for line in said.splitlines() if "chore.failed" in line)
    assert (line["chore"], line["kind"], line["failures"]) == ("broken", "ValueError", 1)
    assert "王小明" not in said and "13800138000" not in said


def test_what_fails_again_waits_longer_each_time_and_a_success_forgets_it(monkeypatch, app):
    monkeypatch.setattr(chores.time, "monotonic", lambda: 1000.0)
    job, waits = Job("broken", 10, broken), []
    for _ in range(9):
        assert do(job, app.extensions["mingzhen"]) is None
        waits.append(job.due_at - 1000.0)
    assert waits == [20, 40, 80, 160, 300, 300, 300, 300, 300]
    job.go = lambda _house: 3
    assert do(job, app.extensions["mingzhen"]) == 3
    assert (job.failures, job.due_at) == (0, 1010.0)


def test_a_chore_that_failed_every_hour_does_not_come_more_often_than_that(monkeypatch, app):
    monkeypatch.setattr(chores.time, "monotonic", lambda: 0.0)
    job = Job("broken", 3600, broken)
    do(job, app.extensions["mingzhen"])
    assert job.due_at == 3600


def test_only_one_keeper_works_and_the_next_takes_over_when_it_ends(keeper, monkeypatch):
    monkeypatch.setattr(chores, "LOCK_EVERY_SECONDS", 0.05)
    first_job, first_ran = signal_job()
    second_job, second_ran = signal_job()
    first, second = keeper([first_job]), keeper([second_job])
    first.start()
    assert first_ran.wait(PATIENCE_SECONDS)
    second.start()
    assert not second_ran.wait(0.3), "two keepers held one lock"
    first.stop()
    assert second_ran.wait(PATIENCE_SECONDS)


def test_the_lock_lies_beside_the_database(var):
    assert lock_file(settings_in(var)) == var / "mingzhen.db.chores"
    elsewhere = replace(settings_in(var), database_url="postgresql://hospital@db/mingzhen")
    assert lock_file(elsewhere) == var / "chores.lock"


def test_chores_that_are_off_do_not_start(app, var):
    job, happened = signal_job()
    off = ChoreKeeper(app.extensions["mingzhen"], settings_in(var, CHORES="off"), lambda: [job])
    off.start()
    assert not happened.wait(0.2)
    off.stop()


def test_no_thread_runs_in_an_application_that_nobody_serves(app):
    app.extensions["mingzhen"]()
    assert "chores" not in {thread.name for thread in threading.enumerate()}


def test_ending_waits_for_the_chore_that_is_under_way(keeper):
    entered, leave, left = threading.Event(), threading.Event(), threading.Event()

    def slow(_house: object) -> int:
        entered.set()
        leave.wait(PATIENCE_SECONDS)
        left.set()
        return 1

    slow_keeper = keeper([Job("slow", 60, slow)])
    slow_keeper.start()
    assert entered.wait(PATIENCE_SECONDS)
    threading.Timer(0.1, leave.set).start()
    slow_keeper.stop()
    assert left.is_set()


def test_a_chore_that_recorded_wakes_the_sequencer_and_an_idle_one_does_not(hospital):
    def act(session, now) -> int:
        events.record(session, "screen.code_shown", SYSTEM, now)
        return 1

    bell = Bell()
    at_house = replace(hospital, bell=bell)
    assert do_chore(at_house, Chore("idle", 1, lambda _session, _now: 0)) == 0
    assert bell.knocks == 0
    assert do_chore(at_house, Chore("act", 1, act)) == 1
    assert bell.knocks == 1


def test_nothing_due_takes_no_turn_at_the_gate(hospital, var):
    """The gate is an flock on a file; held by somebody else here, so that a writing transaction would wait and fail."""
    gate = os.open(str(var / "mingzhen.db.gate"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(gate, fcntl.LOCK_EX)
    try:
        assert do_chore(hospital, Chore("idle", 1, broken, is_due=lambda _session, _now: False)) == 0  # type: ignore[arg-type]
    finally:
        os.close(gate)


def test_the_names_are_each_once_and_fit_for_a_label():
    names = [job.name for job in jobs(is_demo=True)]
    assert len(set(names)) == len(names) >= len(CHORES)
    assert all(name.replace("-", "").isalpha() and name == name.lower() for name in names)


def test_by_hand_each_is_done_once_and_a_failure_is_the_exit_status(app, monkeypatch):
    result = app.test_cli_runner().invoke(args=["chores"])
    assert result.exit_code == 0
    lines = [line for line in result.output.splitlines() if not line.startswith("{")]  # beside what is logged
    assert lines == [f"{job.name}: done" for job in jobs(is_demo=True)]
    monkeypatch.setattr(chores, "jobs", lambda **_demo: [Job("broken", 60, broken)])
    result = app.test_cli_runner().invoke(args=["chores"])
    assert result.exit_code == 1 and "broken: failed" in result.output
