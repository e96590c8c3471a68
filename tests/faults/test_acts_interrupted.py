"""F19, F30: a web worker is killed in the middle of acts, and people press again."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import acts, hospital
from bench.hospital import Count
from bench.load import fire
from bench.servers import site
from tests.server.launched import wait_until

PEOPLE = 24
AT_ONCE = 8


@pytest.fixture
def crowd(tmp_path):
    """An opened hospital with people who are due, over which a whole site can run."""
    folder = tmp_path / "site"
    folder.mkdir()
    offset = hospital.offset_seconds(datetime.now(UTC))
    house = hospital.found(folder, offset)
    clinic, slots = hospital.furnish(house)
    yield folder, offset, house, clinic, hospital.invite(house, slots, PEOPLE)
    house.close()


def worker_of(server):
    """Return one web worker: a process of gunicorn whose parent is one too."""
    gunicorn = [pid for pid in server.processes() if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in gunicorn}
    return next(pid for pid, parent in parents.items() if parent in gunicorn)


def press(port, form):
    """Send one form and return its status; None where the connection broke before an answer came."""
    try:
        return fire(port, [form], 1).answers[0].status
    except (ConnectionError, TimeoutError):
        return None


def test_a_worker_killed_in_the_middle_of_acts_leaves_each_done_once_or_not_at_all_and_pressing_again_completes_it(
    crowd,
):
    folder, offset, house, clinic, due = crowd
    before = hospital.count(house)
    with site(folder, hospital.environment(folder, offset)) as server:
        forms = acts.open_forms(house, server.port, clinic, due)
        answers: list[int | None] = [None] * len(forms)
        turn = iter(range(len(forms)))
        lock = threading.Lock()

        def phone():
            while True:
                with lock:
                    number = next(turn, None)
                if number is None:
                    return
                answers[number] = press(server.port, forms[number])
                if number == PEOPLE // 3:
                    os.kill(worker_of(server), signal.SIGKILL)

        phones = [threading.Thread(target=phone) for _ in range(AT_ONCE)]
        for one in phones:
            one.start()
        for one in phones:
            one.join()

        # An answer is a redirect or none came: nobody is told of a fault.
        assert set(answers) <= {303, None}
        assert answers.count(303) > PEOPLE // 3
        middle = hospital.count(house)
        assert middle.tickets - before.tickets == middle.events - before.events >= answers.count(303)
        # Everybody presses again, those who have their ticket too, and all who lost their answer at once.
        again = fire(server.port, forms, AT_ONCE).answers
        assert {answer.status for answer in again} == {303}
        wait_until(lambda: hospital.count(house).published == hospital.count(house).entries)

    after = hospital.count(house)
    assert after == Count(PEOPLE, PEOPLE, before.entries + PEOPLE, before.entries + PEOPLE)
    assert acts.verify_all(house) == PEOPLE
