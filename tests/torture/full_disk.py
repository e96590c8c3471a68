"""F04, F05: the disk of the database, or that of the head alone, is full; then there is room again. Needs root."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ledger.head import FileHead
from tests.ledger.workbench import Log

SMALL_KIB, ROOMY_KIB = 640, 16_384
PAGE_KIB = 4


def suffer(folder: Path, rng: random.Random) -> str:
    """Fill a disk at a random moment; nothing is acknowledged meanwhile, and with room again all goes on by itself."""
    of_head = rng.random() < 0.3
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_KIB}k", "none", str(disk)], check=True)
    try:
        return _fill(disk, folder, rng, of_head)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _fill(disk: Path, folder: Path, rng: random.Random, of_head: bool) -> str:
    home = folder if of_head else disk
    log = Log(home)
    if of_head:
        log.head = FileHead(disk / "head")
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
    return f"full {failed} times ({'the head' if of_head else 'the database'}), {len(log.asked)} events, all there"


def _write_ballast(ballast: Path, leaving_pages: int) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE_KIB * 1024))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leaving_pages * PAGE_KIB * 1024))
