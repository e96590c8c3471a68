"""F01 to F05: each call of a round that changes something fails, or the process dies there. All calls: `make torture`."""

import json
import subprocess
import sys

from app import ROOT

# In a process of its own: what forks must not have threads, and a test run may.
PROGRAM = """
import json, pathlib, sys
from tests.torture import rounds, tracer
case = rounds.Case(pathlib.Path(sys.argv[1]))
faults = list(rounds.faults(case.calls(tracer.CHANGING)))
told = [(f.call.name, f.call.file.name, f.kind, case.suffer(f, tracer.CHANGING)) for f in faults]
print(json.dumps(told))
"""
# SQLite opens and syncs the folder of a new write-ahead log and does not look at the answer (src/os_unix.c, unixSync).
NOT_LOOKED_AT = {("openat", ""), ("fsync", "copy")}


def test_a_round_in_which_any_call_fails_or_kills_loses_contradicts_and_doubles_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]  # what broke a promise, and at which call
    told = [tuple(case) for case in json.loads(done.stdout)]

    # The faults reach the write-ahead log and the head, and what makes each durable, or they would prove nothing.
    reached = {(name, file) for name, file, _, _ in told}
    assert {("pwrite64", "hospital.db-wal"), ("pwrite64", "head"), ("fdatasync", "head")} <= reached
    assert {("fsync", "hospital.db-wal"), ("fdatasync", "hospital.db-wal")} & reached
    for name, file, kind, ended in told:
        assert ended == ("killed" if kind == "KILL" else "stopped") or (name, file) in NOT_LOOKED_AT, (name, file, kind)
    acknowledged = [(name, file) for name, file, _, ended in told if ended == "acknowledged"]
    assert len(acknowledged) <= 4  # of these two, with EIO and with ENOSPC
