"""F12, F26: a backup is taken while people work, and put back; the ledger's promises hold (I8)."""

import json
import threading
from datetime import UTC, datetime

import pytest

from app import backup
from app.adapters import copies, wiping
from app.adapters.copies import DATA, KEYRING, CopyUnusable, DatabaseInUse
from app.domain.actor import SYSTEM
from app.services import events
from ledger.audit import audit_log
from ledger.errors import RefusedToStart
from ledger.head import FileHead, only_sequencer
from ledger.note import SigningKey
from ledger.reader import LogReader
from ledger.sequencer import Sequencer
from ledger.stores.engine import open_engine
from ledger.stores.sql import SQLStore
from tests.conftest import sequencer_in, settings_in
from tests.ledger.test_audit_of_our_log import Served
from tests.ledger.workbench import Silent

NOW = datetime(2026, 3, 2, 4, 5, 6, tzinfo=UTC)


class Place:
    """A hospital's folder, with what an operator does to it."""

    def __init__(self, app, var, clock):
        self.var, self.settings, self.head = var, settings_in(var), var / "head"
        self._app, self._clock = app, clock
        self.key = SigningKey.parse((var / "keys" / "ledger.key").read_text().strip())

    def act(self, count=1):
        house = self._app.extensions["mingzhen"]()
        for _ in range(count):
            with house.writing_session() as session:
                events.record(session, "session.signed_out", SYSTEM, self._clock())

    def stop(self):
        self._app.extensions["mingzhen"].close()

    def seal(self):
        """Start a sequencer and let it take all that waits; return how many entries the log has then."""
        engine = open_engine(self.settings.database_url)
        store = SQLStore(engine, for_one_thread=True)
        try:
            sequencer = Sequencer(store, FileHead(self.head), self.key, self.settings.ledger_origin, Silent())
            sequencer.start()
            while sequencer.round():
                pass
            return store.newest_size()
        finally:
            store.close()
            engine.dispose()

    def back_up(self, folder, kind=DATA):
        return backup.back_up(self.settings, folder, kind, self.head, NOW)

    def restore(self, folder, takes_older=False):
        return backup.restore(self.settings, folder, self.head, NOW, takes_older)


@pytest.fixture
def place(app, var, clock):
    return Place(app, var, clock)


def test_a_backup_taken_under_load_is_one_moment_of_a_log_that_an_audit_finds_good(place, tmp_path):
    place.act(20)
    place.seal()
    stopping, crashes = threading.Event(), []

    def work():
        try:
            while not stopping.is_set():
                place.act()
        except Exception as e:  # told to the test, which is in another thread
            crashes.append(e)

    workers = [threading.Thread(target=work) for _ in range(3)]
    with sequencer_in(place.var):
        for worker in workers:
            worker.start()
        taken = [place.back_up(tmp_path / str(number)) for number in range(3)]
        stopping.set()
        for worker in workers:
            worker.join()

    assert not crashes
    live = open_engine(place.settings.database_url)
    for number, copy in enumerate(taken):
        folder = tmp_path / str(number)
        assert copies.Copy.read(folder) == copy
        engine = open_engine(f"sqlite:///{folder / 'mingzhen.db'}")
        store = SQLStore(engine)
        seen = audit_log(Served(LogReader(store)), place.key.verifier_key, origin=place.settings.ledger_origin)
        assert seen.checkpoint.size <= copy.log.size <= copy.log.recorded
        assert store.entries(0, copy.log.size) == SQLStore(live).entries(0, copy.log.size)
        engine.dispose()
    live.dispose()
    assert taken[0].log.recorded < taken[-1].log.recorded  # there was load


def test_what_is_put_back_at_the_head_goes_on_as_if_nothing_had_been(place, tmp_path):
    place.act(5)
    assert place.seal() == 5
    place.back_up(tmp_path / "copy")
    place.stop()
    (place.var / "mingzhen.db").write_bytes(b"a disk that failed" * 999)

    copy, at_head, aside = place.restore(tmp_path / "copy")

    assert (copy.log.size, at_head) == (5, 5)
    assert aside.read_bytes().startswith(b"a disk that failed")
    place.act(2)
    assert place.seal() == 7


def test_an_older_backup_takes_the_place_of_something_newer_only_where_that_is_said_and_then_nothing_is_signed(
    place, tmp_path
):
    place.act(5)
    place.seal()
    place.back_up(tmp_path / "copy")
    place.act(3)
    place.seal()
    place.stop()
    before = (place.var / "mingzhen.db").read_bytes()

    with pytest.raises(backup.WouldLose, match="has 8 acts, the backup 5: 3 would be lost"):
        place.restore(tmp_path / "copy")
    assert (place.var / "mingzhen.db").read_bytes() == before
    (place.var / "mingzhen.db").rename(tmp_path / "lost")
    with pytest.raises(backup.WouldLose, match="8 entries were signed, the backup has 5"):
        place.restore(tmp_path / "copy")  # nothing to compare with, but the head knows
    (tmp_path / "lost").rename(place.var / "mingzhen.db")

    _, at_head, aside = place.restore(tmp_path / "copy", takes_older=True)
    assert at_head == 8 and aside.exists()
    with pytest.raises(RefusedToStart, match="an old copy was restored"):
        place.seal()
    assert FileHead(place.head).read().size == 8


def test_acts_that_still_wait_count_as_something_newer(place, tmp_path):
    place.act(5)
    place.seal()
    place.back_up(tmp_path / "copy")
    place.act(1)
    place.stop()
    with pytest.raises(backup.WouldLose, match="1 would be lost"):
        place.restore(tmp_path / "copy")


def test_nothing_is_put_back_under_a_hospital_or_a_sequencer_that_works(place, tmp_path):
    place.act()
    place.back_up(tmp_path / "copy")
    with pytest.raises(DatabaseInUse):
        place.restore(tmp_path / "copy", takes_older=True)
    place.stop()
    with only_sequencer(FileHead(place.head)), pytest.raises(RefusedToStart):
        place.restore(tmp_path / "copy", takes_older=True)
    place.restore(tmp_path / "copy", takes_older=True)


def test_a_copy_that_changed_and_a_folder_without_one_are_refused(place, tmp_path):
    place.act()
    place.back_up(tmp_path / "copy")
    place.stop()
    file = tmp_path / "copy" / "mingzhen.db"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(CopyUnusable, match="SHA-256"):
        place.restore(tmp_path / "copy")
    with pytest.raises(CopyUnusable, match="holds no backup"):
        place.restore(tmp_path)


def test_the_keyring_is_copied_by_itself_and_put_back_only_where_there_is_none(place, app, clock, tmp_path):
    house = app.extensions["mingzhen"]()
    house.vault.welcome("somebody")
    sealed = house.vault.seal("somebody", "identity", "a|b|1", {"name": "x"})
    place.back_up(tmp_path / "data")
    with pytest.raises(CopyUnusable, match="different folders"):
        place.back_up(tmp_path / "data", KEYRING)
    place.back_up(tmp_path / "keys", KEYRING)
    assert {file.name for file in (tmp_path / "keys").iterdir()} == {"keyring.db", "backup.json"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "keys").iterdir())
    place.stop()
    with pytest.raises(backup.WouldLose, match="keys that were destroyed"):
        place.restore(tmp_path / "keys", takes_older=True)

    (place.var / "keyring.db").rename(tmp_path / "lost")
    place.restore(tmp_path / "keys")
    assert app.extensions["mingzhen"]().vault.open("somebody", "identity", "a|b|1", sealed) == {"name": "x"}


def test_a_database_written_anew_is_the_same_log(place, app):
    place.act(3)
    place.seal()
    wiping.rewrite(app.extensions["mingzhen"]().engine)
    place.act(2)
    assert place.seal() == 5


def test_the_commands_say_what_they_did_and_what_to_do_next(place, app, tmp_path):
    place.act(4)
    place.seal()
    runner = app.test_cli_runner()
    said = runner.invoke(args=["backup", str(tmp_path / "copy")])
    assert said.exit_code == 0 and "4 acts, 4 of them in the ledger" in said.output
    place.act(1)
    place.seal()
    with only_sequencer(FileHead(place.head)):
        said = runner.invoke(args=["restore", str(tmp_path / "copy")])
    assert said.exit_code == 1
    assert "Stop the hospital first, all of its processes: another sequencer is running on this head.\n" in said.output
    assert "is an older copy" not in runner.invoke(args=["audit"]).output
    place.stop()
    said = runner.invoke(args=["restore", str(tmp_path / "copy")])
    assert said.exit_code == 1 and "1 would be lost" in said.output and "--older" in said.output
    place.stop()
    said = runner.invoke(args=["restore", str(tmp_path / "copy"), "--older"])
    assert said.exit_code == 0, said.output
    assert "5 entries were signed, 4 are here" in said.output and "ledger heal" in said.output
    said = runner.invoke(args=["audit"])
    assert "5 entries were signed (the head), and this database has 4: it is an older copy" in said.output
    told = json.loads(runner.invoke(args=["audit", "--json", "--quiet"]).stdout)
    assert (told["size"], told["head_size"]) == (4, 5)
