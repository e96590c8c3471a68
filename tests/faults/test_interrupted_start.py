"""F32: the first start, and a step of the migrations over a hospital with a waiting leaf, are killed on the way.

Killed at every write and sync of a file of keys, and at some of the hundreds of pages that a commit writes. The next start
has to finish, with each key that was there as it was, and each row kept.
"""

import json
import subprocess
import sys

import pytest

from app import ROOT

# In a process of its own: what forks must not have threads, and a test run may.
PROGRAM = """
import json, pathlib, shutil, sys
from collections import Counter
from sqlalchemy import inspect, text
from app import ROOT, setup
from app.config import read_settings
from app.migrate import METADATA, downgrade, upgrade
from ledger.stores.engine import open_engine, reading, recording
from ledger.stores.sql import metadata as ledger_tables
from tests.torture import tracer

what, folder = sys.argv[1], pathlib.Path(sys.argv[2])
base, var = folder / "base", folder / "var"
settings = read_settings({"MINGZHEN_VAR": str(var), "WECHAT_MOCK_INTERNAL": "http://127.0.0.1:9"}, ROOT)
SHOWN = ("keys/master.key", "keys/secret.key", "keys/ledger.key", "keys/ledger.vkey", "witness/witness.vkey")
ROW = {"id": "one-row-of-before", "at": 7}

def work(count):
    count()
    setup.make_keys(settings)
    setup.make_witness(settings, settings.sms_database.with_name(setup.WITNESS_FOLDER))
    setup.migrate(settings)
    return 0

def ready():
    engine = open_engine(settings.database_url)
    try:
        with reading(engine) as connection:
            tables = set(inspect(connection).get_table_names())
            entries = connection.execute(text("SELECT serial, entry, idx FROM ledger_entry")).all()
    finally:
        engine.dispose()
    assert tables >= set(METADATA["main"].tables) | set(ledger_tables.tables), "a table is missing"
    return [(serial, bytes(entry).hex(), idx) for serial, entry, idx in entries]

def old_hospital():
    # A database at the first migration, with a leaf that waits to be sealed.
    work(lambda: None)
    engine = open_engine(settings.database_url)
    downgrade(engine, "main", "0001")
    with recording(engine) as connection:
        connection.execute(text("INSERT INTO ledger_entry (entry, at_ms) VALUES (:entry, 7)"), {"entry": bytes(33)})
    engine.dispose()

def fresh():
    shutil.rmtree(var, ignore_errors=True)
    shutil.copytree(base, var)

var.mkdir()
if what == "over a hospital":
    run = tracer.run(lambda count: old_hospital() or 0, ())  # no engine is ever opened before a fork
    assert run.ended == 0, run
shutil.copytree(var, base)
fresh()
calls = tracer.run(work, tracer.CHANGING).calls
databases = [(number, call) for number, call in enumerate(calls) if ".db" in call.file.name]
others = [(number, call) for number, call in enumerate(calls) if call.file.name and ".db" not in call.file.name]
chosen = others + databases[:: len(databases) // (4 if what == "first start" else 10)]
told = []
for number, call in chosen:
    fresh()
    fault = tracer.Fault(number, call, "KILL")
    assert tracer.run(work, tracer.CHANGING, fault).ended == -9, fault
    shown = {name: (var / name).read_bytes() for name in SHOWN if (var / name).exists()}
    again = tracer.run(work, tracer.CHANGING)
    assert again.ended == 0, f"{fault}: the next start did not finish"
    assert shown == {name: (var / name).read_bytes() for name in shown}, f"{fault}: a key was replaced"
    assert tracer.run(lambda count: 0 if ready() == WANTED else 4, ()).ended == 0, f"{fault}: something is missing"
    told.append((call.name, call.file.name))
print(json.dumps(told))
""".replace("WANTED", "([] if what == 'first start' else [(1, bytes(33).hex(), None)])")


@pytest.mark.parametrize("what", ["first start", "over a hospital"])
def test_a_start_that_is_killed_anywhere_is_finished_by_the_next(tmp_path, what):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, what, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    reached = {(name, file) for name, file in json.loads(done.stdout.splitlines()[-1])}
    assert ("pwrite64", "mingzhen.db-wal") in reached
