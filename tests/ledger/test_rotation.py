"""From one key to the next: announced under the old key, both signatures for a while, then the new one; nothing is skipped."""

import shutil

import pytest

from ledger.__main__ import main
from ledger.commands.inputs import KeysRead
from ledger.errors import RefusedToStart
from ledger.heal import heal
from ledger.monitor import Memory, Monitor
from ledger.note import SigningKey, parse_note, verify_note
from ledger.notice import detail_of
from ledger.reader import LogReader
from ledger.receipt import format_extra, verify_receipt
from ledger.source import FolderSource
from ledger.stores.healing import HealingStore
from ledger.stores.notices import published_notices
from ledger.stores.publishing import DatabaseExporter
from ledger.stores.rotation import announce, record_alone, require_announced
from ledger.uuid7 import new_id
from tests.ledger.workbench import KEY, ORIGIN, Log, event

OLD = KEY.verifier_key
NEXT = SigningKey(ORIGIN, b"\x09" * 32)
NEW = NEXT.verifier_key
NEW_TEXT = NEW.format()


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").mkdir()
    log = Log(tmp_path / "log")
    yield log
    log.close()


@pytest.fixture
def rotate(log, tmp_path, capsys):
    """Run the command; return its exit code and what it said."""
    keys = tmp_path / "keys"
    keys.write_text(OLD.format() + "\n")

    def run(to=NEW_TEXT):
        settings = ["--database", f"sqlite:///{log.folder}/hospital.db", "--keys", str(keys), "--wait", "0"]
        code = main(["rotate-key", "--to", to, "--alone", *settings])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def receipt(log, number):
    it = event(number)
    return LogReader(log.store).receipt_for(it.entry, format_extra(it)).encode()


def test_step_by_step_and_a_monitor_with_the_old_key_follows(log, rotate, tmp_path):
    export, listed = tmp_path / "export", tmp_path / "keys"
    export.mkdir()
    told = []
    monitor = Monitor(FolderSource(export), Memory((OLD,)), tell=lambda name, **fields: told.append(name))

    def look():
        keys = [NEW, OLD] if NEW.format() in listed.read_text() else [OLD]
        DatabaseExporter(log.engine, export, keys).step()
        return monitor.round(log.now_ms)

    sequencer = log.start()
    (first,) = log.add(1)
    sequencer.round()
    before = receipt(log, first)
    assert look() == []
    assert rotate()[0] == 1  # it waits for the log
    assert NEW.format() not in listed.read_text()
    with pytest.raises(RefusedToStart, match="has not announced"):
        require_announced(log.engine, OLD, NEW)
    sequencer.round()
    assert rotate()[0] == 0
    assert rotate()[0] == 0  # again changes nothing
    assert listed.read_text().split() == [NEW.format(), OLD.format()]
    require_announced(log.engine, OLD, NEW)
    (notice,) = published_notices(log.engine).values()
    verified = verify_receipt(notice, OLD)
    assert detail_of(verified, "log.key_rotated") == {"old_key": OLD.format(), "new_key": NEW.format()}
    assert look() == []

    sequencer = log.start(next_key=NEXT)
    (second,) = log.add(1)
    sequencer.round()
    note = parse_note(log.store.newest_checkpoint().encode())
    assert len(verify_note(note, [OLD])) == len(verify_note(note, [NEW])) == 1
    between = receipt(log, second)
    assert look() == []
    assert monitor.memory.keys == (OLD,)

    sequencer = log.start(key=NEXT)
    (third,) = log.add(1)
    sequencer.round()
    after = receipt(log, third)
    assert look() == []
    assert monitor.memory.keys == (OLD, NEW)
    assert told == ["monitor.key_rotated"]
    assert published_notices(log.engine).popitem()[1] == notice  # signed by the key that went, for ever

    for good, key in ((before, OLD), (between, OLD), (between, NEW), (after, NEW)):
        assert verify_receipt(good, key).state == "sealed"


def test_no_step_can_be_left_out(log, rotate):
    sequencer = log.start()
    log.add(1)
    sequencer.round()
    with pytest.raises(RefusedToStart, match="does not verify under this key"):
        log.start(key=NEXT)
    rotate()
    sequencer.round()
    with pytest.raises(RefusedToStart, match="does not verify under this key"):
        log.start(key=NEXT)  # announced, and never signed with both


@pytest.mark.parametrize("to", [OLD.format(), SigningKey("elsewhere", bytes(32)).verifier_key.format()])
def test_only_another_key_of_the_same_log_can_follow(rotate, to):
    code, said = rotate(to)
    assert (code, "REFUSED" in said) == (3, True)


def test_a_sequencer_with_a_key_that_was_not_announced_does_not_start(log, tmp_path, capsys, monkeypatch):
    log.grow(1)
    for name, key in (("key", KEY), ("next", NEXT)):
        (tmp_path / name).write_text(key.format() + "\n")
    code = main(
        ["sequencer", "--database", f"sqlite:///{log.folder}/hospital.db", "--origin", ORIGIN, "--key", str(tmp_path / "key"),
         "--next-key", str(tmp_path / "next"), "--head", str(log.folder / "head"), "--socket", str(tmp_path / "bell")]
    )  # fmt: skip
    assert code == 3
    assert "rotate-key" in capsys.readouterr().err


def test_a_database_from_before_the_change_gets_the_notice_back_under_the_old_keys_signature(log, rotate, tmp_path):
    log.grow(3)
    log.engine.dispose()
    shutil.copyfile(log.folder / "hospital.db", tmp_path / "backup.db")
    rotate()
    log.start().round()
    rotate()
    for parts in ({"next_key": NEXT}, {"key": NEXT}):
        sequencer = log.start(**parts)
        log.add(1)
        sequencer.round()
    (tmp_path / "export").mkdir()
    DatabaseExporter(log.engine, tmp_path / "export", [NEW, OLD]).step()
    before = published_notices(log.engine)
    log.engine.dispose()
    for name in ("hospital.db", "hospital.db-wal", "hospital.db-shm"):
        (log.folder / name).unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "backup.db", log.folder / "hospital.db")

    restored = HealingStore(log.engine)
    assert published_notices(log.engine) == {}
    assert heal(restored, log.head, FolderSource(tmp_path / "export"), [NEW, OLD], log.now_ms).lost == 3
    assert published_notices(log.engine) == before
    assert verify_receipt(before["notices/0.tlog-proof"], OLD).open["type"] == "log.key_rotated"
    assert log.start(key=NEXT).round() == 0
    DatabaseExporter(log.engine, tmp_path / "export", [NEW, OLD]).step()
    assert Monitor(FolderSource(tmp_path / "export"), Memory((OLD,))).round(1) == []


def turned(log, rotate):
    """Take the log from its key to the next, an entry under each checkpoint; yield the receipt of each entry as it comes."""
    for parts, first in (({}, True), ({"next_key": NEXT}, False), ({"key": NEXT}, False)):
        sequencer = log.start(**parts)
        (number,) = log.add(1)
        sequencer.round()
        yield receipt(log, number)
        if first:
            rotate()
            sequencer.round()
            assert rotate()[0] == 0


@pytest.fixture
def outside(log, rotate, tmp_path, capsys):
    """A copy from before the change, and who kept nothing but the old key: runs commands, returns their code and words."""
    (tmp_path / "copy").mkdir()
    database = ["--database", f"sqlite:///{log.folder}/hospital.db", "--keys", str(tmp_path / "keys")]
    (tmp_path / "old").write_text(OLD.format() + "\n")

    def run(*words):
        code = main([*words, *(database if words[0] == "export" else [])])
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_a_copy_from_before_the_change_gets_the_notice_and_is_checked_across_it_with_the_old_key_alone(
    log, rotate, outside, tmp_path
):
    copy, state, old = str(tmp_path / "copy"), str(tmp_path / "seen"), OLD.format()
    receipts = []
    for number, data in enumerate(turned(log, rotate)):
        receipts.append(tmp_path / f"{number}.tlog-proof")
        receipts[-1].write_bytes(data)
        if number == 0:
            assert outside("export", copy)[0] == 0
            assert not (tmp_path / "copy" / "notices").exists()
            assert outside("audit", copy, "--key", old, "--state", state)[0] == 0
    code, said = outside("verify", str(receipts[2]), "--key", old, "--notices", copy)
    assert (code, "Step that failed: signature" in said) == (1, True)  # the copy does not know yet

    assert outside("export", copy)[0] == 0
    assert (tmp_path / "copy" / "keys").read_text().split() == [NEW.format(), old]
    assert (tmp_path / "copy" / "notices" / "0.tlog-proof").read_bytes() == published_notices(log.engine).popitem()[1]
    code, said = outside("audit", copy, "--key", old, "--state", state)
    assert (code, f"{old} announced, as entry 1, {NEW.format()}" in said, "3 of them new" in said) == (0, True, True)
    for keys in (old, NEW.format(), f"{copy}/keys"):  # the next time, by whichever key
        assert outside("audit", copy, "--key", keys, "--state", state)[0] == 0
    for path in receipts:
        assert outside("verify", str(path), "--key", old, "--notices", copy)[0] == 0
        assert outside("verify", str(path), "--key", f"{copy}/keys")[0] == 0
    assert outside("verify", str(receipts[2]), "--key", old)[0] == 1
    assert outside("verify", str(receipts[2]), "--key", old, "--notices", str(tmp_path / "nowhere"))[0] == 2
    for more, refused in (([], 1), (["--notices", copy], 0)):
        assert outside("chain", *map(str, receipts), "--key", old, *more)[1].count("not signed by") == refused
    watched = ["--state", str(tmp_path / "watched"), "--once"]
    assert outside("monitor", copy, "--key", f"{copy}/keys", *watched)[0] == 0
    assert outside("monitor", copy, "--key", NEW.format(), *watched)[0] == 0


def test_an_export_that_runs_across_the_change_goes_on_and_lists_the_new_key(log, rotate, tmp_path):
    (tmp_path / "copy").mkdir()
    keys = None
    for _ in turned(log, rotate):
        keys = keys or KeysRead(str(tmp_path / "keys"))
        exporter = DatabaseExporter(log.engine, tmp_path / "copy", keys)
        exporter.step()
    assert (tmp_path / "copy" / "keys").read_text().split() == [NEW.format(), OLD.format()]
    (tmp_path / "keys").unlink()
    assert exporter.step().files == 0


def test_a_key_announced_in_another_tree_is_not_followed(log, rotate, outside, tmp_path):
    """Somebody with the old key, and a log of their own: its notice does not lead on to ours."""
    for _ in turned(log, rotate):
        pass
    assert outside("export", str(tmp_path / "copy"))[0] == 0
    (tmp_path / "other").mkdir()
    other = Log(tmp_path / "other")
    other.grow(3)
    said = announce(other.engine, OLD, NEW, other.now_ms)
    record_alone(other.engine, said, new_id(other.now_ms), other.now_ms)
    other.start().round()
    (tmp_path / "copy" / "notices" / "0.tlog-proof").write_bytes(published_notices(other.engine).popitem()[1])
    other.close()
    code, words = outside("audit", str(tmp_path / "copy"), "--key", OLD.format())
    assert (code, "is not the beginning of this one" in words, words.count("\n— ")) == (1, True, 2)
