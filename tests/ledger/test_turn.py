"""Whose turn it is to write, among the threads of one process."""

import threading
import time

from ledger.stores.engine import _Turn

PATIENCE_SECONDS = 90.0


def test_who_came_first_is_served_first():
    turn, served, threads = _Turn(), [], []
    assert turn.acquire(1)

    def wait(number: int) -> None:
        assert turn.acquire(PATIENCE_SECONDS)
        served.append(number)
        turn.release()

    for number in range(8):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(turn._waiting) <= number:  # it stands in line before the next one comes
            assert time.monotonic() < deadline
            time.sleep(0.001)
    turn.release()
    for thread in threads:
        thread.join()
    assert served == list(range(8))
    assert turn.acquire(0)


def test_who_lost_patience_stands_in_nobodys_way():
    turn = _Turn()
    assert turn.acquire(0)
    assert not turn.acquire(0.01)
    turn.release()
    assert turn.acquire(0)
    assert not turn.acquire(0)


def test_a_turn_that_comes_as_the_patience_ends_is_taken():
    turn = _Turn()
    assert turn.acquire(0)

    class Slow:
        """The guard, a little late for who lost patience: meanwhile the turn is handed over."""

        def __init__(self, real):
            self.real, self.entered = real, 0

        def __enter__(self):
            self.entered += 1
            if self.entered == 2:
                with self.real:
                    turn._waiting.popleft().release()
            self.real.acquire()

        def __exit__(self, *_):
            self.real.release()

    turn._guard = Slow(turn._guard)
    assert turn.acquire(0.01)
