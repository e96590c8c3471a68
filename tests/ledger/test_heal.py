"""After a restore: refused, healed from the export, on again; killed anywhere; and never from anything but this log."""

import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ledger import heal as healing
from ledger.__main__ import main
from ledger.audit import audit_log
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.errors import RefusedToStart, SourceError
from ledger.export import Exporter
from ledger.head import Head, only_sequencer
from ledger.heal import Healed, HealRefused, heal
from ledger.reader import LogReader
from ledger.source import FolderSource
from ledger.stores.engine import reading, recording
from ledger.stores.healing import HealingStore
from ledger.stores.notices import notices_in
from ledger.stores.sql import add_pending
from tests.ledger.test_audit_of_our_log import Served
from tests.ledger.workbench import KEY, Log, event

VKEY = KEY.verifier_key


@pytest.fixture
def place(tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "export").mkdir()
    return tmp_path


def restored(place, before, after, waiting=0):
    """A log of `before` entries, then a backup with `waiting` more in the queue; then it grew by `after`, with the waiting
    ones first, and was exported; then its database was replaced by the backup. Its head was not."""
    log = Log(place / "log")
    if before:
        log.grow(before)
    log.add(waiting)
    log.engine.dispose()
    shutil.copyfile(log.folder / "hospital.db", place / "backup.db")
    asked = dict(log.asked)
    if waiting:
        assert log.start().round() == waiting
    log.grow(*after)
    Exporter(LogReader(log.store), place / "export", [VKEY]).step()
    receipts, signed = log.receipts, log.key.signed
    log.close()
    for name in ("hospital.db", "hospital.db-wal", "hospital.db-shm"):
        (log.folder / name).unlink(missing_ok=True)
    shutil.copyfile(place / "backup.db", log.folder / "hospital.db")
    log = Log(log.folder)
    log.receipts, log.key.signed = receipts, signed
    log.asked = asked
    return log


def heal_it(log, place, **changes):
    return heal(
        HealingStore(log.engine), log.head, changes.get("source", FolderSource(place / "export")), [VKEY], log.now_ms
    )


def audit(log):
    return audit_log(Served(LogReader(log.store)), VKEY).checkpoint


def check(log, lost):
    """What is promised after a heal: old receipts verify and belong, nothing twice, nothing invented but bare leaves."""
    tree = log.store.load_tree()
    entries = log.store.entries(0, tree.size)
    assert len(set(entries)) == len(entries)
    store = HealingStore(log.engine)
    assert [index for index, _ in store.lost()] == lost
    known = {event(number).entry for number in range(2000)}
    assert set(entries) <= known
    log.asked |= dict.fromkeys(range(2000), -1)  # `check` compares serials, which lost leaves have not
    for number, receipt in log.receipts.items():
        assert log.store.index_of(event(number).entry) is not None, receipt
    roots = {c.size: c.root for c in log.key.signed}
    assert len(roots) == len({(c.size, c.root) for c in log.key.signed})  # I3, over both lives of the log
    assert audit(log).size == tree.size


@pytest.mark.parametrize("before", [0, 3, 300])
@pytest.mark.parametrize("waiting", [0, 5])
def test_refused_then_healed_then_on(place, before, waiting):
    log = restored(place, before, [40, 600], waiting)
    with pytest.raises(RefusedToStart) as refused:
        log.start()
    assert "python -m ledger heal --from" in refused.value.way_out
    total = before + waiting + 640
    lost = list(range(before + waiting, total))

    assert heal_it(log, place) == Healed(before, total, len(lost))
    log.now_ms += 1000
    sequencer = log.start()
    fresh = range(1500, 1503)  # acts after the restore
    log.asked = dict(log.asked)
    with recording(log.engine) as connection:
        for number in fresh:
            log.asked[number] = add_pending(connection, event(number).entry, log.now_ms)
    assert sequencer.round() == 3
    assert [log.store.index_of(event(number).entry) for number in fresh] == [total, total + 1, total + 2]
    log.hand_out(fresh)
    check(log, lost)
    log.close()


def test_what_was_recorded_since_the_restore_is_sealed_after_the_healed_part_and_once(place):
    log = restored(place, 10, [20])
    numbers = range(1000, 1004)
    with recording(log.engine) as connection:
        for number in numbers:
            log.asked[number] = add_pending(connection, event(number).entry, log.now_ms)
    heal_it(log, place)
    sequencer = log.start()
    assert sequencer.round() == 4
    assert [log.store.index_of(event(number).entry) for number in numbers] == [30, 31, 32, 33]
    check(log, list(range(10, 30)))
    log.close()


def test_the_notice_waits_for_its_event_and_counts_what_is_lost(place):
    log = restored(place, 10, [15, 5], waiting=4)
    heal_it(log, place)
    with reading(log.engine) as connection:
        (notice,) = notices_in(connection, state="ready")
    assert (notice.kind, notice.detail) == ("log.healed", {"from": 10, "to": 34, "lost": 20})
    assert heal_it(log, place) == Healed(34, 34, 0)  # a second time there is nothing to do
    log.close()


class Killed(BaseException):
    pass


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_any_two_writes_it_cannot_sign_and_the_next_run_completes_it(place, monkeypatch, when):
    monkeypatch.setattr(healing, "ROUND", 256)
    log = restored(place, 300, [900])
    names = ("begin_heal", "put_back", "end_heal")
    number = 0
    while number < 20:
        number += 1
        count = [0]
        store = HealingStore(log.engine)
        for name in names:

            def write(*arguments, name=name, store=store, count=count):
                count[0] += 1
                is_it = count[0] == (3 if when == "before" else 2)  # so that each life gets one round further
                if is_it and when == "before":
                    raise Killed
                result = getattr(HealingStore, name)(store, *arguments)
                if is_it:
                    raise Killed
                return result

            setattr(store, name, write)
        try:
            done = heal(store, log.head, FolderSource(place / "export"), [VKEY], log.now_ms)
            break
        except Killed:
            if log.store.load_tree().size < 1200:
                with pytest.raises(RefusedToStart, match="an old copy was restored"):
                    log.start()
    assert number > 3
    assert done.lost == 900
    with reading(log.engine) as connection:
        (notice,) = notices_in(connection)
    assert (notice.state, notice.detail) == ("ready", {"from": 300, "to": 1200, "lost": 900})
    log.start()
    check(log, list(range(300, 1200)))
    log.close()


class Spoiled:
    """A source with one file changed, from its n-th reading on."""

    def __init__(self, folder, path, change, after=0):
        self.inner, self.path, self.change, self.left = FolderSource(folder), path, change, after

    def fetch(self, path, limit):
        data = self.inner.fetch(path, limit)
        if path != self.path:
            return data
        self.left -= 1
        return self.change(data) if self.left < 0 else data


def flip(data):
    return data[:2000] + bytes([data[2000] ^ 1]) + data[2001:]


@pytest.mark.parametrize(
    ("path", "change", "why"),
    [
        ("tile/entries/001", flip, "do not give the head's root"),
        ("tile/entries/001", lambda data: data[:-35], "the source holds"),
        ("tile/entries/001", lambda data: data[:-1], "ends inside its entry"),
        ("checkpoint", lambda data: data.replace(b"\n612\n", b"\n611\n"), "does not hold"),
        ("checkpoint", lambda _: signed(600), "ends at 600 entries, 12 before the head at 612"),
        ("checkpoint", lambda _: signed(613), "the head is an old copy as well"),
        ("checkpoint", lambda _: signed(612), "different roots for 612"),
    ],
)
def test_a_source_that_is_not_this_log_up_to_its_head_changes_nothing(place, path, change, why):
    log = restored(place, 300, [312])
    before = log.store.load_tree()
    with pytest.raises((HealRefused, SourceError), match=why) as refused:
        heal_it(log, place, source=Spoiled(place / "export", path, change))
    assert "succeed" in refused.value.way_out or "Name" in refused.value.way_out
    assert log.store.load_tree() == before
    assert not list(HealingStore(log.engine).lost())
    with reading(log.engine) as connection:
        assert not notices_in(connection)
    log.close()


def signed(size):
    return sign_checkpoint(Checkpoint(KEY.name, size, b"\x07" * 32), KEY).encode()


def test_a_source_that_says_something_else_the_second_time_is_not_believed(place):
    log = restored(place, 300, [312])
    with pytest.raises(HealRefused, match="other leaves"):
        heal_it(log, place, source=Spoiled(place / "export", "tile/entries/001", flip, after=1))
    assert heal_it(log, place).to_size == 612
    log.start()
    check(log, list(range(300, 612)))
    log.close()


def test_a_database_of_another_history_is_not_healed(place):
    log = restored(place, 20, [30])
    log.close()
    (place / "other").mkdir()
    other = Log(place / "other")
    other.asked = {-1: 0}
    other.grow(25)
    with pytest.raises(HealRefused, match="another history"):
        heal(HealingStore(other.engine), log.head, FolderSource(place / "export"), [VKEY], 0)
    assert other.store.load_tree().size == 25
    other.close()


def test_without_a_head_or_with_one_that_is_behind_nothing_is_healed(place):
    log = restored(place, 20, [30])
    newest = log.head.read()
    log.head.compare_and_swap(newest, Head(newest.origin, 5, bytes(32), newest.at_ms))
    with pytest.raises(HealRefused, match="not an old copy"):
        heal_it(log, place)
    log.head.path.unlink()
    with pytest.raises(HealRefused, match="there is no head"):
        heal_it(log, place)
    log.close()


def test_the_command_heals_lists_and_refuses_while_a_sequencer_runs(place, capsys):
    log = restored(place, 3, [4])
    (place / "vkey").write_text(VKEY.format() + "\n")
    database = ["--database", f"sqlite:///{log.folder}/hospital.db"]
    settings = [*database, "--head", str(log.folder / "head"), "--keys", str(place / "vkey")]
    with only_sequencer(log.head):
        assert main(["heal", "--from", str(place / "export"), *settings]) == 3
    assert "another sequencer is running" in capsys.readouterr().err
    assert main(["heal", "--from", str(place / "nowhere"), *settings]) == 2
    (place / "above").mkdir()
    capsys.readouterr()
    assert main(["heal", "--from", str(place / "above"), *settings]) == 3
    assert capsys.readouterr().err.startswith(
        "REFUSED: there is no log at the source: it has no file `checkpoint`.\nName"
    )
    assert main(["heal", "--from", str(place / "export"), *settings]) == 0
    assert "entries 3 to 6 again. The events of 4 of them are lost" in capsys.readouterr().out
    assert main(["heal", "--list", *database]) == 0
    assert capsys.readouterr().out == "".join(f"{n} {event(n).entry.hex()}\n" for n in range(3, 7))
    assert main(["heal", "--from", str(place / "export"), *settings]) == 0
    assert "Nothing to heal" in capsys.readouterr().out
    log.start()
    log.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Keep the tests' output clean."""


def test_the_command_heals_from_a_mirrors_address_and_from_no_address_beside_it(place, capsys):
    log = restored(place, 300, [312])
    (place / "vkey").write_text(VKEY.format() + "\n")
    database = f"sqlite:///{log.folder}/hospital.db"
    settings = ["--database", database, "--head", str(log.folder / "head"), "--keys", str(place / "vkey")]
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(place))) as mirror:
        threading.Thread(target=mirror.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{mirror.server_address[1]}"
        assert main(["heal", "--from", f"{address}/", *settings]) == 3
        assert "no file `checkpoint`" in capsys.readouterr().err
        assert main(["heal", "--from", f"{address}/export/", *settings]) == 0
        assert "entries 300 to 611 again" in capsys.readouterr().out
        mirror.shutdown()
    log.start()
    check(log, list(range(300, 612)))
    log.close()


def test_the_process_killed_at_any_moment_leaves_a_log_that_nobody_signs_and_the_next_one_completes(place):
    log = restored(place, 10, [4000, 4000])
    (place / "vkey").write_text(VKEY.format() + "\n")
    database = f"sqlite:///{log.folder}/hospital.db"
    command = [sys.executable, "-m", "ledger", "heal", "--from", str(place / "export"), "--database", database]
    command += ["--head", str(log.folder / "head"), "--keys", str(place / "vkey")]
    sizes = [10]
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while process.poll() is None and log.store.load_tree().size == sizes[-1]:
            time.sleep(0.005)  # until it has put something back
        process.kill()
        process.communicate()
        sizes.append(log.store.load_tree().size)
        if sizes[-1] < 8_010:
            with pytest.raises(RefusedToStart, match="an old copy was restored"):
                log.start()
    subprocess.run(command, check=True, capture_output=True)
    assert sizes == sorted(sizes)
    log.start()
    assert audit(log).size == 8_010
    assert [index for index, _ in HealingStore(log.engine).lost()] == list(range(10, 8_010))
    with reading(log.engine) as connection:
        (notice,) = notices_in(connection)
    assert (notice.state, notice.detail) == ("ready", {"from": 10, "to": 8_010, "lost": 8_000})
    log.close()
