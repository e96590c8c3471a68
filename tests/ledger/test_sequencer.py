"""What a round does, and what a start makes of what it finds."""

import shutil

import pytest
from sqlalchemy.event import listen

import ledger.sequencer
from ledger import merkle
from ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.errors import RefusedToStart, StoreError
from ledger.head import PAGE_BYTES, Head
from ledger.merkle import EMPTY_ROOT, leaf_hash, root_hash
from ledger.note import SigningKey
from ledger.sequencer import GATHER_SECONDS, MAX_ROUND
from ledger.store import Overtaken
from tests.ledger.workbench import KEY, ORIGIN, START_MS, Log, event


@pytest.fixture(params=["memory", "sql"])
def log(request, tmp_path):
    log = Log(tmp_path, request.param)
    yield log
    log.close()


@pytest.fixture
def sql_log(tmp_path):
    log = Log(tmp_path)
    yield log
    log.close()


def test_a_new_log_begins_with_a_checkpoint_of_the_empty_tree(log):
    log.start()

    note = log.store.newest_checkpoint()
    assert open_checkpoint(note.encode(), KEY.verifier_key) == Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert log.head.read() == Head(ORIGIN, 0, EMPTY_ROOT, START_MS)
    assert log.bell.announced == [(0, 0)]


def test_a_round_takes_all_that_waits_in_the_order_of_the_queue(log):
    sequencer = log.start()
    numbers = log.add(5)

    assert sequencer.round() == 5

    assert log.published().size == 5
    assert log.published().root == root_hash([leaf_hash(event(number).entry) for number in numbers])
    assert log.bell.announced[-1] == (5, log.asked[numbers[-1]])
    log.hand_out(numbers)
    log.check()


def test_a_round_with_nothing_to_do_signs_nothing(log):
    sequencer = log.start()
    signed = len(log.key.signed)

    assert sequencer.round() == 0
    assert len(log.key.signed) == signed


def test_a_large_queue_is_taken_in_bounded_rounds(log):
    sequencer = log.start()
    log.add(MAX_ROUND + 1)

    assert [sequencer.round(), sequencer.round(), sequencer.round()] == [MAX_ROUND, 1, 0]
    log.check()


def test_rounds_across_the_ends_of_tiles_keep_the_promises(log):
    log.grow(1, 254, 1, 1, 255, 256, 700, 3)
    log.check()


def test_a_start_continues_where_the_last_one_stopped(log):
    log.grow(3, 254).grow(2, 5)
    log.check()


def test_a_restart_signs_nothing_new(log):
    log.grow(3)
    signed = len(log.key.signed)
    log.start()
    log.start()

    assert len(log.key.signed) == signed


def test_the_work_of_a_round_does_not_grow_with_the_log(sql_log, monkeypatch):
    """Counted, not timed: the same work at 300 entries and at 20,000, but for what a deeper tree needs."""
    hashed = []
    real = merkle.node_hash
    monkeypatch.setattr(merkle, "node_hash", lambda left, right: (hashed.append(1), real(left, right))[1])
    statements = []
    for engine in (sql_log.engine, sql_log.engine.get_execution_options()["mingzhen_writer"]):
        listen(engine, "checkout", lambda driver, *_: driver.set_trace_callback(statements.append))

    def work(sequencer):
        sql_log.add(1)
        hashed.clear()
        statements.clear()
        sequencer.round()
        return len(hashed), len(statements)

    sequencer = sql_log.start()
    sql_log.add(300)
    sequencer.round()
    small_hashes, small_statements = work(sequencer)
    while sql_log.store.load_tree().size < 20_000:
        sql_log.add(MAX_ROUND)
        sequencer.round()
    large_hashes, large_statements = work(sequencer)

    assert large_statements == small_statements > 12
    assert large_hashes <= 2 * 3 * 256  # twice, for the build and for the check, one tile in each of three levels
    assert small_hashes <= 2 * 2 * 256


def test_time_never_goes_back_and_is_never_before_an_event(log):
    sequencer = log.start()
    times = []
    for clock, at_ms in [(10, 5), (-86_400_000, 0), (-86_400_000, 40), (20, 20), (50, 50)]:
        log.now_ms = START_MS + clock
        log.add(1, at_ms=START_MS + at_ms)
        sequencer.round()
        times.append(log.store.load_tree().head_ms - START_MS)

    assert times == [10, 10, 40, 40, 50]
    log.check()


def test_a_clock_that_is_behind_is_reported_once(log):
    reported = []
    sequencer = log.build()
    sequencer._report = lambda event, **fields: reported.append(event)
    sequencer.start()
    for _ in range(3):
        log.add(1, at_ms=START_MS + 20_000)
        sequencer.round()
    assert reported == ["sequencer.started", "sequencer.clock_behind"]


def test_a_sequencer_that_failed_or_never_started_does_nothing_more(log):
    with pytest.raises(StoreError, match="not started"):
        log.build().round()

    sequencer = log.start()
    log.start()  # another one; this alone does not matter
    log.grow(1)
    log.add(1)
    with pytest.raises(Overtaken):
        sequencer.round()
    with pytest.raises(StoreError, match="has failed"):
        sequencer.round()
    log.start().round()
    log.check()


class Knocks:
    """A bell with a script: what each wait answers, and what happens before it."""

    def __init__(self, *steps):
        self.steps, self.announced, self.waited = list(steps), [], []

    def wait(self, timeout_seconds):
        self.waited.append(timeout_seconds)
        return self.steps.pop(0)()

    def announce(self, size, serial):
        self.announced.append(size)


def test_every_knock_gets_an_answer_and_nobody_spins(log):
    def knock_with(count):
        return lambda: bool(log.add(count)) if count else True

    bell = Knocks(knock_with(2), lambda: False, knock_with(0), lambda: False)
    log.build(bell=bell).run(lambda: not bell.steps)

    assert bell.announced == [0, 2, 2]
    assert bell.waited == [0.25] * 4


def test_after_a_round_that_could_not_take_all_the_next_follows_without_a_knock(log, monkeypatch):
    monkeypatch.setattr(ledger.sequencer, "MAX_ROUND", 3)
    bell = Knocks(lambda: bool(log.add(8)), lambda: False, lambda: False, lambda: False)
    log.build(bell=bell).run(lambda: not bell.steps)

    assert bell.announced == [0, 3, 6, 8]
    assert bell.waited == [0.25, 0, 0, 0.25]


def test_where_several_come_together_it_gathers_them_and_one_alone_never_waits(log):
    bell = Knocks(*(lambda count=count: bool(log.add(count)) for count in (1, 1, 3, 1, 1)))
    rests = []
    log.build(bell=bell, pause=rests.append).run(lambda: not bell.steps)

    assert bell.announced == [0, 1, 2, 5, 6, 7]
    assert rests == [GATHER_SECONDS]  # before the round after the one of three


def test_half_a_head_that_does_not_read_is_refused_unless_a_round_was_cut_short(log):
    log.grow(3)
    before = log.head.path.read_bytes()
    log.grow(2)
    after = log.head.path.read_bytes()
    newer = slice(0, PAGE_BYTES) if before[:PAGE_BYTES] != after[:PAGE_BYTES] else slice(PAGE_BYTES, 2 * PAGE_BYTES)

    for at in range(2):  # the older page: the head holds, but a disk that spoils one page is not to be signed on
        spoiled = bytearray(after)
        spoiled[PAGE_BYTES - newer.start + at] ^= 1
        log.head.path.write_bytes(spoiled)
        assert "half of the head" in refusal(log)

    spoiled = bytearray(after)
    spoiled[newer.start] ^= 1  # as if the swap of the last round had not come to its end, which it finishes
    log.head.path.write_bytes(spoiled)
    log.start()
    assert not log.head.is_spoiled()
    log.check()


def test_what_nobody_knocked_for_is_found_by_itself(log):
    bell = Knocks(lambda: not log.add(1))
    log.build(bell=bell).run(lambda: not bell.steps)

    assert log.published().size == 1


# Refusals at the start. Each names what the operator can do, and nothing is signed.


def refusal(log, **parts):
    signed = len(log.key.signed)
    with pytest.raises(RefusedToStart) as refused:
        log.start(**parts)
    assert len(log.key.signed) == signed
    assert len(refused.value.way_out) > 40
    return str(refused.value)


def test_an_older_copy_of_the_database_is_refused(sql_log):
    sql_log.grow(5)
    with sql_log.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database = sql_log.folder / "hospital.db"
    shutil.copy(database, sql_log.folder / "backup")
    sql_log.grow(1, 1)
    sql_log.engine.dispose()
    for rest in sql_log.folder.glob("hospital.db-*"):
        rest.unlink()
    shutil.copy(sql_log.folder / "backup", database)

    assert refusal(sql_log) == "the head is at 7 entries, the database only at 5: an old copy was restored"


def test_an_empty_database_beside_a_head_is_refused(tmp_path):
    log = Log(tmp_path, "memory").grow(5)
    other = Log(tmp_path, "memory")

    assert refusal(other) == "the database holds no log, but the head is at 5 entries"
    log.start()


def test_an_empty_database_beside_the_head_of_an_empty_log_begins_anew(tmp_path):
    Log(tmp_path, "memory").start()
    other = Log(tmp_path, "memory").grow(2)
    other.check()


def test_a_lost_head_is_refused_unless_the_tree_is_empty(log):
    log.start()
    log.head.path.unlink()
    log.start()
    log.grow(5)
    log.head.path.unlink()

    assert refusal(log) == "the head is missing, but the tree has 5 entries"


def test_a_damaged_head_is_refused(log):
    log.grow(5)
    log.head.path.write_text("not a head\n")
    assert "does not hold a head" in refusal(log)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"root": bytes(32)}, "different roots for 5 entries"),
        ({"at_ms": START_MS + 1}, "different times for 5 entries"),
        ({"size": 3, "root": bytes(32)}, "not one round after the head at 3"),
        ({"size": 4, "root": bytes(32)}, "not one round after the head at 4"),
        ({"size": 6}, "the head is at 6 entries"),
        ({"origin": "log.elsewhere.example"}, "this is the log log.elsewhere.example"),
    ],
)
def test_a_head_of_another_history_is_refused(log, change, why):
    log.grow(3, 1, 1)
    right = log.head.read()
    log.head.compare_and_swap(right, Head(**(vars(right) | change)))

    assert why in refusal(log)


def test_two_rounds_after_the_head_is_too_far(log):
    log.grow(3)
    before = log.head.read()
    log.grow(1, 1)
    log.head.compare_and_swap(log.head.read(), before)

    assert "not one round after the head at 3" in refusal(log)


def test_one_round_after_the_head_is_finished(log):
    log.grow(3)
    before = log.head.read()
    log.grow(2)
    log.head.compare_and_swap(log.head.read(), before)
    log.start()

    assert log.head.read().size == 5
    log.grow(1)
    log.check()


def test_another_origin_is_refused(log):
    log.grow(1)
    assert "this is the log log.hospital.example/2026, not log.elsewhere.example" in refusal(
        log, origin="log.elsewhere.example"
    )


def test_another_key_is_refused_before_it_signs(log):
    log.grow(1)
    other = SigningKey(ORIGIN, bytes(32))
    assert "does not verify under this key" in refusal(log, key=other)


def test_a_published_checkpoint_ahead_of_the_tree_is_refused(log):
    log.grow(1)
    log.store.publish(2, sign_checkpoint(Checkpoint(ORIGIN, 2, bytes(32)), KEY), 1)
    assert refusal(log) == "a checkpoint of 2 entries is published, the tree has 1"


def test_a_published_checkpoint_with_another_root_is_refused(sql_log):
    sql_log.grow(1)
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), KEY)
    sql_log.sql(f"UPDATE ledger_checkpoint SET note = '{note}' WHERE size = 1")
    assert "do not give the published root of 1 entries" in refusal(sql_log)


def test_lost_checkpoints_are_refused(sql_log):
    sql_log.grow(2)
    sql_log.sql("DELETE FROM ledger_checkpoint")
    assert "no checkpoint is published" in refusal(sql_log)
    sql_log.sql("UPDATE ledger_tree SET size = 0, old_size = 0, root = x'" + EMPTY_ROOT.hex() + "'")
    assert "the head is at 2 entries" in refusal(sql_log)


FLIP = "CAST(substr({0}, 1, 6) || CAST(x'{1}' AS BLOB) || substr({0}, 8) AS BLOB)"


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE ledger_entry SET entry = {FLIP.format('entry', 'a5')} WHERE idx = 600",
        f"UPDATE ledger_entry SET entry = {FLIP.format('entry', 'a5')} WHERE idx = 513",
        f"UPDATE ledger_tile SET hashes = {FLIP.format('hashes', 'a5')} WHERE level = 0 AND idx = 0",
        f"UPDATE ledger_tile SET hashes = {FLIP.format('hashes', 'a5')} WHERE level = 0 AND idx = 1",
        f"UPDATE ledger_edge SET hashes = {FLIP.format('hashes', 'a5')} WHERE level = 0",
        f"UPDATE ledger_edge SET hashes = {FLIP.format('hashes', 'a5')} WHERE level = 1",
        "DELETE FROM ledger_edge WHERE level = 1",
        "DELETE FROM ledger_tile WHERE idx = 1",
        "UPDATE ledger_entry SET idx = NULL WHERE idx = 600",
        "UPDATE ledger_entry SET idx = 9999 WHERE idx = 600",
    ],
)
def test_a_damaged_log_is_refused_before_the_first_signature(sql_log, statement):
    sql_log.grow(600, 1)
    sql_log.sql(statement)
    sql_log.add(1)

    assert "contradicts itself" in refusal(sql_log)
