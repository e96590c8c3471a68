"""F14, F16: one bit flips in what is stored, or a part of it is gone."""

import random
import shutil

import pytest
from sqlalchemy.exc import DatabaseError

from ledger.audit import audit_log
from ledger.errors import LedgerError, RefusedToStart
from ledger.reader import LogReader
from ledger.stores.engine import sqlite
from ledger.tiles import tiles_of
from tests.ledger.test_audit_of_our_log import Served
from tests.ledger.workbench import KEY, Log

SIZE = 513  # two full tiles of entries, an entry beyond, and a tile of level 1
# Every column that the log stores, but two that it signs nowhere: `at_ms`, which the event itself states, and
# `published_ms`, which is our own statement of when.
STORED = [
    ("ledger_entry", "entry", "idx IN (0, 255, 256, 511, 512)"),
    ("ledger_entry", "idx", "idx IN (0, 255, 256, 511, 512)"),
    ("ledger_tile", "hashes", "1"),
    ("ledger_edge", "hashes", "length(hashes) > 0"),
    ("ledger_tree", "origin", "1"),
    ("ledger_tree", "size", "1"),
    ("ledger_tree", "root", "1"),
    ("ledger_tree", "head_ms", "1"),
    ("ledger_tree", "old_size", "1"),
    ("ledger_tree", "old_root", "1"),
    ("ledger_checkpoint", "size", "size = 513"),
    ("ledger_checkpoint", "note", "size = 513"),
]
PLACES = 12  # in each value, beside its first byte and its last


def flips(value, rng):
    """Yield what one flipped bit makes of a value."""
    if isinstance(value, int):
        yield from (value ^ 1 << bit for bit in range(16))
        return
    data = value.encode() if isinstance(value, str) else value
    for place in sorted({0, len(data) - 1, *(rng.randrange(len(data)) for _ in range(PLACES))}):
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(7 if isinstance(value, str) else 8)
        yield changed.decode() if isinstance(value, str) else bytes(changed)


def is_found(log):
    """Tell whether a start or an audit of everything that is served finds something wrong."""
    signed = list(log.key.signed)
    try:
        audit_log(Served(LogReader(log.store)), KEY.verifier_key)
    except (LedgerError, DatabaseError):
        return True
    try:
        log.start()
    except (RefusedToStart, DatabaseError):
        assert log.key.signed == signed
        return True
    return False


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    log = Log(folder).grow(250, 262, 1)
    served = published(log)
    log.close()
    return folder, served


@pytest.fixture
def log(good, tmp_path):
    shutil.copytree(good[0], tmp_path / "log")
    log = Log(tmp_path / "log")
    yield log
    log.close()


def published(log):
    """Return every byte that the log shows to the world."""
    served = Served(LogReader(log.store))
    tiles = [log.store.read_tile(*tile) for tile in tiles_of(SIZE)]
    return [served.fetch("checkpoint", 10**6), *tiles, *log.store.entries(0, SIZE)]


@pytest.mark.parametrize(("table", "column", "where"), STORED)
def test_a_flipped_bit_in_any_stored_value_is_found_before_anything_more_is_signed(log, table, column, where):
    rng, tried = random.Random(f"{table}.{column}"), 0
    disk = sqlite.connect(log.folder / "hospital.db", isolation_level=None)  # the engine's library: see `Log.sql`
    disk.execute("PRAGMA ignore_check_constraints=1")  # a disk asks neither these nor triggers
    for (trigger,) in disk.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        disk.execute(f"DROP TRIGGER {trigger}")
    for rowid, value in disk.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}").fetchall():
        for flipped in flips(value, rng):
            if table == "ledger_checkpoint" and column == "size" and flipped < value:
                continue  # as if the newest had not been published yet: see below, it is signed again, the same
            try:
                disk.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (flipped, rowid))
            except sqlite.IntegrityError:  # another row's number: not to be had without an index that contradicts it
                continue
            tried += 1
            assert is_found(log), f"{table}.{column} of row {rowid}: {flipped!r}"
            disk.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (value, flipped))
    disk.close()
    assert tried > 5
    assert not is_found(log)


def test_a_flipped_bit_anywhere_in_the_file_of_the_database_is_found_or_changes_nothing_that_is_shown(good, tmp_path):
    rng = random.Random(14)
    content = (good[0] / "hospital.db").read_bytes()
    found = 0
    for number in range(60):
        folder = tmp_path / str(number)
        shutil.copytree(good[0], folder)
        changed = bytearray(content)
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (folder / "hospital.db").write_bytes(changed)
        try:
            log = Log(folder)
        except DatabaseError:
            found += 1
            continue
        if is_found(log):
            found += 1
        else:
            assert published(log) == good[1]
        log.close()
        shutil.rmtree(folder)
    assert found > 10  # most of a small database is empty pages


@pytest.mark.parametrize("place", range(0, 4096, 37))
def test_a_flipped_bit_in_the_head_is_refused_or_leads_to_the_same_log(good, tmp_path, place):
    folder = tmp_path / "log"
    shutil.copytree(good[0], folder)
    head = bytearray((folder / "head").read_bytes())
    head[place % len(head)] ^= 1
    (folder / "head").write_bytes(head)
    log = Log(folder)
    try:
        log.start()
    except RefusedToStart:
        assert log.key.signed == []
    else:
        assert {checkpoint.root for checkpoint in log.key.signed} <= {log.published().root}
        assert published(log) == good[1]
    log.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_entry WHERE idx = 512",
        "DELETE FROM ledger_entry WHERE idx = 3",
        "DELETE FROM ledger_tile WHERE level = 0 AND idx = 0",
        "DELETE FROM ledger_edge WHERE level = 0",
        "DELETE FROM ledger_edge WHERE level = 1",
        "DELETE FROM ledger_checkpoint WHERE size = 513",
        "DELETE FROM ledger_checkpoint",
        "DELETE FROM ledger_tree",
    ],
)
def test_what_is_missing_is_found(log, statement):
    log.sql(statement)
    seen = is_found(log)
    if statement.endswith("size = 513"):  # the checkpoint before it is published; this one is signed again, the same
        assert not seen
        assert log.published().size == SIZE
    else:
        assert seen
