"""The head moves by compare-and-swap only, and is on disk when it has moved."""

import itertools
import os
import threading

import pytest

import ledger.head
from ledger.errors import RefusedToStart, StoreError
from ledger.head import PAGE_BYTES, FileHead, Head, format_head, only_sequencer, parse_head
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


def test_a_person_reads_the_head_in_the_first_four_lines_of_a_page(head):
    head.compare_and_swap(None, SECOND)

    assert head.path.read_text().startswith(
        "log.hospital.example/2026\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n2\n0\n"
    )


def test_a_file_of_four_lines_is_a_head_and_the_next_swap_turns_it_into_pages(head):
    head.path.write_text(format_head(FIRST))

    assert head.read() == FIRST
    head.compare_and_swap(FIRST, SECOND)

    assert head.read() == SECOND
    assert len(head.path.read_bytes()) == 2 * PAGE_BYTES


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


def heads(count):
    return [Head(FIRST.origin, size, bytes([size]) * 32, size) for size in range(count)]


def moved(head, path):
    """Move the head along `path`; return what the file held after each swap."""
    held, old = [], None
    for new in path:
        head.compare_and_swap(old, new)
        held.append(head.path.read_bytes())
        old = new
    return held


def test_each_swap_writes_over_one_page_and_the_other_still_holds_the_head_before_it(head):
    path = heads(9)
    held = moved(head, path)

    for size, (before, after) in enumerate(itertools.pairwise(held)):
        written = [
            page for page in (0, PAGE_BYTES) if before[page : page + PAGE_BYTES] != after[page : page + PAGE_BYTES]
        ]
        assert len(written) == 1
        head.path.write_bytes(after[: written[0]] + bytes(PAGE_BYTES) + after[written[0] + PAGE_BYTES :])
        assert head.read() == path[size]


@pytest.mark.parametrize("swaps", [2, 3, 4, 5])
def test_a_swap_cut_short_at_any_byte_leaves_the_old_head_or_the_new_one(head, swaps):
    *_, older, newest = heads(swaps + 1)
    before, after = moved(head, heads(swaps + 1))[-2:]

    seen = set()
    for cut in [*range(400), *range(400, 2 * PAGE_BYTES + 1, 512)]:
        for torn in (after[:cut] + before[cut:], before[:cut] + after[cut:]):
            head.path.write_bytes(torn)
            seen.add(head.read())
            assert head.is_spoiled() == (torn not in (before, after))

    assert seen == {older, newest}


def test_after_a_swap_cut_short_the_next_one_makes_both_pages_whole(head):
    *_, older, newest = heads(4)
    before, after = moved(head, heads(4))[-2:]
    changed = [at for at in range(2 * PAGE_BYTES) if before[at] != after[at]]
    head.path.write_bytes(after[: changed[3]] + before[changed[3] :])
    assert head.is_spoiled()

    head.compare_and_swap(older, newest)

    assert head.read() == newest
    assert not head.is_spoiled()


def test_each_flipped_bit_is_found(head):
    good = moved(head, heads(4))[-1]

    for at in [*range(180), *range(PAGE_BYTES, PAGE_BYTES + 180), PAGE_BYTES - 1, 2 * PAGE_BYTES - 1]:
        head.path.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        assert head.is_spoiled()
        assert head.read() in heads(4)[-2:]


def test_pages_in_each_others_place_are_no_head(head):
    good = moved(head, heads(4))[-1]
    head.path.write_bytes(good[PAGE_BYTES:] + good[:PAGE_BYTES])

    with pytest.raises(StoreError, match="does not hold a head"):
        head.read()


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_failing_disk_is_never_asked_twice_for_the_first_head(head, monkeypatch, call):
    """After a failed fsync the next may succeed without having written anything, so there is no next."""
    calls = failing(monkeypatch, os, call)

    with pytest.raises(OSError, match="Input/output"):
        head.compare_and_swap(None, FIRST)

    assert len(calls) == 1
    assert head.read() is None


@pytest.mark.parametrize(("where", "call"), [(os, "pwrite"), (ledger.head, "_sync_bytes")])
def test_a_failing_disk_is_never_asked_twice(head, monkeypatch, where, call):
    head.compare_and_swap(None, FIRST)
    calls = failing(monkeypatch, where, call)

    with pytest.raises(OSError, match="Input/output"):
        head.compare_and_swap(FIRST, SECOND)

    assert len(calls) == 1
    assert head.read() == (FIRST if call == "pwrite" else SECOND)


def failing(monkeypatch, where, call):
    calls = []

    def fail(*args):
        calls.append(args)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(where, call, fail)
    return calls


def test_a_part_of_a_page_that_could_be_written_is_a_failure(head, monkeypatch):
    head.compare_and_swap(None, FIRST)
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, content, offset: real(file, content[:40], offset))

    with pytest.raises(OSError, match="in part"):
        head.compare_and_swap(FIRST, SECOND)

    assert head.read() == FIRST


def test_the_first_head_is_synced_with_its_folder_around_the_rename_and_each_later_one_in_place(head, monkeypatch):
    done = []
    real_fsync, real_sync, real_rename = os.fsync, ledger.head._sync_bytes, type(head.path).rename
    named = "/proc/self/fd/{}".format
    monkeypatch.setattr(os, "fsync", lambda fd: (done.append(os.path.realpath(named(fd))), real_fsync(fd)))
    monkeypatch.setattr(
        ledger.head, "_sync_bytes", lambda fd: (done.append(f"bytes of {os.path.realpath(named(fd))}"), real_sync(fd))
    )
    monkeypatch.setattr(
        type(head.path), "rename", lambda path, to: (done.append(f"rename to {to}"), real_rename(path, to))
    )

    head.compare_and_swap(None, FIRST)
    assert done == [f"{head.path}.new", f"rename to {head.path}", str(head.path.parent)]

    del done[:]
    head.compare_and_swap(FIRST, SECOND)
    assert done == [f"bytes of {head.path}"]


def test_an_origin_too_long_for_a_page_is_refused_before_anything_is_written(head):
    head.compare_and_swap(None, FIRST)

    with pytest.raises(ValueError, match="too long"):
        head.compare_and_swap(FIRST, Head("o" * PAGE_BYTES, 1, bytes(32), 2))

    assert head.read() == FIRST
    assert not head.is_spoiled()


def test_a_second_sequencer_is_told_that_there_is_one(head):
    with only_sequencer(head):
        with pytest.raises(RefusedToStart) as refused, only_sequencer(FileHead(head.path)):
            pass
        assert "another sequencer" in str(refused.value)
        assert "stop it first" in refused.value.way_out
    with only_sequencer(head):
        pass
