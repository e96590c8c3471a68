"""A sequencer that stands still: acts are told so once by each worker, then wait for nothing (I9, P3)."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import acts, hospital
from bench.servers import Server, site
from tests.server.launched import wait_until

WAIT_MS = 10_000  # the longest that may be set: had one worker waited it out once, it would show
BEFORE, DURING = 2, 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "site"
    target.mkdir()
    return target


def sequencer_of(server: Server) -> int:
    """Return the process that seals."""
    found = [pid for pid in server.processes() if b"\0sequencer\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(found) == 1
    return found[0]


def test_a_sequencer_that_stands_still_costs_no_act_its_whole_wait_and_loses_no_receipt(folder):
    offset = hospital.offset_seconds(datetime.now(UTC))
    house = hospital.found(folder, offset)
    clinic, slots = hospital.furnish(house)
    due = hospital.invite(house, slots, BEFORE + DURING)
    environ = {**hospital.environment(folder, offset), "RECEIPT_WAIT_MS": str(WAIT_MS)}
    with site(folder, environ) as server:
        forms = acts.open_forms(house, server.port, clinic, due)
        acts.check_in(house, server.port, forms[:BEFORE], 1)
        wait_until(lambda: hospital.count(house).published == hospital.count(house).entries)
        assert acts.verify_all(house) == BEFORE

        sequencer = sequencer_of(server)
        os.kill(sequencer, signal.SIGSTOP)
        try:
            during = acts.check_in(house, server.port, forms[BEFORE:], 1)
        finally:
            os.kill(sequencer, signal.SIGCONT)

        assert {answer.header("x-receipt-state") for answer in during.burst.answers} == {"pending"}
        # Of a slow machine every act is slow, the quickest of them least; had they waited, all would have.
        assert min(answer.seconds for answer in during.burst.answers) < WAIT_MS / 1000
        assert sorted(answer.seconds for answer in during.burst.answers)[-3] < WAIT_MS / 1000
        wait_until(lambda: hospital.count(house).published == hospital.count(house).entries)
        assert acts.verify_all(house) == BEFORE + DURING
    house.close()
