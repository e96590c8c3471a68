"""The audit of a log that our own sequencer wrote: good as it is, and named where its database was changed (I2, I7)."""

import pytest

from ledger.audit import audit_log
from ledger.errors import MalformedPath, NotInLog, VerificationError
from ledger.reader import LogReader
from ledger.source import NotThere
from ledger.tiles import parse_bundle_path, parse_tile_path
from tests.ledger.workbench import KEY, Log


class Served:
    """What a log serves, as a source of files."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader

    def fetch(self, path: str, limit: int) -> bytes:
        try:
            if path == "checkpoint":
                return self._reader.read_checkpoint().encode()
            try:
                return self._reader.read_bundle(*parse_bundle_path(path))
            except MalformedPath:
                return self._reader.read_tile(*parse_tile_path(path))
        except NotInLog as e:
            raise NotThere(path, "missing") from e


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path)
    yield log
    log.close()


def audit(log, last=None):
    return audit_log(Served(LogReader(log.store)), KEY.verifier_key, last)


def test_a_log_of_ours_is_good_at_every_size_and_continues_itself(log):
    last = None
    for count in (0, 1, 254, 1, 1, 255, 300):
        log.grow(count)
        last = audit(log, last)
        assert last == audit(log)
    assert last.checkpoint.size == 812


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE ledger_entry SET entry = randomblob(33) WHERE idx = 7", "tile/entries/000: entry 7 "),
        (
            "UPDATE ledger_entry SET entry = randomblob(33) WHERE idx = 299",
            "tile/entries/001.p/44: entry 299 ",
        ),
        ("UPDATE ledger_tile SET hashes = randomblob(8192) WHERE level = 0 AND idx = 0", "tile/0/000: hash 0, "),
        ("UPDATE ledger_edge SET hashes = randomblob(44 * 32) WHERE level = 0", "tile/0/001.p/44: hash 0, "),
        ("UPDATE ledger_edge SET hashes = randomblob(32) WHERE level = 1", "tile/1/000.p/1: hash 0, "),
        (
            "UPDATE ledger_checkpoint SET note = replace(note, 'A', 'B') WHERE size = 300",
            "checkpoint: ",
        ),
    ],
)
def test_whoever_changes_the_database_is_found_and_the_place_named(log, change, named):
    log.grow(300)
    audit(log)
    log.sql(change)
    with pytest.raises(VerificationError) as found:
        audit(log)
    assert str(found.value).startswith(named)
