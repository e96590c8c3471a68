"""The audit of a whole log: what is wrong is found, and named, wherever it is."""

import io
import json
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import __main__ as command_line
from ledger.audit import Seen, audit_log
from ledger.audit_state import format_state, load_state, parse_state, save_state
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.errors import SourceError, StateError, VerificationError
from ledger.merkle import leaf_hash, root_hash
from ledger.note import SigningKey
from ledger.source import FolderSource, NotThere
from tests.ledger.made import LOG, sign, write_log

KEY = LOG.verifier_key
VKEY = KEY.format()


def entries(count: int, tag: bytes = b"") -> list[bytes]:
    return [b"\x01entry %d" % i + tag for i in range(count)]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


class Counting(FolderSource):
    """A folder that remembers what was fetched."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.fetched: list[str] = []

    def fetch(self, path: str, limit: int) -> bytes:
        data = super().fetch(path, limit)
        self.fetched.append(path)
        return data


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 700])
def test_a_good_log_is_good_and_every_file_of_it_is_read_once(tmp_path, size):
    write_log(tmp_path, entries(size))
    source = Counting(tmp_path)
    seen = audit_log(source, KEY)

    assert seen.checkpoint == Checkpoint(LOG.name, size, root_hash([leaf_hash(e) for e in entries(size)]))
    assert sorted(source.fetched) == [str(path.relative_to(tmp_path)) for path in files(tmp_path)]


def test_a_log_with_three_levels_of_tiles_is_good(tmp_path):
    write_log(tmp_path, entries(66_000))
    calls = []
    assert audit_log(FolderSource(tmp_path), KEY, progress=lambda *call: calls.append(call)).checkpoint.size == 66_000
    assert calls[0] == (0, 66_000)
    assert calls[-1] == (66_000, 66_000)
    assert calls == sorted(calls)


def test_every_changed_byte_of_every_file_is_found_and_its_file_named(tmp_path):
    """I7. Entries are short here, so that every byte of lengths, entries, hashes and checkpoint has its turn."""
    write_log(tmp_path, [b"e%d" % i for i in range(259)])
    paths = files(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in paths} == {
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/3",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/3",
    }
    for path in paths:
        good = path.read_bytes()
        step = 13 if len(good) > 1000 else 1  # coprime to 32 and to the length of an entry: each place in turn
        for i in range(0, len(good), step):
            path.write_bytes(good[:i] + bytes([good[i] ^ (1 << (i % 8))]) + good[i + 1 :])
            with pytest.raises(VerificationError) as found:
                audit_log(FolderSource(tmp_path), KEY)
            assert str(found.value).startswith(f"{path.relative_to(tmp_path)}: "), f"byte {i} of {path}"
        path.write_bytes(good)
    audit_log(FolderSource(tmp_path), KEY)


@pytest.mark.parametrize("number", [0, 1, 100, 255, 256, 257, 258])
def test_a_changed_entry_is_named_by_its_number(tmp_path, number):
    write_log(tmp_path, entries(259))
    bundle = files(tmp_path / "tile/entries")[number // 256]
    bundle.write_bytes(bundle.read_bytes().replace(b"entry %d" % number, b"antry %d" % number, 1))
    with pytest.raises(
        VerificationError, match=rf"tile/entries/.*: entry {number} \(number {number % 256} of"
    ) as found:
        audit_log(FolderSource(tmp_path), KEY)
    assert found.value.step == "entries"
    assert found.value.facts["index"] == number


@pytest.mark.parametrize(
    ("path", "number", "what"),
    [
        ("tile/0/000", 17, "hash 17, over entry 17, is wrong"),
        ("tile/0/001.p/3", 2, "hash 2, over entry 258, is wrong"),
        ("tile/1/000.p/1", 0, "hash 0, over entries 0 to 255, is wrong"),
    ],
)
def test_a_changed_hash_is_named_by_its_number(tmp_path, path, number, what):
    write_log(tmp_path, entries(259))
    tile = bytearray((tmp_path / path).read_bytes())
    tile[number * 32] ^= 1
    (tmp_path / path).write_bytes(tile)
    with pytest.raises(VerificationError, match=f"{path}: {what}") as found:
        audit_log(FolderSource(tmp_path), KEY)
    assert found.value.step == "tile"


def test_an_entry_changed_together_with_its_hash_is_found_by_the_tile_above(tmp_path):
    write_log(tmp_path, entries(259))
    forged = tmp_path / "forged"
    write_log(forged, [b"\x01antry 5" if i == 5 else entry for i, entry in enumerate(entries(259))])
    for path in ("tile/0/000", "tile/entries/000"):
        shutil.copy(forged / path, tmp_path / path)
    with pytest.raises(VerificationError, match="tile/0/000: does not lead to the hash above it"):
        audit_log(FolderSource(tmp_path), KEY)


def test_a_whole_log_changed_below_its_checkpoint_is_found(tmp_path):
    write_log(tmp_path, entries(259))
    checkpoint = (tmp_path / "checkpoint").read_bytes()
    write_log(tmp_path, entries(259, b"!"))
    (tmp_path / "checkpoint").write_bytes(checkpoint)
    with pytest.raises(VerificationError, match=r"checkpoint: the tiles .* do not lead to its root") as found:
        audit_log(FolderSource(tmp_path), KEY)
    assert found.value.step == "root"


@pytest.mark.parametrize("size", [1, 259])
def test_a_missing_file_is_named(tmp_path, size):
    write_log(tmp_path, entries(size))
    for path in files(tmp_path):
        good = path.read_bytes()
        path.unlink()
        with pytest.raises(NotThere) as found:
            audit_log(FolderSource(tmp_path), KEY)
        assert found.value.path == str(path.relative_to(tmp_path))
        path.write_bytes(good)


@pytest.mark.parametrize("cut", [1, 31, 32, 33])
def test_a_truncated_or_lengthened_file_is_named(tmp_path, cut):
    write_log(tmp_path, entries(259))
    for path in files(tmp_path):
        good = path.read_bytes()
        for spoilt in (good[:-cut], good[cut:], good + bytes(cut), good + good[:cut], b""):
            path.write_bytes(spoilt)
            with pytest.raises((VerificationError, SourceError)) as found:
                audit_log(FolderSource(tmp_path), KEY)
            assert str(found.value).startswith(f"{path.relative_to(tmp_path)}: ")
        path.write_bytes(good)


def test_a_bundle_with_an_entry_too_many_or_too_few_says_so(tmp_path):
    write_log(tmp_path, entries(3))
    bundle = tmp_path / "tile/entries/000.p/3"
    good = bundle.read_bytes()
    for spoilt, what in [(good + b"\x00\x00", "more than its 3"), (good[: 2 + 8], "ends after 1 of 3")]:
        bundle.write_bytes(spoilt)
        with pytest.raises(VerificationError, match=what):
            audit_log(FolderSource(tmp_path), KEY)


def test_files_swapped_with_each_other_are_found(tmp_path):
    write_log(tmp_path, entries(512))
    for folder in ("tile/0", "tile/entries"):
        one, two = tmp_path / folder / "000", tmp_path / folder / "001"
        one.rename(tmp_path / "x")
        two.rename(one)
        (tmp_path / "x").rename(two)
        with pytest.raises(VerificationError, match=f"{folder}/000: "):
            audit_log(FolderSource(tmp_path), KEY)
        one.rename(tmp_path / "x")
        two.rename(one)
        (tmp_path / "x").rename(two)


def test_a_log_that_deleted_a_partial_tile_because_the_full_one_exists_is_good(tmp_path):
    """tlog-tiles, "Partial Tiles": so it may be by the time we come to it."""
    write_log(tmp_path, entries(300))
    note = (tmp_path / "checkpoint").read_bytes()
    write_log(tmp_path, entries(512))
    (tmp_path / "checkpoint").write_bytes(note)
    for partial in tmp_path.rglob("*.p"):
        shutil.rmtree(partial) if partial.parent.name != "1" else None
    assert audit_log(FolderSource(tmp_path), KEY).checkpoint.size == 300
    full = tmp_path / "tile/entries/001"
    full.write_bytes(full.read_bytes()[:5])
    with pytest.raises(VerificationError, match=r"tile/entries/001.p/44: "):
        audit_log(FolderSource(tmp_path), KEY)


def test_another_key_and_another_origin_are_refused(tmp_path):
    write_log(tmp_path, entries(3))
    with pytest.raises(VerificationError, match="checkpoint: not signed by") as found:
        audit_log(FolderSource(tmp_path), SigningKey("log.example/one", b"x" * 32).verifier_key)
    assert found.value.step == "signature"
    with pytest.raises(VerificationError, match="checkpoint: a checkpoint of") as found:
        audit_log(FolderSource(tmp_path), KEY, origin="other")
    assert found.value.step == "origin"


# What the last audit saw.


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 600), st.integers(0, 600))
def test_an_audit_goes_on_where_the_last_one_ended(tmp_path_factory, one, two):
    old_size, new_size = sorted((one, two))
    folder = tmp_path_factory.mktemp("log")
    write_log(folder, entries(old_size))
    last = audit_log(FolderSource(folder), KEY)
    write_log(folder, entries(new_size))
    source, calls = Counting(folder), []

    seen = audit_log(source, KEY, last, progress=lambda *call: calls.append(call))

    assert seen == audit_log(FolderSource(folder), KEY)
    assert calls[-1] == (new_size - old_size, new_size - old_size)
    finished = {f"tile/{kind}/{i:03}" for kind in ("0", "entries") for i in range(old_size // 256)}
    assert not finished & set(source.fetched), "what was full at the last audit is not fetched again"


@pytest.mark.parametrize("old_size", [1, 5, 255, 256, 257, 300, 512, 513])
@pytest.mark.parametrize("grown", [1, 2, 300])
def test_a_log_that_changed_its_past_is_found_although_it_is_good_in_itself(tmp_path, old_size, grown):
    write_log(tmp_path, entries(old_size))
    last = audit_log(FolderSource(tmp_path), KEY)
    for changed in {0, old_size // 2, old_size - 1}:
        past = entries(old_size + grown)
        past[changed] = b"\x01another entry"
        write_log(tmp_path, past)
        audit_log(FolderSource(tmp_path), KEY)
        with pytest.raises(VerificationError, match="the log has changed its past") as found:
            audit_log(FolderSource(tmp_path), KEY, last)
        assert found.value.step == "history"
        assert found.value.facts == {"old_note": last.note, "new_note": (tmp_path / "checkpoint").read_bytes()}


def test_an_audit_that_finds_something_wrong_leaves_no_thread_behind(tmp_path):
    """Threads that the garbage collector ends may wait for themselves for ever."""
    write_log(tmp_path, entries(1100))
    bundle = tmp_path / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"\x00")
    before = set(threading.enumerate())
    with pytest.raises(VerificationError) as found:
        audit_log(FolderSource(tmp_path), KEY)
    assert set(threading.enumerate()) - before == set()
    assert found.value.__traceback__ is not None  # still held, and with it what the check had open


def test_two_roots_for_one_size_are_found(tmp_path):
    write_log(tmp_path, entries(5))
    last = audit_log(FolderSource(tmp_path), KEY)
    write_log(tmp_path, entries(5, b"!"))
    with pytest.raises(VerificationError, match="two roots for 5 entries") as found:
        audit_log(FolderSource(tmp_path), KEY, last)
    assert found.value.step == "history"


def test_a_log_that_became_smaller_is_found(tmp_path):
    write_log(tmp_path, entries(5))
    last = audit_log(FolderSource(tmp_path), KEY)
    write_log(tmp_path, entries(4))
    with pytest.raises(VerificationError, match="has 4 entries; at the last audit it had 5") as found:
        audit_log(FolderSource(tmp_path), KEY, last)
    assert found.value.step == "rollback"


def test_every_changed_byte_in_what_is_new_is_found(tmp_path):
    write_log(tmp_path, entries(250))
    last = audit_log(FolderSource(tmp_path), KEY)
    write_log(tmp_path, entries(259))
    for path in files(tmp_path):
        if path.relative_to(tmp_path).as_posix() in ("tile/0/000.p/250", "tile/entries/000.p/250"):
            continue  # files of the old tree, which nobody reads any more
        good = path.read_bytes()
        for i in range(0, len(good), 29):
            path.write_bytes(good[:i] + bytes([good[i] ^ 0x10]) + good[i + 1 :])
            with pytest.raises(VerificationError) as found:
                audit_log(FolderSource(tmp_path), KEY, last)
            assert str(found.value).startswith(f"{path.relative_to(tmp_path)}: ")
        path.write_bytes(good)


# The file between two audits.


@pytest.fixture
def seen(tmp_path) -> Seen:
    write_log(tmp_path / "log", entries(300))
    return audit_log(FolderSource(tmp_path / "log"), KEY)


def test_the_state_file_keeps_what_was_seen(tmp_path, seen):
    path = tmp_path / "state"
    assert load_state(path, KEY) is None
    save_state(path, seen, KEY)
    assert load_state(path, KEY) == seen
    save_state(path, seen, KEY)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["state"]


def test_a_changed_state_file_is_refused(seen):
    good = format_state(seen, KEY).encode()
    values = json.loads(good)
    spoilt = [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"nonsense",
        b"\xff",
        b"[" * 100_000,
        good[:-10],
        *(json.dumps({**values, "edge": edge}).encode() for edge in ([], None, 1, [1], values["edge"][::-1], ["", ""])),
        *(json.dumps({**values, "v": v}).encode() for v in (0, 2, "1", None)),
        *(json.dumps({**values, "checkpoint": c}).encode() for c in ("", None, 1, values["checkpoint"] + "x")),
        json.dumps({**values, "checkpoint": sign(entries(301))}).encode(),
        json.dumps({**values, "checkpoint": sign(entries(300, b"!"))}).encode(),
        json.dumps({**values, "key": SigningKey("other", b"o" * 32).verifier_key.format()}).encode(),
        *(json.dumps({k: v for k, v in values.items() if k != name}).encode() for name in values),
    ]
    for data in spoilt:
        with pytest.raises(StateError):
            parse_state(data, KEY)
    with pytest.raises(StateError, match="another log"):
        parse_state(good, SigningKey("other", b"o" * 32).verifier_key)


def test_a_state_that_cannot_be_written_leaves_the_old_one(tmp_path, seen, monkeypatch):
    path = tmp_path / "state"
    save_state(path, seen, KEY)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StateError, match="No space left"):
        save_state(path, seen, KEY)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["state"]


# The command.


@pytest.fixture
def run(capsys):
    def run(*words: object) -> tuple[int, str, str]:
        code = command_line.main(["audit", *map(str, words)])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


def test_the_command_says_that_a_log_is_good_and_what_is_new(tmp_path, run):
    log, state = tmp_path / "log", tmp_path / "state"
    write_log(log, entries(300))
    code, out, err = run(log, "--key", VKEY, "--state", state)
    assert (code, err) == (0, "")
    assert out.startswith(f"GOOD: {LOG.name} has 300 entries; root ")
    write_log(log, entries(310))
    assert "310 entries, 10 of them new since the last audit" in run(log, "--key", VKEY, "--state", state)[1]


def test_the_command_says_what_is_wrong_and_where_and_keeps_its_state(tmp_path, run):
    log, state = tmp_path / "log", tmp_path / "state"
    write_log(log, entries(3))
    run(log, "--key", VKEY, "--state", state)
    before = state.read_bytes()
    write_log(log, entries(4))
    (log / "tile/entries/000.p/4").unlink()
    code, out, err = run(log, "--key", VKEY, "--state", state)
    assert (code, out) == (1, "")
    assert err == "NOT GOOD. tile/entries/000.p/4: missing.\n"
    assert state.read_bytes() == before


def test_the_command_prints_both_checkpoints_that_contradict_each_other(tmp_path, run):
    log, state = tmp_path / "log", tmp_path / "state"
    write_log(log, entries(3))
    run(log, "--key", VKEY, "--state", state)
    old = (log / "checkpoint").read_text(encoding="utf-8")
    write_log(log, entries(9, b"!"))
    code, _, err = run(log, "--key", VKEY, "--state", state)
    assert code == 1
    assert "(step: history)" in err
    assert old in err
    assert (log / "checkpoint").read_text(encoding="utf-8") in err


@pytest.mark.parametrize(
    "words",
    [
        ["missing", "--key", VKEY],
        ["ftp://log.example/", "--key", VKEY],
        ["http://", "--key", VKEY],
        ["http://[", "--key", VKEY],
        ["http://a b/", "--key", VKEY],
        [".", "--key", "nonsense"],
        [".", "--key", VKEY, "--state", "."],
        [".", "--key", VKEY, "--state", "bad-state"],
    ],
)
def test_what_cannot_be_audited_is_said_in_one_sentence(tmp_path, run, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad-state").write_bytes(b"\0" * 3_000_000)
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_a_state_that_cannot_be_written_is_said(tmp_path, run):
    write_log(tmp_path / "log", entries(3))
    code, out, err = run(tmp_path / "log", "--key", VKEY, "--state", tmp_path / "missing" / "state")
    assert code == 1
    assert "GOOD" in out
    assert "cannot be written" in err


def test_a_log_whose_key_has_another_name_is_audited_under_its_origin(tmp_path, run):
    (tmp_path / "checkpoint").write_text(
        sign_checkpoint(Checkpoint("another name", 0, root_hash([])), LOG), encoding="utf-8"
    )
    assert run(tmp_path, "--key", VKEY)[0] == 1
    assert run(tmp_path, "--key", VKEY, "--origin", "another name")[0] == 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_progress_that_leaves_nothing_behind(tmp_path, monkeypatch):
    write_log(tmp_path, entries(600))
    for words, is_shown in [([], True), (["--quiet"], False)]:
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        assert command_line.main(["audit", str(tmp_path), "--key", VKEY, *words]) == 0
        assert ("checked 0 of 600 entries (0%)" in terminal.getvalue()) is is_shown
        assert terminal.getvalue().endswith("\r\x1b[K" if is_shown else "")
