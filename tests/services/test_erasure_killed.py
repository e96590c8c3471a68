"""An erasure that is killed at any step goes on at the next start, and the audit agrees at every moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app import ROOT, erasing
from app.audit import Auditor
from app.models import ErasedEvent, Erasure, Event
from app.services import erasure

STEPS = {
    "in the first transaction": None,
    "before the keys": "begun",
    "among the keys": "begun",
    "after the keys": "begun",
    "in the last transaction": "destroyed",
}


def run_until_killed(ward, var: Path, account: str, at: str) -> None:
    command = [sys.executable, "-m", "tests.services.erasure_killed", str(var), account, at, ward.now.isoformat()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("at", STEPS)
def test_killed_at_a_step_it_goes_on(ward, var, at):
    who = ward.person()
    if at == "in the last transaction":
        ward.do(erasure.begin, who.actor, is_sure=True)
        erasing.carry_on(ward.house)
        ward.clock.now += timedelta(seconds=61)
    run_until_killed(ward, var, str(who.actor.ref), at)
    assert Auditor(ward.house.settings).run().findings.kept == []
    with ward.house.reading_session() as session:
        assert session.scalar(select(Erasure.state)) == STEPS[at]
        if STEPS[at] is None:  # nothing of it happened, so that the person can press again
            assert session.scalar(select(func.count()).select_from(ErasedEvent)) == 0
            return
    erasing.carry_on(ward.house)
    ward.clock.now += timedelta(seconds=61)
    erasing.carry_on(ward.house)
    assert erasing.left(ward.house) == 0
    assert erasing.carry_on(ward.house) == 0
    with pytest.raises(KeyError):
        ward.house.vault.seal(who.ref, "identity", "x|y|1", {})
    with ward.house.reading_session() as session:
        assert [*session.scalars(select(Event.type).where(Event.type.like("erasure.%")))] == [
            "erasure.begun", "erasure.completed",
        ]  # fmt: skip
    assert Auditor(ward.house.settings).run().findings.kept == []


def test_what_came_about_a_dead_key_meanwhile_gets_its_tombstone(ward):
    """A worker that still had the key sealed an event in that minute: nobody can open it, and the last step says so."""
    from app.domain.actor import SYSTEM
    from app.services import events

    who = ward.person()
    key = ward.house.vault._keyring.key(who.ref, "events")
    ward.do(erasure.begin, who.actor, is_sure=True)
    erasing.carry_on(ward.house)
    ward.house.vault._keyring._remember(who.ref, "events", key)
    with ward.house.writing_session() as session:
        events.record(session, "act.refused", SYSTEM, ward.now, subject=who.ref, detail={"rule": "no_link"})
    ward.house.vault._keyring._cache.clear()
    ward.clock.now += timedelta(seconds=61)
    erasing.carry_on(ward.house)
    assert Auditor(ward.house.settings).run().findings.kept == []
    with ward.house.reading_session() as session:
        assert session.scalar(select(Event.id).where(Event.subject_ref == who.ref)) is None
