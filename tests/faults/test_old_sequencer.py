"""F10: a sequencer that stalled in the middle of a round wakes up after another one has taken over."""

import pytest

from ledger.errors import StoreError
from ledger.store import Overtaken
from tests.ledger.test_sequencer_faults import IN_A_ROUND
from tests.ledger.workbench import Log


class Stalls:
    """Stands before `real`; whoever makes the call `write` sleeps while `meanwhile` happens, then goes on."""

    def __init__(self, real, write, meanwhile):
        self._real, self._write, self._meanwhile = real, write, meanwhile

    def __getattr__(self, name):
        attribute = getattr(self._real, name)
        if name != self._write or self._meanwhile is None:
            return attribute

        def call(*args, **kwargs):
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
            return attribute(*args, **kwargs)

        return call


def stalled(log, write, meanwhile):
    part = {"compare_and_swap": "head", "sign": "key"}.get(write, "store")
    sequencer = log.build(**{part: Stalls(getattr(log, part), write, meanwhile)})
    sequencer.start()
    return sequencer


@pytest.fixture(params=["memory", "sql"])
def log(request, tmp_path):
    log = Log(tmp_path, request.param).grow(254)
    yield log
    log.close()


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("write", IN_A_ROUND)
def test_what_an_old_sequencer_still_wanted_to_do_is_refused(log, write, rounds):
    def take_over():
        successor = log.start()
        for _ in range(rounds):
            log.add(2)
            successor.round()

    old = stalled(log, write, take_over)
    numbers = log.add(5)
    with pytest.raises(Overtaken):
        old.round()
    with pytest.raises(StoreError):
        old.round()

    log.start().round()
    assert log.store.load_tree().size == 254 + 5 + 2 * rounds
    log.hand_out(numbers)
    log.check()


@pytest.mark.parametrize("write", IN_A_ROUND)
def test_of_an_old_sequencer_and_one_that_only_started_one_goes_on(log, write):
    """The start finishes what the old one left half done; where it had nothing to finish, the old one goes on."""
    started = []
    old = stalled(log, write, lambda: started.append(log.start()))
    log.add(5)
    lost = 0
    for sequencer in (old, lambda: started[0]):
        try:
            log.add(1)
            (sequencer if sequencer is old else sequencer()).round()
        except Overtaken:
            lost += 1

    assert lost == 1
    log.start().round()
    log.check()


def test_an_old_sequencer_that_wakes_up_between_two_rounds_stops_before_it_writes(log):
    old = log.start()
    log.grow(3)
    signed = list(log.key.signed)
    log.add(1)
    with pytest.raises(Overtaken):
        old.round()
    assert log.key.signed == signed
