"""Each write fails, or happens and reports failure; then a new start, and the log is right.

After `TestSequenceErrors` of FiloSottile/sunlight internal/ctlog/ctlog_test.go.
"""

import random
import threading
from itertools import product

import pytest

from ledger.errors import RefusedToStart, StoreError
from ledger.head import FileHead
from ledger.store import Overtaken
from ledger.stores.engine import open_engine
from ledger.stores.sql import SQLStore
from tests.ledger.workbench import KEY, Log, Silent

IN_A_ROUND = ["commit_round", "compare_and_swap", "sign", "publish"]
IN_A_FIRST_START = ["create", "compare_and_swap", "sign", "publish"]
FAULTS = list(product(IN_A_ROUND, (False, True)))


class Broken(OSError):
    """What a disk, a network or a power supply says."""


class Fails:
    """Stands before `real` and lets the call `write` fail once, before or after it happened."""

    def __init__(self, real, write, happened):
        self._real, self._write, self._happened, self.hit = real, write, happened, False

    def __getattr__(self, name):
        attribute = getattr(self._real, name)
        if name != self._write:
            return attribute

        def call(*args, **kwargs):
            self.hit = True
            if self._happened:
                attribute(*args, **kwargs)
            raise Broken(name)

        return call


def failing(log, write, happened):
    """Return the parts of a sequencer in which one write fails."""
    name = {"compare_and_swap": "head", "sign": "key"}.get(write, "store")
    return {name: Fails(getattr(log, name), write, happened)}


@pytest.fixture(params=["memory", "sql"])
def log(request, tmp_path):
    log = Log(tmp_path, request.param)
    yield log
    log.close()


@pytest.mark.parametrize(("write", "happened"), FAULTS)
def test_a_round_that_fails_anywhere_is_made_good_by_the_next_start(log, write, happened):
    log.grow(254)
    parts = failing(log, write, happened)
    sequencer = log.build(**parts)
    sequencer.start()
    numbers = log.add(5)  # across the end of a tile

    with pytest.raises(Broken):
        sequencer.round()
    with pytest.raises(StoreError):
        sequencer.round()  # it is spent, whatever happened

    after = log.start()
    after.round()
    assert log.store.load_tree().size == 259
    log.hand_out(numbers)
    log.check()


@pytest.mark.parametrize(("write", "happened"), list(product(IN_A_FIRST_START, (False, True))))
def test_a_first_start_that_fails_anywhere_is_made_good_by_the_next(log, write, happened):
    with pytest.raises(Broken):
        log.start(**failing(log, write, happened))

    log.grow(3)
    log.check()


@pytest.mark.parametrize(("first", "second"), list(product(FAULTS, FAULTS)))
def test_failing_again_while_a_failed_round_is_finished_is_made_good_too(tmp_path, first, second):
    log = Log(tmp_path, "memory").grow(254)
    sequencer = log.build(**failing(log, *first))
    sequencer.start()
    numbers = log.add(5)
    with pytest.raises(Broken):
        sequencer.round()

    parts = failing(log, *second)
    try:
        log.start(**parts).round()
        assert not next(iter(parts.values())).hit
    except Broken:
        pass

    log.start().round()
    log.hand_out(numbers)
    log.check()


def test_a_hundred_random_faults_in_a_row_break_no_promise(tmp_path):
    rng = random.Random(1)
    log = Log(tmp_path).grow(250)
    for _ in range(100):
        log.now_ms += rng.randrange(-500, 1000)
        log.add(rng.randrange(1, 4))
        try:
            sequencer = log.start(**failing(log, *rng.choice(FAULTS)))
            sequencer.round()
        except Broken:
            pass
        published = log.store.newest_size()
        log.hand_out([number for number in list(log.asked)[-20:] if (log.asked[number] or 0) <= published])
    log.start().round()
    assert log.store.pending(1) == []
    log.check()
    log.close()


class Flips:
    """A store on a disk that changes a byte right after a round was stored."""

    def __init__(self, log, statement):
        self._log, self._statement = log, statement

    def __getattr__(self, name):
        return getattr(self._log.store, name)

    def commit_round(self, step):
        self._log.store.commit_round(step)
        self._log.sql(self._statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET entry = zeroblob(33) WHERE idx = 255",
        "UPDATE ledger_entry SET entry = zeroblob(33) WHERE idx = 258",
        "UPDATE ledger_tile SET hashes = zeroblob(8192) WHERE level = 0",
        "UPDATE ledger_edge SET hashes = zeroblob(96) WHERE level = 0",
        "UPDATE ledger_edge SET hashes = zeroblob(32) WHERE level = 1",
        "UPDATE ledger_tree SET root = zeroblob(32)",
        "UPDATE ledger_tree SET head_ms = 0",
    ],
)
def test_what_changes_between_storing_and_signing_is_never_signed(tmp_path, statement):
    log = Log(tmp_path).grow(254)
    sequencer = log.start(store=Flips(log, statement))
    log.add(5)
    signed, head = list(log.key.signed), log.head.read()

    with pytest.raises(StoreError, match="not signed"):
        sequencer.round()
    with pytest.raises(RefusedToStart):
        log.start()

    assert log.key.signed == signed
    assert log.head.read() == head
    log.close()


@pytest.mark.parametrize(("write", "happened"), FAULTS)
def test_a_store_that_keeps_its_connections_is_as_good(tmp_path, write, happened):
    log = Log(tmp_path).grow(254)
    shared, log.store = log.store, SQLStore(log.engine, for_one_thread=True)
    sequencer = log.build(**failing(log, write, happened))
    sequencer.start()
    numbers = log.add(5)
    with pytest.raises(Broken):
        sequencer.round()
    log.start().round()

    log.store.close()
    log.store = shared
    assert shared.load_tree().size == 259
    log.hand_out(numbers)
    log.check()
    log.close()


def test_a_hash_that_was_remembered_wrong_is_never_signed(tmp_path):
    log = Log(tmp_path).grow(250)
    sequencer = log.start()
    sequencer._remembered_hash = lambda row: bytes(32)
    log.add(1)
    signed, head = list(log.key.signed), log.head.read()

    with pytest.raises(StoreError, match="not signed"):
        sequencer.round()

    assert log.key.signed == signed
    assert log.head.read() == head
    log.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_tree SET size = size - 1, old_size = 0",
        "UPDATE ledger_tree SET root = zeroblob(32)",
        "UPDATE ledger_edge SET hashes = zeroblob(length(hashes)) WHERE level = 0",
    ],
)
def test_what_changes_between_two_rounds_stops_the_sequencer(tmp_path, statement):
    log = Log(tmp_path).grow(254)
    sequencer = log.start()
    log.add(5)
    log.sql(statement)
    signed = list(log.key.signed)

    with pytest.raises(StoreError):
        sequencer.round()
    assert log.key.signed == signed
    log.close()


def test_a_database_put_back_under_a_running_sequencer_stops_it(tmp_path):
    log = Log(tmp_path).grow(4)
    sequencer = log.start()
    before = log.store.load_tree()
    log.add(1)
    sequencer.round()
    log.sql(
        f"UPDATE ledger_tree SET size = {before.size}, root = x'{before.root.hex()}', head_ms = {before.head_ms},"
        f" old_size = {before.old_size}, old_root = x'{before.old_root.hex()}'"
    )
    with pytest.raises(Overtaken):
        sequencer.round()  # with nothing waiting, too
    log.close()


def test_two_sequencers_for_two_hundred_rounds_sign_one_root_for_each_size(tmp_path):
    """Without the lock that keeps a second one away: the guard and the swap have to do it alone."""
    log = Log(tmp_path)
    log.start()
    rounds, losses, crashes = [0, 0], [0, 0], []
    together = threading.Barrier(2)

    def work(me):
        engine = open_engine(log.engine.url)
        store, head, sequencer = SQLStore(engine), FileHead(log.head.path), None
        for _ in range(200):
            if me == 0:
                log.add(2)
            together.wait(30)
            try:
                if sequencer is None:
                    sequencer = log.start(store=store, head=head, bell=Silent())
                rounds[me] += sequencer.round() > 0
            except Overtaken:
                losses[me] += 1
                sequencer = None
            except Exception as e:  # told to the test, which is in another thread
                crashes.append(e)
                sequencer = None
        engine.dispose()

    threads = [threading.Thread(target=work, args=(me,)) for me in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # A start beside a running round may see head and database two rounds apart, for it reads one after the other.
    assert all(isinstance(crash, RefusedToStart) for crash in crashes), crashes
    assert sum(losses) > 20
    assert min(rounds) > 0
    log.start().round()
    assert log.store.load_tree().size == 400
    log.hand_out([0, 100, 399])
    log.check()
    log.close()


def test_the_faults_reach_every_write():
    """The table would prove nothing if a write were renamed."""
    assert {*IN_A_ROUND, *IN_A_FIRST_START} <= set(dir(SQLStore)) | set(dir(FileHead)) | set(dir(KEY))
