"""What every store promises; both are held to it."""

from contextlib import nullcontext

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import IntegrityError, OperationalError

from ledger.errors import StoreError
from ledger.merkle import EMPTY_ROOT, leaf_hash
from ledger.store import Overtaken, Round, Tree
from ledger.stores.engine import allows_several_processes, reading, recording
from ledger.stores.sql import _SQL, SQLView, add_pending, metadata
from ledger.tiles import RightEdge
from tests.ledger.workbench import Log, event

EMPTY = Tree("log", 0, EMPTY_ROOT, 5, 0, EMPTY_ROOT)


@pytest.fixture(params=["memory", "sql"])
def log(request, tmp_path):
    log = Log(tmp_path, request.param)
    yield log
    log.close()


@pytest.fixture
def sql_log(tmp_path):
    log = Log(tmp_path, "sql")
    yield log
    log.close()


def step_from(old, edge, pending):
    new_edge, tiles = edge.append([leaf_hash(waiting.entry) for waiting in pending])
    new = Tree(old.origin, new_edge.size, new_edge.root(), old.head_ms + 1, old.size, old.root)
    return Round(old, new, [waiting.serial for waiting in pending], new_edge, tiles)


def test_a_new_store_is_empty_and_begins_once(log):
    assert log.store.load_tree() is None
    assert log.store.newest_checkpoint() is None
    assert log.store.newest_size() is None

    log.store.create(EMPTY)
    with pytest.raises(Overtaken):
        log.store.create(Tree("other", 0, EMPTY_ROOT, 6, 0, EMPTY_ROOT))

    assert log.store.load_tree() == EMPTY
    assert log.store.load_edge() == RightEdge.EMPTY


def test_entries_wait_in_the_order_of_their_serials(log):
    numbers = log.add(5)
    log.store.create(EMPTY)

    assert [waiting.entry for waiting in log.store.pending(3)] == [event(number).entry for number in numbers[:3]]
    assert [waiting.serial for waiting in log.store.pending(9)] == [log.asked[number] for number in numbers]
    assert {waiting.at_ms for waiting in log.store.pending(9)} == {log.now_ms}
    assert log.store.index_of(event(0).entry) is None


def test_a_round_is_there_afterwards_with_all_its_parts(log):
    log.add(600)
    log.store.create(EMPTY)
    step = step_from(EMPTY, RightEdge.EMPTY, log.store.pending(600))
    log.store.commit_round(step)

    assert log.store.load_tree() == step.new
    assert log.store.load_edge() == step.edge
    assert log.store.pending(10) == []
    assert log.store.index_of(event(299).entry) == 299
    assert log.store.serial_at(299) == log.asked[299]
    assert log.store.entries(254, 258) == [event(number).entry for number in range(254, 258)]
    leaves = b"".join(leaf_hash(event(number).entry) for number in range(600))
    assert log.store.read_tile(0, 0, 256) == leaves[: 256 * 32]
    assert log.store.read_tile(0, 1, 7) == leaves[256 * 32 : 263 * 32]
    assert log.store.read_tile(0, 2, 88) == leaves[512 * 32 :]
    assert log.store.read_tile(1, 0, 2) == step.edge.partial[1]


def test_what_a_store_does_not_have_is_an_error_of_the_store(log):
    log.grow(3)

    for level, index, width in [(0, 0, 4), (0, 1, 1), (1, 0, 1), (7, 0, 1)]:
        with pytest.raises(StoreError):
            log.store.read_tile(level, index, width)
    with pytest.raises(StoreError):
        log.store.entries(0, 4)
    with pytest.raises(StoreError):
        log.store.serial_at(3)
    assert log.store.index_of(event(77).entry) is None


def test_a_step_from_another_tree_changes_nothing(log):
    log.add(2)
    log.store.create(EMPTY)
    first = step_from(EMPTY, RightEdge.EMPTY, log.store.pending(1))
    second = step_from(EMPTY, RightEdge.EMPTY, log.store.pending(2))
    log.store.commit_round(first)

    with pytest.raises(Overtaken):
        log.store.commit_round(second)

    assert log.store.load_tree() == first.new
    assert len(log.store.pending(9)) == 1


def test_an_entry_gets_no_second_index(log):
    log.add(2)
    log.store.create(EMPTY)
    pending = log.store.pending(2)
    first = step_from(EMPTY, RightEdge.EMPTY, pending[:1])
    log.store.commit_round(first)

    with pytest.raises(Overtaken):
        log.store.commit_round(step_from(first.new, first.edge, pending))

    assert log.store.load_tree() == first.new
    assert log.store.index_of(pending[0].entry) == 0
    assert log.store.index_of(pending[1].entry) is None


def test_gaps_in_the_queue_leave_no_gap_in_the_log(sql_log):
    sql_log.add(9)
    sql_log.store.create(EMPTY)
    pending = sql_log.store.pending(9)
    with_gaps = [pending[i] for i in (0, 1, 4, 6, 7, 8)]  # as where acts were rolled back, or still are under way
    first = step_from(EMPTY, RightEdge.EMPTY, with_gaps)
    sql_log.store.commit_round(first)

    assert sql_log.store.entries(0, 6) == [waiting.entry for waiting in with_gaps]
    assert sql_log.store.pending(9) == [pending[i] for i in (2, 3, 5)]


def test_checkpoints_are_published_forward_only(log):
    assert log.store.publish(0, "nothing yet", 1)
    assert log.store.publish(5, "five", 2)
    assert not log.store.publish(5, "another five", 3)
    assert not log.store.publish(4, "four", 3)

    assert log.store.newest_checkpoint() == "five"
    assert log.store.newest_size() == 5
    assert log.store.newest_published_ms() == 2


def test_the_same_entry_is_not_taken_twice(log):
    log.add(1)
    log.asked.clear()
    with pytest.raises((StoreError, IntegrityError)):
        log.add(1)


def test_an_entry_leaves_with_the_act_that_is_rolled_back(sql_log):
    with pytest.raises(LookupError), recording(sql_log.engine) as connection:
        add_pending(connection, event(1).entry, 1)
        raise LookupError
    assert sql_log.store.pending(1) == []


@pytest.mark.parametrize("entry", [b"", bytes(32), bytes(34)])
def test_only_entries_of_33_bytes_are_taken(sql_log, entry):
    with pytest.raises(ValueError, match="33 bytes"), recording(sql_log.engine) as connection:
        add_pending(connection, entry, 1)
    with pytest.raises(IntegrityError, match="ck_ledger_entry_length"), recording(sql_log.engine) as connection:
        connection.exec_driver_sql("INSERT INTO ledger_entry (entry, at_ms) VALUES (?, 1)", (entry,))


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM ledger_entry WHERE idx = 0", "append-only"),
        ("DELETE FROM ledger_entry WHERE idx IS NULL", "append-only"),
        ("UPDATE ledger_entry SET entry = zeroblob(33) WHERE idx IS NULL", "append-only"),
        ("UPDATE ledger_entry SET at_ms = 1 WHERE idx IS NULL", "append-only"),
        ("UPDATE ledger_entry SET serial = 999 WHERE idx IS NULL", "append-only"),
        ("UPDATE ledger_entry SET idx = 999 WHERE idx = 0", "append-only"),
        ("UPDATE ledger_entry SET idx = NULL WHERE idx = 0", "append-only"),
        ("UPDATE ledger_entry SET idx = 0 WHERE idx IS NULL", "ledger_entry.idx"),
        ("UPDATE ledger_entry SET idx = -1 WHERE idx IS NULL", "ck_ledger_entry_idx"),
        ("DELETE FROM ledger_tile", "append-only"),
        ("UPDATE ledger_tile SET hashes = zeroblob(8192)", "append-only"),
        ("INSERT INTO ledger_tile VALUES (0, 7, zeroblob(8160))", "ck_ledger_tile_full"),
        ("UPDATE ledger_edge SET hashes = zeroblob(33)", "ck_ledger_edge_partial"),
        ("UPDATE ledger_edge SET hashes = zeroblob(8192)", "ck_ledger_edge_partial"),
        ("DELETE FROM ledger_tree", "append-only"),
        ("UPDATE ledger_tree SET size = size - 1", "only grows"),
        ("UPDATE ledger_tree SET root = zeroblob(32)", "only grows"),
        ("UPDATE ledger_tree SET origin = 'other', size = size + 1", "only grows"),
        ("UPDATE ledger_tree SET head_ms = head_ms - 1, size = size + 1", "only grows"),
        (
            "INSERT INTO ledger_tree SELECT 2, origin, size, root, head_ms, 0, root FROM ledger_tree",
            "ck_ledger_tree_one",
        ),
        ("DELETE FROM ledger_checkpoint", "append-only"),
        ("UPDATE ledger_checkpoint SET note = ''", "append-only"),
    ],
)
def test_the_database_itself_refuses_what_a_log_never_does(sql_log, statement, why):
    sql_log.grow(300)
    sql_log.add(1)

    with pytest.raises(IntegrityError, match=why), recording(sql_log.engine) as connection:
        connection.exec_driver_sql(statement)


def test_a_view_sees_one_moment_of_the_log(sql_log):
    sql_log.grow(250)
    waits = pytest.raises(OperationalError, match="locked")  # where there is no write-ahead log, see the engine
    with sql_log.store.view() as view, nullcontext() if allows_several_processes(sql_log.engine) else waits:
        before = view.load_tree()
        sql_log.grow(10)  # the partial tile becomes a full one meanwhile
        assert view.load_tree() == before
        assert len(view.read_tile(0, 0, 250)) == 250 * 32
        assert sql_log.store.load_tree().size == 260


def test_the_application_reads_through_a_connection_of_its_own(sql_log):
    sql_log.grow(3)
    with reading(sql_log.engine) as connection:
        assert SQLView(connection).index_of(event(2).entry) == 2


def test_a_right_edge_that_does_not_fit_its_tree_is_an_error_of_the_store(sql_log):
    sql_log.grow(3)
    sql_log.sql("UPDATE ledger_edge SET hashes = zeroblob(64)")
    with pytest.raises(StoreError, match="right edge"):
        sql_log.store.load_edge()


def test_every_constraint_has_a_name(sql_log):
    with reading(sql_log.engine) as connection:
        looked = inspect(connection)
        for table in metadata.tables:
            if table != "ledger_entry":  # SQLite counts serials only where the primary key has no name
                assert looked.get_pk_constraint(table)["name"] == f"pk_{table}"
            assert all(constraint["name"] for constraint in looked.get_check_constraints(table))
            assert all(constraint["name"] for constraint in looked.get_unique_constraints(table))


def test_what_waits_is_found_without_reading_what_is_done(sql_log):
    with reading(sql_log.engine) as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {_SQL['pending'].replace(':limit', '9')}").all()
    assert len(plan) == 1  # no sorting
    assert "SEARCH ledger_entry USING INDEX" in plan[0].detail


def test_cosignatures_are_kept_under_their_checkpoint_the_first_of_each_witness(log):
    store = log.grow(3, 4).store
    for size, witness, line, at in [
        (3, "b", "B\n", 5),
        (3, "a", "A\n", 7),
        (3, "a", "other\n", 9),
        (7, "a", "A7\n", 11),
    ]:
        store.add_cosignature(size, witness, line, at)
    assert store.cosignatures_at(3) == ["A\n", "B\n"] and store.cosignatures_at(4) == []
    assert store.newest_cosignature("a") == (7, 11) and store.newest_cosignature("b") == (3, 5)
    assert store.newest_cosignature("c") is None
    assert store.checkpoint_at(7) == store.newest_checkpoint() != store.checkpoint_at(3)
    assert store.checkpoint_at(5) is None


def test_what_is_witnessed_only_grows(log):
    store = log.grow(3, 4).store
    assert store.newest_witnessed() is None
    for size, at_ms, newest in [(3, 10, (3, 10)), (3, 11, (3, 10)), (7, 12, (7, 12)), (3, 13, (7, 12))]:
        store.mark_witnessed(size, at_ms)
        assert store.newest_witnessed() == newest
