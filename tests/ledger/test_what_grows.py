"""Retention of the log itself: of a log only the log grows, and one with nothing to do does nothing."""

from sqlalchemy import text

from ledger.merkle import HASH_SIZE
from ledger.stores.engine import reading
from tests.ledger.test_sequencer import Knocks
from tests.ledger.workbench import Log

TILE = 256


def ask(log, statement):
    with reading(log.engine) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_no_partial_tile_is_ever_stored_and_right_edges_are_written_over(tmp_path):
    """Rounds of all sizes, ending before, on and after the end of a tile."""
    log = Log(tmp_path)
    total = 0
    for count in (1, 3, 250, 1, 1, 1, 255, 2, 100, 155, 1, 511, 300):
        log.grow(count)
        total += count
        tiles = ask(
            log, "SELECT level, count(*), min(length(hashes)), max(length(hashes)) FROM ledger_tile GROUP BY level"
        )
        assert tiles == ([(0, total // TILE, TILE * HASH_SIZE, TILE * HASH_SIZE)] if total >= TILE else [])
        edges = ask(log, "SELECT level, length(hashes) / 32 FROM ledger_edge ORDER BY level")
        assert [width for _, width in edges if width] == [n for n in (total % TILE, total // TILE) if n]
        assert len(edges) <= 2
    log.check()
    log.close()


def test_a_sequencer_with_nothing_to_do_writes_nothing_and_signs_nothing(tmp_path):
    log = Log(tmp_path)
    log.grow(5)
    mine, seen = log.engine.connect(), []

    def state():
        with reading(log.engine, kept=mine) as connection:  # what others committed changes the version that it sees
            version = connection.exec_driver_sql("PRAGMA data_version").scalar()
        return version, log.head.path.read_bytes(), log.notes()

    bell = Knocks(lambda: False, *[lambda: seen.append(state())] * 40)
    log.build(bell=bell).run(lambda: not bell.steps)
    mine.close()
    assert len(seen) == 40 and all(one == seen[0] for one in seen)
    assert set(bell.waited) == {0.25}
    log.close()
