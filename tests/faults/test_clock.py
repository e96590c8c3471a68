"""F09: the machine's clock goes back a day, forward two, and stands still."""

import pytest

from tests.ledger.workbench import START_MS, Log

DAY_MS = 86_400_000


@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_that_jumps_holds_nobody_up_and_the_heads_time_never_goes_back(tmp_path, restarts):
    log = Log(tmp_path)
    sequencer, times, late = log.start(), [], START_MS
    for now_ms in (START_MS, START_MS - DAY_MS, START_MS + 2 * DAY_MS, START_MS, START_MS, START_MS + DAY_MS):
        log.now_ms = now_ms
        if restarts:
            sequencer = log.start()
        numbers = log.add(2)
        assert sequencer.round() == 2
        late = max(late, now_ms)
        times.append(log.head.read().at_ms)
        assert times[-1] >= late  # not before any event either
        log.hand_out(numbers)
    assert times == sorted(times)
    log.check()
    log.close()
