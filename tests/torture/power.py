"""F07, F08: the power goes while a log grows. Needs root, for it mounts a file as a disk.

An ext4 in a file, mounted through a loop device, whose journal waits five minutes: what was not synced stays in memory.
A copy of that file, taken at any moment while the writer is stopped, is what the platter held. The negative control
makes commits durable a little less than they have to be, and must lose something, or the rig would prove nothing.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from app import ROOT
from ledger.errors import RefusedToStart
from ledger.stores import engine
from tests.ledger.workbench import Log

IMAGE_BYTES = 48 * 2**20
MOST_ROUNDS = 40  # before the power goes
NEEDS = ("mkfs.ext4", "e2fsck", "mount", "umount")


def missing() -> str:
    """Return why the power cannot be cut here, or nothing."""
    if os.geteuid() != 0:
        return "it mounts a file as a disk, which needs root"
    lost = [program for program in NEEDS if shutil.which(program) is None]
    return f"it needs {', '.join(lost)}" if lost else ""


def cut(folder: Path, rng: random.Random) -> str:
    """Cut the power once, at a random moment, and check what comes up again."""
    numbers, disk = _until_the_cut(folder, rng, "FULL")
    with disk as mounted:
        check(mounted / "log", numbers)
    return f"{numbers} acknowledged, all there"


def control(folder: Path, rng: random.Random) -> str:
    """The same with commits that are not synced: what is checked has to fail."""
    numbers, disk = _until_the_cut(folder, rng, "NORMAL")
    with disk as mounted:
        try:
            check(mounted / "log", numbers)
        except (AssertionError, RefusedToStart) as lost:
            return f"{numbers} acknowledged, and the loss was noticed: {str(lost)[:80]}"
    raise AssertionError(f"unsynced commits survived the cut ({numbers} acknowledged): the rig proves nothing")


def check(folder: Path, acknowledged: int) -> None:
    """Start on what is there and check that it holds the first `acknowledged` events and every promise."""
    log = Log(folder)
    try:
        log.start().round()
        size = log.store.load_tree().size
        assert size >= acknowledged, f"of {acknowledged} acknowledged entries {size} are there"
        log.asked = {number: number + 1 for number in range(size)}  # one transaction added each, in this order
        log.hand_out(range(acknowledged))
        log.check()
    finally:
        log.close()


class _Disk:
    """A file system in `image`, mounted for as long as the block lasts."""

    def __init__(self, image: Path, at: Path) -> None:
        self._image, self._at = image, at

    def __enter__(self) -> Path:
        self._at.mkdir()
        _call("mount", "-o", "loop,commit=300", str(self._image), str(self._at))
        return self._at

    def __exit__(self, *_: object) -> None:
        for _ in range(50):  # the kernel may still be letting go of a process that was killed
            if subprocess.run(["umount", str(self._at)], capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.1)
        _call("umount", str(self._at))


def _until_the_cut(folder: Path, rng: random.Random, synchronous: str) -> tuple[int, _Disk]:
    """Return how many entries were acknowledged before the power went, and the disk as it is found afterwards."""
    image, after = folder / "disk", folder / "after"
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    _call("mkfs.ext4", "-q", str(image))
    with _Disk(image, folder / "mounted") as mounted:
        (mounted / "log").mkdir()
        _call("sync", "-f", str(mounted))
        told: list[int] = []
        command = [sys.executable, "-m", "tests.torture.power", str(mounted / "log"), synchronous, str(rng.random())]
        writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        try:
            assert writer.stdout is not None
            for _ in range(rng.randrange(2, MOST_ROUNDS)):
                told.append(int(writer.stdout.readline()))
            time.sleep(rng.random() * 0.02)  # somewhere inside the next round
            writer.send_signal(signal.SIGSTOP)
            os.set_blocking(writer.stdout.fileno(), False)
            told += [int(line) for line in (writer.stdout.read() or b"").splitlines()]
            shutil.copyfile(image, after)
        finally:
            writer.kill()
            writer.wait()
            writer.stdout.close()
    repaired = subprocess.run(["e2fsck", "-fy", str(after)], capture_output=True, check=False)
    assert repaired.returncode in (0, 1), repaired.stdout[-500:]
    return told[-1], _Disk(after, folder / "again")


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def write(folder: Path, synchronous: str, seed: str) -> None:
    """Let a log grow until somebody ends this process; say after each round how many entries are acknowledged."""
    if synchronous != "FULL":
        engine._synchronous = lambda durable: synchronous  # type: ignore[assignment]
    rng, log = random.Random(seed), Log(folder)
    sequencer = log.start()
    while True:
        for _ in range(rng.randrange(1, 5)):
            log.add(1)
        sequencer.round()
        os.write(1, b"%d\n" % len(log.asked))


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
