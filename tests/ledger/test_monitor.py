"""The monitor: each thing it watches for is done to a log, and named; an honest log never alarms; kills lose nothing."""

import json
import os
import signal
import subprocess
import sys

import pytest

from ledger.__main__ import main
from ledger.entry import canonical_json
from ledger.errors import SourceError, StateError
from ledger.merkle import inclusion_proof, leaf_hash, root_hash
from ledger.monitor import Memory, Monitor, Patience, Watched
from ledger.monitor_state import load_memory, save_memory
from ledger.note import SigningKey, format_note, parse_note
from ledger.notice import public_opening
from ledger.receipt import ForMe, Receipt, format_extra, format_receipt
from ledger.source import FolderSource, NotThere
from tests.ledger.made import LOG, OPEN, sign, write_log

VKEY = LOG.verifier_key
NEXT = SigningKey(LOG.name, b"\x05" * 32)
NOW = 1_790_000_000_000


def leaves(count, salt=0):
    return [bytes([1, salt]) + number.to_bytes(31, "big") for number in range(count)]


def receipt_in(opening, index, entries, key=LOG):
    """A receipt of an event that stands in `entries`, in a tree of all of them."""
    hashes = [leaf_hash(entry) for entry in entries]
    read = lambda nodes: [root_hash(hashes[i << level : (i + 1) << level]) for level, i in nodes]  # noqa: E731
    path = inclusion_proof(index, len(entries), read)
    return format_receipt(Receipt(format_extra(opening), index, tuple(path), sign(entries, key))).encode()


def event(number=7):
    own = {"subject": "Li", "seq": number, "prev": "0" * 64}
    return ForMe(bytes([number]) * 32, canonical_json(OPEN), bytes(32), canonical_json(own))


def watch(folder, memory=None, **options):
    told = []
    monitor = Monitor(
        FolderSource(folder),
        Memory((VKEY,)) if memory is None else memory,
        tell=lambda name, **fields: told.append((name, fields)),
        **options,
    )
    monitor.told = told
    return monitor


def kinds(monitor, now=NOW):
    return [alarm.kind for alarm in monitor.round(now)]


def test_an_honest_log_never_alarms_however_it_grows(tmp_path):
    monitor = watch(tmp_path, patience=Patience(stalled=None))
    for turn, size in enumerate((0, 1, 255, 256, 300, 300, 900)):
        write_log(tmp_path, leaves(size))
        assert kinds(monitor, NOW + turn * 1000) == []
        assert monitor.memory.seen.checkpoint.size == size


def test_a_log_that_got_shorter_is_a_rollback_with_both_notes(tmp_path):
    monitor = watch(tmp_path)
    write_log(tmp_path, leaves(300))
    assert kinds(monitor) == []
    before = monitor.memory
    write_log(tmp_path, leaves(200))
    (alarm,) = monitor.round(NOW)
    assert (alarm.kind, len(alarm.evidence)) == ("rollback", 2)
    assert monitor.memory.seen == before.seen  # the past that it holds stays the past
    assert kinds(monitor) == ["rollback"]


@pytest.mark.parametrize("size", [300, 800])
def test_a_log_with_another_past_is_a_fork_with_both_notes(tmp_path, size):
    monitor = watch(tmp_path)
    write_log(tmp_path, leaves(300))
    monitor.round(NOW)
    write_log(tmp_path, [*leaves(299), *leaves(size, salt=9)[299:]])
    (alarm,) = monitor.round(NOW)
    assert (alarm.kind, len(alarm.evidence)) == ("fork", 2)


def flip(path):
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "name", ["tile/0/000", "tile/entries/000", "tile/0/001.p/44", "tile/entries/001.p/44", "tile/1/000.p/1"]
)
def test_a_tile_that_changed_is_found_though_the_log_has_not_grown(tmp_path, name):
    places = iter([1] * 100 if name.split("/")[2].startswith("000") else [257] * 100)
    monitor = watch(tmp_path, choose=lambda count: next(places))
    write_log(tmp_path, leaves(300))
    assert kinds(monitor) == []
    if name == "tile/1/000.p/1":
        data = bytearray((tmp_path / name).read_bytes())
        data[0] ^= 1
        (tmp_path / name).write_bytes(data)
    else:
        flip(tmp_path / name)
    assert kinds(monitor) == ["tile"]


def test_any_changed_entry_is_found_by_the_sweep_alone_which_a_restart_does_not_begin_anew(tmp_path):
    """A byte anywhere in the past, and dice that never fall near it."""
    size, rounds = 256 * 10 + 7, 3  # eleven bundles, four a round
    log, state = tmp_path / "log", tmp_path / "state"
    write_log(log, leaves(size))
    for name in ("tile/entries/005", "tile/0/009", "tile/entries/010.p/7"):
        memory = None
        good = (log / name).read_bytes()
        found = []
        for turn in range(rounds + 1):
            monitor = watch(log, memory, choose=lambda count: 0)
            found += [alarm.text for alarm in monitor.round(NOW)]
            save_memory(state, monitor.memory)
            memory = load_memory(state, VKEY)
            if turn == 0:
                flip(log / name)
        assert found, name
        assert all(name in text for text in found)  # and it stands until the file is good again
        (log / name).write_bytes(good)


def test_a_file_that_is_withheld_is_named(tmp_path):
    monitor = watch(tmp_path, choose=lambda count: 0)
    write_log(tmp_path, leaves(300))
    monitor.round(NOW)
    (tmp_path / "tile/entries/000").unlink()
    (alarm,) = monitor.round(NOW)
    assert (alarm.kind, "tile/entries/000" in alarm.text) == ("missing", True)


def test_a_log_that_stops_growing_is_an_alarm_only_where_that_is_asked_for(tmp_path):
    write_log(tmp_path, leaves(5))
    patient, strict = watch(tmp_path), watch(tmp_path, patience=Patience(stalled=100))
    for seconds, expected in ((0, []), (90, []), (110, ["stalled"])):
        assert kinds(patient, NOW + seconds * 1000) == []
        assert kinds(strict, NOW + seconds * 1000) == expected
    write_log(tmp_path, leaves(6))
    assert kinds(strict, NOW + 200_000) == []


def test_what_has_to_be_merged_is_waited_for_and_then_missed(tmp_path):
    """A receipt proves that a larger tree was signed; an entry that waits has to be in the log in time (I9)."""
    it = event()
    entries = [*leaves(20), it.entry]
    watched = Watched({"mine": receipt_in(it, 20, entries)}, [it.entry])
    write_log(tmp_path, leaves(20))
    monitor = watch(tmp_path, watched=watched, patience=Patience(late=10))
    assert kinds(monitor, NOW) == []
    assert kinds(monitor, NOW + 9_000) == []
    assert kinds(monitor, NOW + 11_000) == ["late", "late"]
    write_log(tmp_path, entries)
    assert kinds(monitor, NOW + 12_000) == []
    assert monitor.memory.found == {it.entry.hex(): 20}
    assert kinds(monitor, NOW + 99_000) == []


def test_a_receipt_of_another_history_is_a_fork_though_this_log_only_grew(tmp_path):
    it = event()
    mine = receipt_in(it, 20, [*leaves(20), it.entry])
    write_log(tmp_path, leaves(30))
    (alarm,) = watch(tmp_path, watched=Watched({"mine": mine})).round(NOW)
    assert (alarm.kind, len(alarm.evidence)) == ("fork", 2)
    stranger = receipt_in(it, 0, [it.entry], SigningKey("elsewhere", bytes(32)))
    assert kinds(watch(tmp_path, watched=Watched({"theirs": stranger}))) == ["receipt"]


def rotation(entries, key=LOG, old=LOG, new=NEXT):
    """The notice that `new` follows `old`, in the log of `entries` with itself at the end; and those entries."""
    said = {"old_key": old.verifier_key.format(), "new_key": new.verifier_key.format()}
    opening = public_opening(
        "01a00000-0000-7000-8000-000000000001", "2026-11-22T08:00:00.000Z", "log.key_rotated", said
    )
    entries = [*entries, opening.entry]
    return receipt_in(opening, len(entries) - 1, entries, key), entries


def put_notice(folder, data, number=0):
    (folder / "notices").mkdir(exist_ok=True)
    (folder / f"notices/{number}.tlog-proof").write_bytes(data)


def both(folder, entries):
    """Let the newest checkpoint carry both signatures."""
    write_log(folder, entries)
    text = parse_note((folder / "checkpoint").read_bytes()).text
    (folder / "checkpoint").write_text(format_note(text, [LOG.sign(text), NEXT.sign(text)]))


def test_an_announced_key_is_followed_through_both_signatures_to_the_new_one_alone(tmp_path):
    monitor = watch(tmp_path)
    write_log(tmp_path, leaves(10))
    assert kinds(monitor) == []
    notice, entries = rotation(leaves(10))
    put_notice(tmp_path, notice)
    (tmp_path / "keys").write_text(f"{NEXT.verifier_key.format()}\n{VKEY.format()}\n")
    both(tmp_path, [*entries, *leaves(3, salt=4)])
    assert kinds(monitor) == []
    assert monitor.memory.keys == (VKEY,)
    after = [*entries, *leaves(9, salt=4)]
    write_log(tmp_path, after, NEXT)
    assert kinds(monitor) == []
    assert monitor.memory.keys == (VKEY, NEXT.verifier_key)
    assert [name for name, _ in monitor.told] == ["monitor.key_rotated"]
    assert kinds(watch(tmp_path)) == []  # who was away meanwhile, and has the old key only
    state = tmp_path / "state"
    save_memory(state, monitor.memory)
    assert load_memory(state, VKEY) == monitor.memory


def test_a_key_that_nobody_announced_is_an_alarm(tmp_path):
    monitor = watch(tmp_path)
    write_log(tmp_path, leaves(10))
    monitor.round(NOW)
    write_log(tmp_path, leaves(12), NEXT)
    assert kinds(monitor) == ["key"]
    # announced by itself, by another, or for another
    for notice, _ in (
        rotation(leaves(10), key=NEXT),
        rotation(leaves(10), key=SigningKey("elsewhere", bytes(32))),
        rotation(leaves(10), new=SigningKey(LOG.name, b"\x06" * 32)),
        rotation(leaves(10), new=SigningKey("elsewhere", b"\x05" * 32)),
        rotation(leaves(10), old=SigningKey(LOG.name, b"\x07" * 32)),
    ):
        put_notice(tmp_path, notice)
        assert kinds(monitor) == ["key"]
    write_log(tmp_path, leaves(12))
    (tmp_path / "notices/0.tlog-proof").unlink()
    assert kinds(monitor) == []
    (tmp_path / "keys").write_text(f"{VKEY.format()}\n{NEXT.verifier_key.format()}\n")
    assert kinds(monitor) == ["key"]  # listed, and not announced


def test_a_key_announced_in_another_history_is_a_fork(tmp_path):
    monitor = watch(tmp_path)
    write_log(tmp_path, leaves(10))
    monitor.round(NOW)
    notice, _ = rotation(leaves(10, salt=8))
    put_notice(tmp_path, notice)
    write_log(tmp_path, leaves(20), NEXT)
    assert kinds(monitor) == ["fork"]


def test_two_keys_that_announce_each_other_lead_nobody_in_circles(tmp_path):
    """Whoever holds both keys of a log could have kept every monitor of it from ever finding a third one's signature."""
    monitor = watch(tmp_path)
    there, entries = rotation(leaves(10))
    back, entries = rotation(entries, key=NEXT, old=NEXT, new=LOG)
    put_notice(tmp_path, there, 0)
    put_notice(tmp_path, back, 1)
    write_log(tmp_path, entries, SigningKey(LOG.name, b"\x77" * 32))
    assert kinds(monitor) == ["key"]


def test_a_successor_is_told_apart_and_left_to_a_person(tmp_path):
    monitor = watch(tmp_path)
    write_log(tmp_path, leaves(10))
    monitor.round(NOW)
    other = SigningKey("log.example/two", b"\x08" * 32)
    said = {"old_origin": LOG.name, "old_size": 10, "old_root": "x", "reason": "key-compromised"}
    opening = public_opening("01a00000-0000-7000-8000-000000000002", "2026-11-22T08:00:00.000Z", "log.succeeded", said)
    write_log(tmp_path, [opening.entry, *leaves(3)], other)
    put_notice(tmp_path, receipt_in(opening, 0, [opening.entry, *leaves(3)], other))
    (tmp_path / "keys").write_text(f"{other.verifier_key.format()}\n{VKEY.format()}\n")
    (alarm,) = monitor.round(NOW)
    assert alarm.kind == "succeeded"
    assert "key-compromised" in alarm.text


def test_a_network_that_fails_is_no_alarm_until_it_has_failed_for_long(tmp_path):
    write_log(tmp_path, leaves(10))
    monitor = watch(tmp_path, patience=Patience(unreachable=60))
    assert kinds(monitor, NOW) == []
    inner, monitor._source = monitor._source, type("Down", (), {"fetch": lambda *_: _down()})()
    for seconds, expected in ((1, []), (59, []), (61, ["unreachable"])):
        assert kinds(monitor, NOW + seconds * 1000) == expected
    assert ("monitor.trouble", {"why": "checkpoint: no answer"}) in monitor.told
    monitor._source = inner
    assert kinds(monitor, NOW + 99_000) == []


def _down():
    raise SourceError("checkpoint", "no answer")


def test_before_the_first_checkpoint_there_is_nothing_to_say(tmp_path):
    assert kinds(watch(tmp_path)) == []
    with pytest.raises(NotThere):
        FolderSource(tmp_path).fetch("checkpoint", 10)


@pytest.mark.parametrize(
    "change",
    [lambda d: d[:50], lambda d: d.replace(b'"grown_ms"', b'"other"'), lambda d: b"[]", lambda d: b'{"keys":7}'],
)
def test_a_state_that_is_damaged_or_of_another_log_is_refused(tmp_path, change):
    write_log(tmp_path, leaves(10))
    monitor = watch(tmp_path)
    monitor.round(NOW)
    state = tmp_path / "state"
    save_memory(state, monitor.memory)
    with pytest.raises(StateError, match="another key"):
        load_memory(state, NEXT.verifier_key)
    state.write_bytes(change(state.read_bytes()))
    with pytest.raises(StateError, match="damaged"):
        load_memory(state, VKEY)


def test_the_command_alarms_with_json_and_its_exit_code(tmp_path, capsys):
    (tmp_path / "log").mkdir()
    words = ["monitor", str(tmp_path / "log"), "--key", VKEY.format(), "--state", str(tmp_path / "state"), "--once"]

    def run():
        code = main(words)
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    write_log(tmp_path / "log", leaves(300))
    code, lines = run()
    assert (code, [line["event"] for line in lines]) == (0, ["monitor.started", "monitor.stopped"])
    write_log(tmp_path / "log", leaves(200))
    code, lines = run()
    assert code == 1
    assert (lines[1]["event"], lines[1]["kind"], len(lines[1]["evidence"])) == ("alarm", "rollback", 2)
    assert main([*words, "--entry", "abc"]) == 2
    (tmp_path / "state").write_text("{}")
    assert main(words) == 2
    assert "may be evidence" in capsys.readouterr().err


def test_killed_again_and_again_it_remembers_and_still_sees_the_rollback(tmp_path):
    (tmp_path / "log").mkdir()
    state = tmp_path / "state"
    command = [
        sys.executable,
        "-m",
        "ledger",
        "monitor",
        str(tmp_path / "log"),
        "--key",
        VKEY.format(),
        "--state",
        str(state),
    ]

    def run(until):
        process = subprocess.Popen(
            [*command, "--interval", "0.01"], stdout=subprocess.PIPE, text=True, env={**os.environ}
        )
        assert json.loads(process.stdout.readline())["event"] == "monitor.started"
        while not until():
            assert process.poll() is None
        return process

    for size in (10, 400):
        write_log(tmp_path / "log", leaves(size))
        process = run(lambda size=size: state.exists() and load_memory(state, VKEY).seen.checkpoint.size == size)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    write_log(tmp_path / "log", leaves(399))
    process = run(lambda: True)
    assert json.loads(process.stdout.readline())["kind"] == "rollback"
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=90)
    assert (process.returncode, json.loads(out.splitlines()[-1])["alarms"]) == (1, 1)
    assert load_memory(state, VKEY).seen.checkpoint.size == 400
