"""The head moves by compare-and-swap only, and is on disk when it has moved."""

import os
import threading

import pytest

from ledger.errors import RefusedToStart, StoreError
from ledger.head import FileHead, Head, format_head, only_sequencer, parse_head
from ledger.store import Overtaken

FIRST = Head("log.hospital.example/2026", 0, bytes(32), 1)
SECOND = Head("log.hospital.example/2026", 7, bytes(range(32)), 2)


@pytest.fixture
def head(tmp_path):
    return FileHead(tmp_path / "head")


def test_a_head_that_was_never_set_is_none(head):
    assert head.read() is None


def test_a_swap_moves_the_head(head):
    head.compare_and_swap(None, FIRST)
    head.compare_and_swap(FIRST, SECOND)

    assert FileHead(head.path).read() == SECOND


@pytest.mark.parametrize("old", [None, SECOND, Head(FIRST.origin, 0, bytes(32), 9)])
def test_a_swap_from_another_head_changes_nothing(head, old):
    head.compare_and_swap(None, FIRST)

    with pytest.raises(Overtaken):
        head.compare_and_swap(old, SECOND)

    assert head.read() == FIRST


def test_of_many_swaps_at_once_one_wins(head):
    head.compare_and_swap(None, FIRST)
    won = []

    def swap(at_ms):
        try:
            FileHead(head.path).compare_and_swap(FIRST, Head(FIRST.origin, 1, bytes(32), at_ms))
            won.append(at_ms)
        except Overtaken:
            pass

    threads = [threading.Thread(target=swap, args=(at_ms,)) for at_ms in range(2, 18)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [head.read().at_ms] == won


def test_the_file_reads_as_four_lines(head):
    head.compare_and_swap(None, SECOND)

    assert head.path.read_text() == ("log.hospital.example/2026\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n2\n")


def test_format_and_parse_undo_each_other():
    assert parse_head(format_head(SECOND)) == SECOND


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: b"",
        lambda good: good[:-1],
        lambda good: good + b"\n",
        lambda good: good.replace(b"\n", b"\r\n"),
        lambda good: good.replace(b"7", b"07"),
        lambda good: good.replace(b"AAEC", b"AAE"),
        lambda good: good.replace(b"Hh8=", b"Hh9="),
        lambda good: b"\xff" + good,
    ],
)
def test_a_damaged_file_is_no_head(head, damage):
    head.path.write_bytes(damage(format_head(SECOND).encode()))

    with pytest.raises(StoreError, match="does not hold a head"):
        head.read()


@pytest.mark.parametrize(("call", "when"), [("write", 1), ("fsync", 1), ("fsync", 2)])
def test_a_failing_disk_is_never_asked_twice(head, monkeypatch, call, when):
    """After a failed fsync the next may succeed without having written anything, so there is no next."""
    head.compare_and_swap(None, FIRST)
    real, calls = getattr(os, call), []

    def fail(*args):
        calls.append(args)
        if len(calls) == when:
            raise OSError(5, "Input/output error")
        return real(*args)

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="Input/output"):
        head.compare_and_swap(FIRST, SECOND)

    assert len(calls) == when
    assert head.read() == (SECOND if (call, when) == ("fsync", 2) else FIRST)


def test_file_and_folder_are_synced_around_the_rename(head, monkeypatch):
    done = []
    real_fsync, real_rename = os.fsync, type(head.path).rename
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append(os.path.realpath(f"/proc/self/fd/{fd}")), real_fsync(fd)))
    monkeypatch.setattr(
        type(head.path), "rename", lambda path, to: (done.append(f"rename to {to}"), real_rename(path, to))
    )

    head.compare_and_swap(None, FIRST)

    assert done == [f"{head.path}.new", f"rename to {head.path}", str(head.path.parent)]


def test_a_second_sequencer_is_told_that_there_is_one(head):
    with only_sequencer(head):
        with pytest.raises(RefusedToStart) as refused, only_sequencer(FileHead(head.path)):
            pass
        assert "another sequencer" in str(refused.value)
        assert "stop it first" in refused.value.way_out
    with only_sequencer(head):
        pass
