"""F10: two sequencers in two processes on one log, with nothing between them but the guard and the swap."""

from __future__ import annotations

import base64
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from app import ROOT
from ledger.checkpoint import Checkpoint
from ledger.errors import RefusedToStart, StoreError
from tests.ledger.workbench import ORIGIN, Key, Log

ROUNDS = 1_000


class Told(Key):
    """A key that writes down what it signs, before it lets anybody have the signature."""

    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file

    def sign(self, text: str) -> object:
        line = super().sign(text)
        checkpoint = self.signed[-1]
        os.write(self._file, b"%d %s\n" % (checkpoint.size, base64.b64encode(checkpoint.root)))
        return line


def fight(folder: Path, rng: random.Random, rounds: int = ROUNDS) -> str:
    """Let both try so many rounds; then every size has one root and nothing is lost."""
    Log(folder).close()
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.torture.rivals", str(folder), str(me), str(rounds), str(rng.random())],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for me in (0, 1)
    ]
    told = [process.communicate()[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    made, lost = [int(words[0]) for words in told], [int(words[1]) for words in told]

    log = Log(folder)
    try:
        asked = int(told[0][2])
        log.asked = {number: number + 1 for number in range(asked)}
        for me in (0, 1):
            for line in (folder / f"signed-{me}").read_bytes().splitlines():
                size, root = line.split()
                log.key.signed.append(Checkpoint(ORIGIN, int(size), base64.b64decode(root)))
        log.start().round()
        assert log.store.load_tree().size == asked
        log.hand_out(rng.sample(range(asked), min(asked, 20)))
        log.check()
    finally:
        log.close()
    assert min(made) > 0 and sum(lost) > 0, f"they never met: {made} rounds, {lost} losses"
    return f"{sum(made)} rounds, {sum(lost)} lost to the other, {len(log.key.signed)} signatures, one root a size"


def rival(folder: Path, me: int, rounds: int, seed: str) -> None:
    """Make rounds, starting anew whenever the other was first; say how many were made, lost, and asked for."""
    rng, log = random.Random(seed), Log(folder)
    file = os.open(folder / f"signed-{me}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    key, sequencer, made, lost, over = Told(file), None, 0, 0, folder / "over"
    while made + lost < rounds if me == 0 else not over.exists():
        if me == 0:  # one of them alone is the hospital too, so that serials are known
            log.add(rng.randrange(1, 4))
            time.sleep(rng.choice((0.0, 0.001, 0.003)))  # the other may be first
        try:
            sequencer = sequencer or log.start(key=key)
            made += sequencer.round() > 0
        except (StoreError, RefusedToStart):  # Overtaken; or what was read again, or at a start, is the other's by now
            sequencer, lost = None, lost + 1
    over.touch()
    print(made, lost, len(log.asked))


if __name__ == "__main__":
    rival(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
