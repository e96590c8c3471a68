"""F34: a process runs out of descriptors."""

import resource
from pathlib import Path

import pytest

from ledger.bell import Bell
from tests.ledger.test_sequencer_process import Process, seal, wait_until
from tests.ledger.workbench import KEY, Log


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    (tmp_path / "key").write_text(KEY.format() + "\n")
    yield log
    log.close()


def test_a_sequencer_without_a_free_descriptor_ends_and_the_next_one_loses_nothing(log):
    bell, process = Bell(log.folder / "bell"), Process(log)
    numbers = [seal(log, bell, 30) for _ in range(3)]
    log.hand_out(numbers)
    pid = process.process.pid
    used = max(int(file.name) for file in Path(f"/proc/{pid}/fd").iterdir()) + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))
    waiting = log.add(5)
    bell.knock()
    process.process.wait(30)
    code, lines = process.result()
    assert (code, process.events(lines)) == (1, ["sequencer.started", "sequencer.failed"])

    process = Process(log)
    wait_until(lambda: log.store.newest_size() == 8, 30)
    log.hand_out(waiting)
    assert process.end()[0] == 0
    bell.close()
    log.check()
