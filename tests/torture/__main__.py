"""`python -m tests.torture`: one fault after the other, until the budget is used up or a promise is broken.

Each case has a number; number and seed make it what it is, so that `--seed N --from K --budget 0` does one again. Between
two runs a file keeps how far they came, for `--resume`. Cases that need root say so and are left out without it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.torture import full_disk, history, power, rivals, rounds, tracer

Case = Callable[[Path, random.Random], str]

CASES: dict[str, Case] = {
    "every call of a round": rounds.suffer,
    "power cut": power.cut,
    "history": history.suffer,
    "disk full": full_disk.suffer,
    "power cut, negative control": power.control,
    "two sequencers": rivals.fight,
}
LARGE_SEED = 10**6


def why_not(name: str) -> str:
    """Return why a case cannot be done here, or nothing."""
    if name.startswith("power cut"):
        return power.missing()
    if name == "disk full" and os.geteuid() != 0:
        return "it mounts a small disk, which needs root"
    if name == "every call of a round" and not tracer.IS_POSSIBLE:
        return "it traces system calls on x86-64 Linux only"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--budget", type=float, default=600.0, metavar="SECONDS", help="begin no case after so long")
    parser.add_argument("--seed", type=int, default=None, help="by default another one each time; it is printed")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="K", help="the number of the first case")
    parser.add_argument("--resume", action="store_true", help="go on where the last run ended, with its seed")
    parser.add_argument("--only", choices=CASES, default=None, help="one kind of case")
    parser.add_argument("--state", type=Path, default=Path(tempfile.gettempdir()) / "mingzhen-torture.json")
    told = parser.parse_args()
    seed, first = told.seed, told.first
    if told.resume and told.state.exists():
        kept = json.loads(told.state.read_text())
        seed, first = kept["seed"], kept["next"]
    seed = random.SystemRandom().randrange(LARGE_SEED) if seed is None else seed
    print(f"seed {seed}, from case {first}, {told.budget:.0f} s, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", flush=True)
    for name in CASES:
        if why := why_not(name):
            print(f"  left out: {name}, because {why}", flush=True)
    return work(seed, first, told.budget, told.only, told.state)


def work(seed: int, first: int, budget_seconds: float, only: str | None, state: Path) -> int:
    """Do one case after the other; return 1 after the first that broke a promise."""
    began, done = time.monotonic(), dict.fromkeys(CASES, 0)
    names = [only] if only else list(CASES)
    for number in itertools.count(first):
        name = names[number % len(names)]
        if not why_not(name):
            started = time.monotonic()
            try:
                with tempfile.TemporaryDirectory(prefix="mingzhen-torture-") as folder:
                    said = CASES[name](Path(folder), random.Random(f"{seed}.{number}"))
            except Exception:
                traceback.print_exc()
                again = f"--seed {seed} --from {number} --budget 0" + (f' --only "{only}"' if only else "")
                print(f"BROKEN: case {number}, {name}; once more: python -m tests.torture {again}", flush=True)
                return 1
            done[name] += 1
            print(f"  {number:5} {time.monotonic() - started:5.1f} s  {name}: {said}", flush=True)
        state.write_text(json.dumps({"seed": seed, "next": number + 1}))
        if time.monotonic() - began >= budget_seconds:
            break
    print("held: " + ", ".join(f"{name} {count}" for name, count in done.items() if count), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
