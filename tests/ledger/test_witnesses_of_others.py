"""Ours with theirs: `aics-witness`, written by others, cosigns our log, and its log's side is cosigned by our witness."""

import json
import signal
import socket
import subprocess
import sys

import pytest

from ledger.errors import RefusedToStart
from ledger.note import ED25519_COSIGNATURE, SigningKey, VerifierKey, parse_note
from ledger.policy import parse_policy
from ledger.reader import LogReader
from ledger.receipt import format_extra, verify_receipt
from ledger.stores.cosigned import StoreShelf
from ledger.witnesses import Witnesses
from tests.foreign import folder
from tests.ledger.test_witnesses import wait_until
from tests.ledger.witnessing import WitnessProcess
from tests.ledger.workbench import KEY, ORIGIN, Log, event

sys.path.insert(0, str(folder()))
from aics_tlog.checkpoint import Checkpoint, WitnessPolicy, sign_checkpoint, verify_checkpoint
from aics_tlog.cosign import cosignature_vkey
from aics_tlog.note import format_vkey, parse_vkey, vkey_from_ed25519
from aics_tlog.note import parse_note as parse_their_note
from aics_tlog.tree import MerkleTree
from aics_witness.feeder import FeederError, WitnessClient, WitnessConflict, WitnessRejected
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Theirs:
    """Their witness as a process, on a port of its own."""

    def __init__(self, place):
        place.mkdir()
        self.place = place
        with socket.socket() as trial:
            trial.bind(("127.0.0.1", 0))
            self.port = trial.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.vkey = self.run("init", "--name", "foreign.example/w1", "--listen", f"127.0.0.1:{self.port}").strip()
        self.run("add-log", "--origin", ORIGIN, "--vkey", KEY.verifier_key.format())
        self.process = subprocess.Popen(**self.command("serve"), stderr=subprocess.DEVNULL)
        wait_until(self.answers, 60)

    def command(self, *words):
        return {
            "args": [sys.executable, "-m", "aics_witness", *words],
            "cwd": self.place,
            "env": {"PYTHONPATH": str(folder()), "PATH": "/usr/bin:/bin"},
        }

    def run(self, *words):
        return subprocess.run(**self.command(*words), check=True, capture_output=True, text=True).stdout

    def answers(self):
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Town:
    """Our log with their witness."""

    def __init__(self, log, theirs):
        self.log, self.theirs, self.outsides, self.told = log, theirs, [], []

    @property
    def policy(self):
        return parse_policy(f"witness they {self.theirs.vkey} {self.theirs.url}\nquorum they\n".encode())

    def start(self):
        shelf = StoreShelf(self.log.store, lambda: self.log.now_ms)
        report = lambda event, **fields: self.told.append((event, fields))  # noqa: E731
        self.outsides.append(Witnesses(self.policy, ORIGIN, [KEY.verifier_key], shelf, report, every_seconds=0.02))
        return self.log.start(outside=self.outsides[-1])


@pytest.fixture
def town(tmp_path):
    log = Log(tmp_path)
    theirs = Theirs(tmp_path / "theirs")
    town = Town(log, theirs)
    yield town
    for outside in town.outsides:
        outside.stop(30)
    theirs.close()
    log.close()


def test_their_witness_cosigns_our_log_as_it_grows_and_their_verifier_finds_it_good(town):
    sequencer = town.start()
    for count in (1, 6, 300, 1):
        numbers = town.log.add(count)
        sequencer.round()
        size = town.log.store.newest_size()
        wait_until(lambda size=size: (town.log.store.newest_witnessed() or (0,))[0] == size)
        it = event(numbers[-1])
        receipt = LogReader(town.log.store).receipt_for(it.entry, format_extra(it))
        assert verify_receipt(receipt.encode(), KEY.verifier_key, town.policy).witnesses == ("they",)
    note = parse_their_note(LogReader(town.log.store).read_checkpoint())
    found = verify_checkpoint(
        note, parse_vkey(KEY.verifier_key.format()), policy=WitnessPolicy(1, (parse_vkey(town.theirs.vkey),))
    )
    assert found.ok and (found.size, found.witnesses) == (308, ["foreign.example/w1"])
    status = json.loads(town.theirs.run("status", "--json"))
    assert ORIGIN in json.dumps(status) and not town.told


def test_their_witness_gives_away_a_log_that_was_put_back(town, tmp_path):
    (tmp_path / "early").mkdir()
    sequencer = town.start()
    town.log.add(3)
    sequencer.round()
    wait_until(lambda: town.log.store.newest_witnessed() == (3, town.log.now_ms))
    early = Log(tmp_path / "early").grow(3)
    town.log.add(5)
    sequencer.round()
    wait_until(lambda: town.log.store.newest_witnessed() == (8, town.log.now_ms))
    town.outsides[-1].stop(30)
    late, town.log = town.log, early
    with pytest.raises(RefusedToStart, match=r"the witness they cosigned 8 entries .* only 3.*our own key signed"):
        town.start()
    early.asked.update(dict.fromkeys(range(3, 50)))
    early.grow(20)
    with pytest.raises(RefusedToStart, match="whose root is not"):
        town.start()
    early.close()
    town.log = late


# --- their log, our witness ------------------------------------------------------------------------------------------


class TheirLog:
    """A log of theirs: their tree, their notes, their key."""

    origin = "foreign.example/log"

    def __init__(self, story=b""):
        self.key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.tree = MerkleTree(
            [b"%d" % n for n in range(7)] + [story + b"%d" % n for n in range(7, 600)], level_cache_sizes=8
        )
        self.vkey = vkey_from_ed25519(self.origin, self.key.public_key())

    def note(self, size):
        return sign_checkpoint(Checkpoint(self.origin, size, self.tree.root(size)), self.key, self.origin).serialise()

    def proof(self, old, new):
        return self.tree.consistency_proof(old, new)


def test_our_witness_cosigns_their_log_and_their_client_finds_our_cosignatures_good(tmp_path):
    log, key = TheirLog(), SigningKey("witness.example/w9", bytes(range(40, 72)), ED25519_COSIGNATURE)
    witness = WitnessProcess(tmp_path / "w", VerifierKey.parse(format_vkey(log.vkey)), key=key)
    try:
        ours = key.verifier_key.format()
        assert parse_vkey(ours) == cosignature_vkey(key.name, key.verifier_key.public_key)
        with WitnessClient(witness.url, ours, max_attempts=1) as client:
            for size in (0, 1, 7, 8, 256, 300, 300, 600):
                note = log.note(size)
                lines = client.submit(note, log.proof)
                checked = verify_checkpoint(
                    parse_their_note(note + lines), log.vkey, [parse_vkey(ours)], 1, max_age_seconds=60
                )
                assert checked.ok and checked.size == size
                assert [s.name for s in parse_note((note + lines).encode()).signatures] == [log.origin, key.name]
        with WitnessClient(witness.url, ours, max_attempts=1) as stranger:  # knows no size, and learns it from our 409
            stranger.submit(log.note(600), log.proof)
            with pytest.raises(WitnessConflict) as e:
                stranger.submit(log.note(599), log.proof)
            assert e.value.known_size == 600
    finally:
        witness.end(signal.SIGKILL)


def test_our_witness_refuses_their_log_a_second_story(tmp_path):
    log, other = TheirLog(), TheirLog(b"another story ")
    witness = WitnessProcess(tmp_path / "w", VerifierKey.parse(format_vkey(log.vkey)))
    try:
        ours = SigningKey.parse(witness.key_file.read_text()).verifier_key.format()
        with WitnessClient(witness.url, ours, max_attempts=1) as client:
            client.submit(log.note(300), log.proof)
            for size in (300, 301, 600):
                with pytest.raises(FeederError) as e:
                    client.submit(other.note(size), other.proof)
                assert isinstance(e.value, WitnessRejected) and e.value.status == 422
            client.submit(log.note(301), log.proof)
    finally:
        code, errors = witness.end()
        assert code == 0 and "witness.split_view" in errors
