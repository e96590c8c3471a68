"""F04, F05: the disk of the database, or that of the head alone, is full; then there is room again. Needs root.

A head that has its two pages is written over in place and needs no room. So the disk of the head is filled while there is
no head yet, and while it is four lines as an operator writes them, whose first swap makes the pages.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ledger.errors import LedgerError
from ledger.head import FileHead, format_head
from tests.ledger.workbench import Log

SMALL_KIB, ROOMY_KIB = 640, 16_384
PAGE_KIB = 4


def suffer(folder: Path, rng: random.Random) -> str:
    """Fill a disk at a random moment; nothing is acknowledged meanwhile, and with room again all goes on by itself."""
    of_head = rng.random() < 0.4
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_KIB}k", "none", str(disk)], check=True)
    try:
        return _fill_head(disk, folder, rng) if of_head else _fill(disk, rng)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _fill_head(disk: Path, folder: Path, rng: random.Random) -> str:
    log, ballast = Log(folder), disk / "ballast"
    log.head = FileHead(disk / "head")
    failed = went_on = 0
    first = True
    for _ in range(6):
        log.add(rng.randrange(1, 60))
        if not first:
            newest = log.head.read()
            assert newest is not None
            log.head.path.write_text(format_head(newest), "utf-8")
        _write_ballast(ballast, leaving_pages=rng.randrange(0, 2))
        known = log.store.newest_size()
        try:
            log.start().round()
        except (OSError, LedgerError):
            failed += 1
            assert log.store.newest_size() == known, "signed what the head does not hold"
        else:
            raise AssertionError("the head was written, and there was no room for it")
        ballast.unlink()
        log.start().round()  # no repair: room is all it needed
        assert not log.store.pending(1)
        _write_ballast(ballast, leaving_pages=0)
        sequencer = log.start()
        for _ in range(3):  # two pages are there: the log grows while their disk is full
            waiting = log.add(rng.randrange(1, 60))
            sequencer.round()
            log.hand_out(waiting[-1:])
            went_on += 1
        ballast.unlink()
        first = False
    log.check()
    log.close()
    return f"the head's disk full: {failed} times refused, {went_on} rounds in its pages, {len(log.asked)} events, all there"


def _fill(disk: Path, rng: random.Random) -> str:
    log = Log(disk)
    log.grow(rng.randrange(1, 30))
    ballast, failed, before = disk / "ballast", 0, 0
    sequencer = log.start()
    for _ in range(200):
        room = rng.randrange(0, 3)
        _write_ballast(ballast, leaving_pages=room)
        before = log.store.load_tree().size
        waiting: list[int] = []
        try:
            waiting = log.add(rng.randrange(1, 60))
            sequencer.round()
        except (OSError, SQLAlchemyError):
            failed += 1
            ballast.unlink()
            sequencer = log.start()
            sequencer.round()  # no repair: room is all it needed
            assert not log.store.pending(1)
        else:
            assert log.store.newest_size() == log.store.load_tree().size >= before
            log.hand_out(waiting[-1:])
        if ballast.exists():
            ballast.unlink()
        if failed >= 5:
            break
    subprocess.run(["mount", "-o", f"remount,size={ROOMY_KIB}k", str(disk)], check=True)
    log.grow(5)
    log.check()
    log.close()
    return f"the database's disk full: {failed} times, {len(log.asked)} events, all there"


def _write_ballast(ballast: Path, leaving_pages: int) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE_KIB * 1024))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leaving_pages * PAGE_KIB * 1024))
