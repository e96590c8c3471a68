"""The sequencer and its witnesses: cosigned once a second, held up by nobody, stopped by one that saw more."""

import json
import shutil
import signal
import threading
import time
from contextlib import contextmanager

import pytest

from ledger.errors import NotCosigned, RefusedToStart, WitnessAway
from ledger.note import ED25519_COSIGNATURE, SigningKey, parse_note
from ledger.policy import parse_policy
from ledger.reader import LogReader
from ledger.receipt import format_extra, verify_receipt
from ledger.stores.cosigned import StoreShelf
from ledger.witness import Request
from ledger.witness_client import WitnessClient
from ledger.witnesses import Witnesses
from tests.ledger.test_sequencer_process import Process
from tests.ledger.test_witness import Notes
from tests.ledger.witnessing import WitnessProcess, WitnessThread
from tests.ledger.workbench import KEY, ORIGIN, Log, event

KEYS = [SigningKey(f"witness.example/w{n}", bytes([n]) * 32, ED25519_COSIGNATURE) for n in range(1, 4)]


def wait_until(condition, timeout_seconds=90.0):
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Town:
    """Three witnesses and the log they watch. What is reported is in `told`."""

    def __init__(self, folder, kind="sql"):
        self.log = Log(folder, kind)
        self.memories = [Notes() for _ in KEYS]
        self.served = [WitnessThread([KEY.verifier_key], m, k) for m, k in zip(self.memories, KEYS, strict=True)]
        self.told, self.outsides = [], []

    def policy(self, quorum="group q 2 a b c\nquorum q", urls=None):
        urls = urls or [served.url for served in self.served]
        lines = [
            f"witness {name} {key.verifier_key.format()} {url}"
            for name, key, url in zip("abc", KEYS, urls, strict=False)
        ]
        return parse_policy(("\n".join(lines) + f"\n{quorum}\n").encode())

    def outside(self, policy=None, **parts):
        shelf = StoreShelf(self.log.store, lambda: self.log.now_ms)
        parts = {"every_seconds": 0.02, "longest_pause_seconds": 0.2} | parts
        self.outsides.append(
            Witnesses(policy or self.policy(), ORIGIN, [KEY.verifier_key], shelf, self.report, **parts)
        )
        return self.outsides[-1]

    def start(self, policy=None, **parts):
        return self.log.start(outside=self.outside(policy, **parts))

    def report(self, event, **fields):
        self.told.append((event, fields.get("witness")))

    def close(self):
        for outside in self.outsides:
            outside.stop(30)
        for served in self.served:
            served.close()
        self.log.close()


@pytest.fixture
def town(tmp_path):
    town = Town(tmp_path)
    yield town
    town.close()


@pytest.fixture(autouse=True)
def heard_before_the_start(monkeypatch):
    """However loaded the machine: a witness that is there is heard. Who tests one that is away has less patience."""
    monkeypatch.setattr("ledger.witnesses.START_SECONDS", 60.0)


def witnessed_size(town):
    found = town.log.store.newest_witnessed()
    return -1 if found is None else found[0]


def grow(town, sequencer, count=1):
    numbers = town.log.add(count)
    assert sequencer.round() == count
    return numbers


def test_what_is_sealed_is_soon_witnessed_and_the_receipt_shows_the_quorum(town):
    sequencer = town.start()
    [number] = grow(town, sequencer)
    wait_until(lambda: witnessed_size(town) == 1)
    reader, it = LogReader(town.log.store), event(number)
    receipt, state = reader.receipt_with_state(it.entry, format_extra(it))
    verified = verify_receipt(receipt.encode(), KEY.verifier_key, town.policy())
    assert state == verified.state == "witnessed" and len(verified.witnesses) >= 2
    assert reader.states([it.entry, event(99).entry]) == ["witnessed", "pending"]
    wait_until(lambda: len(parse_note(reader.read_checkpoint().encode()).signatures) == 4)
    assert reader.newest_witnessed().size == 1


def test_a_receipt_keeps_the_newest_witnessed_checkpoint_that_covers_it_and_says_when_there_is_none_yet(town):
    sequencer = town.start()
    first = grow(town, sequencer, 3)
    wait_until(lambda: witnessed_size(town) == 3)
    for outside in town.outsides:
        outside.stop(30)
    later = grow(town, sequencer, 2)
    reader = LogReader(town.log.store)
    for number, state, size in [(first[0], "witnessed", 3), (later[0], "sealed", 5)]:
        it = event(number)
        receipt, found = reader.receipt_with_state(it.entry, format_extra(it))
        assert found == state == reader.states([it.entry])[0]
        assert verify_receipt(receipt.encode(), KEY.verifier_key).size == size
    assert len(parse_note(reader.read_checkpoint().encode()).signatures) == 1, "the newest sealed one has none yet"


def test_under_load_the_quorum_meets_under_one_checkpoint_whatever_the_speed_of_each(town, monkeypatch):
    real, pauses = WitnessClient.add_checkpoint, {"witness.example/w1": 0.0, "witness.example/w2": 0.07}

    def slowly(client, request):
        time.sleep(pauses.get(client.key.name, 0.11))
        return real(client, request)

    monkeypatch.setattr(WitnessClient, "add_checkpoint", slowly)
    sequencer = town.start(town.policy("group q all a b c\nquorum q"))
    seen = set()
    deadline = time.monotonic() + 60
    while len(seen) < 4:
        grow(town, sequencer)
        seen.add(witnessed_size(town))
        assert time.monotonic() < deadline
        time.sleep(0.005)
    size = max(seen)
    assert len(town.log.store.cosignatures_at(size)) == 3


def test_a_round_does_not_wait_for_a_witness_that_hangs(town, monkeypatch):
    hang = threading.Event()
    real = WitnessClient.add_checkpoint

    def hanging(client, request):
        if client.key.name == "witness.example/w3":
            hang.wait(60)
        return real(client, request)

    monkeypatch.setattr(WitnessClient, "add_checkpoint", hanging)
    monkeypatch.setattr("ledger.witnesses.START_SECONDS", 0.2)
    monkeypatch.setattr("ledger.witnesses.PATIENCE_SECONDS", 0.1)
    sequencer = town.start()
    for count in range(1, 4):
        grow(town, sequencer)
        wait_until(lambda count=count: witnessed_size(town) == count)
    hang.set()
    wait_until(lambda: len(town.log.store.cosignatures_at(3)) == 3)


def test_a_witness_that_is_down_costs_one_line_and_comes_back_with_one(town, monkeypatch):
    monkeypatch.setattr("ledger.witnesses.START_SECONDS", 0.2)
    policy = town.policy()
    port = town.served[2].port
    town.served[2].close()
    sequencer = town.start(policy)
    grow(town, sequencer)
    wait_until(lambda: witnessed_size(town) == 1)
    wait_until(lambda: ("witness.away", "c") in town.told)
    town.served[2] = WitnessThread([KEY.verifier_key], town.memories[2], KEYS[2], port)
    wait_until(lambda: ("witness.back", "c") in town.told)
    wait_until(lambda: len(town.log.store.cosignatures_at(1)) == 3)
    assert town.told.count(("witness.away", "c")) == town.told.count(("witness.back", "c")) == 1


def test_a_witness_that_does_not_know_this_log_is_told_of_once_and_left_alone(town):
    town.served[2].witness._logs = {}
    sequencer = town.start()
    grow(town, sequencer)
    wait_until(lambda: witnessed_size(town) == 1)
    grow(town, sequencer)
    wait_until(lambda: witnessed_size(town) == 2)
    assert town.told.count(("witness.refuses", "c")) == 1


@pytest.mark.parametrize("answer", [b"", b"no\n", "— witness.example/w3 AAAAAAAA\n".encode(), b"\xff", b"x" * 70_000])
def test_an_answer_that_is_no_cosignature_is_no_cosignature(town, monkeypatch, answer):
    real = WitnessClient._ask_once

    def lying(client, method, path, body):
        if client.key.name == "witness.example/w3" and method == "POST":
            return 200, answer
        return real(client, method, path, body)

    monkeypatch.setattr(WitnessClient, "_ask_once", lying)
    sequencer = town.start()
    grow(town, sequencer)
    wait_until(lambda: witnessed_size(town) == 1 and ("witness.refuses", "c") in town.told)
    assert len(town.log.store.cosignatures_at(1)) == 2


def test_a_sequencer_that_starts_again_goes_on_with_witnesses_that_know_the_log(town):
    sequencer = town.start()
    grow(town, sequencer, 5)
    wait_until(lambda: len(town.log.store.cosignatures_at(5)) == 3)
    town.outsides[-1].stop(30)
    sequencer = town.start()
    grow(town, sequencer, 2)
    wait_until(lambda: witnessed_size(town) == 7)
    assert not [event for event, _ in town.told if event != "witness.back"]


def test_a_cosignature_whose_answer_was_lost_is_asked_for_again(town, monkeypatch):
    real, lost = WitnessClient.add_checkpoint, []

    def losing(client, request):
        found = real(client, request)
        if request.old_size == 0 == len(lost) and request.checkpoint.split("\n")[1] == "1":
            lost.append(client.key.name)
            raise WitnessAway("the answer was lost")
        return found

    monkeypatch.setattr(WitnessClient, "add_checkpoint", losing)
    sequencer = town.start(town.policy("group q all a b c\nquorum q"))
    grow(town, sequencer)
    wait_until(lambda: witnessed_size(town) == 1)
    assert lost


def test_a_witness_that_forgot_what_it_cosigned_is_told_of(town):
    sequencer = town.start()
    grow(town, sequencer, 4)
    wait_until(lambda: len(town.log.store.cosignatures_at(4)) == 3)
    town.outsides[-1].stop(30)
    port = town.served[2].port
    town.served[2].close()
    town.served[2] = WitnessThread([KEY.verifier_key], Notes(), KEYS[2], port)
    sequencer = town.start()
    assert town.told == [("witness.forgot", "c")]
    grow(town, sequencer)
    wait_until(lambda: len(town.log.store.cosignatures_at(5)) == 3)


# --- rolled back -----------------------------------------------------------------------------------------------------


@contextmanager
def rolled_back(town, folder):
    """Put back database and head as they were at three entries, after the witnesses saw eight."""
    sequencer = town.start()
    grow(town, sequencer, 3)
    wait_until(lambda: len(town.log.store.cosignatures_at(3)) == 3)
    early = Log(folder)  # the same three events under the same key: byte for byte the same tree
    early.grow(3)
    grow(town, sequencer, 5)
    wait_until(lambda: len(town.log.store.cosignatures_at(8)) == 3)
    town.outsides[-1].stop(30)
    late, town.log = town.log, early
    try:
        yield early
    finally:
        town.log = late
        early.close()


def test_a_log_that_was_put_back_with_its_head_does_not_start_and_says_what_to_do(town, tmp_path):
    (tmp_path / "early").mkdir()
    with rolled_back(town, tmp_path / "early") as early:
        signed_before = len(early.key.signed)
        early.add(1)
        with pytest.raises(RefusedToStart, match=r"cosigned 8 entries of this log, here are only 3.*our own key") as e:
            town.start()
        assert "heal" in e.value.way_out and len(early.key.signed) == signed_before


def test_a_log_that_was_put_back_and_has_grown_past_its_witnesses_does_not_start(town, tmp_path):
    (tmp_path / "early").mkdir()
    with rolled_back(town, tmp_path / "early") as early:
        early.asked.update(dict.fromkeys(range(3, 50)))  # other events than those that were there
        early.grow(20)
        signed_before = len(early.key.signed)
        with pytest.raises(RefusedToStart, match=r"8 entries, signed by our own key, whose root is not"):
            town.start()
        assert len(early.key.signed) == signed_before


def test_a_rollback_found_out_while_running_stops_the_next_round(town, tmp_path, monkeypatch):
    monkeypatch.setattr("ledger.witnesses.START_SECONDS", 0.1)
    (tmp_path / "early").mkdir()
    with rolled_back(town, tmp_path / "early") as early:
        policy, ports = town.policy(), [served.port for served in town.served]
        for served in town.served:  # nobody can be reached when it starts
            served.close()
        sequencer = town.start(policy)
        early.add(1)
        assert sequencer.round() == 1, "an unreachable witness does not hold up the start"
        town.served[0] = WitnessThread([KEY.verifier_key], town.memories[0], KEYS[0], ports[0])
        wait_until(lambda: town.outsides[-1]._trouble)
        early.add(1)
        with pytest.raises(RefusedToStart, match="8 entries"):
            sequencer.round()


def test_an_emptied_log_does_not_begin_anew_under_its_old_name(town, tmp_path):
    sequencer = town.start()
    grow(town, sequencer, 2)
    wait_until(lambda: len(town.log.store.cosignatures_at(2)) == 3)
    town.outsides[-1].stop(30)
    (tmp_path / "new").mkdir()
    late, town.log = town.log, Log(tmp_path / "new")
    with pytest.raises(RefusedToStart, match="cosigned 2 entries of this log, here are only 0"):
        town.start()
    assert {checkpoint.size for checkpoint in town.log.key.signed} <= {0}
    town.log.close()
    town.log = late


def test_a_witness_that_claims_more_than_anybody_signed_stops_the_log_too_and_is_named(town, monkeypatch):
    """The witness may lie; only the operator can tell, and until then nothing is signed. The threat model says so."""

    def lie(body):
        raise NotCosigned(409, "", 99)

    monkeypatch.setattr(town.served[0].witness, "add_checkpoint", lie)
    with pytest.raises(RefusedToStart, match=r"the witness a cosigned 99 entries of this log, here are only 0") as e:
        town.start()
    assert "our own key" not in str(e.value) and "WITNESS_POLICY" in e.value.way_out


# --- one client, one witness -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["ftp://a", "a", "http://", "http://a?b", "http://u:p@a", "http://a:x"])
def test_what_is_no_address_is_no_witness(url):
    with pytest.raises(ValueError):
        WitnessClient(KEYS[0].verifier_key, url)


def test_a_prefix_belongs_to_the_address(town):
    client = WitnessClient(KEYS[0].verifier_key, town.served[0].url + "/witness/")
    with pytest.raises(NotCosigned) as e:
        client.add_checkpoint(Request(0, (), "x"))
    assert e.value.status == 404
    assert client.newest(ORIGIN) is None
    client.close()


def test_one_connection_serves_all_and_is_opened_again_when_the_witness_closed_it(town):
    log = town.log.grow(2)
    client = WitnessClient(KEYS[0].verifier_key, town.served[0].url)
    client.add_checkpoint(Request(0, (), log.store.newest_checkpoint()))
    connection = client._connection
    assert client.newest(ORIGIN).startswith(ORIGIN) and client._connection is connection
    with pytest.raises(NotCosigned) as e:
        client.add_checkpoint(Request(0, (), log.store.newest_checkpoint()))
    assert e.value.size == 2 and client._connection is connection
    connection.sock.close()
    assert client.newest(ORIGIN).startswith(ORIGIN) and client._connection is not connection
    client.close()


def test_quorum_none_marks_nothing_as_witnessed(town):
    sequencer = town.start(town.policy("quorum none"))
    grow(town, sequencer)
    wait_until(lambda: len(town.log.store.cosignatures_at(1)) == 3)
    assert town.log.store.newest_witnessed() is None


# --- the real processes ----------------------------------------------------------------------------------------------


def test_the_sequencer_and_a_witness_as_processes_and_a_rollback_that_ends_the_first(tmp_path):
    """From the first event to a receipt that asks for its witness; then database and head come back from a copy."""
    for name in ("log", "copy"):
        (tmp_path / name).mkdir()
    log = Log(tmp_path / "log")
    (log.folder / "key").write_text(KEY.format())
    witness = WitnessProcess(tmp_path / "w", KEY.verifier_key, key=KEYS[0])
    policy = f"log {KEY.verifier_key.format()}\nwitness a {KEYS[0].verifier_key.format()} {witness.url}\nquorum a\n"
    (log.folder / "policy").write_text(policy)
    settings = {"WITNESS_POLICY": str(log.folder / "policy")}
    sequencer = Process(log, **settings)
    try:
        log.add(2)
        wait_until(lambda: (log.store.newest_witnessed() or (0, 0))[0] == 2)
        assert sequencer.end()[0] == 0
        log.engine.dispose()
        copied = ["hospital.db", "hospital.db-wal", "hospital.db-shm", "head"]
        for name in copied:
            if (log.folder / name).exists():
                shutil.copy(log.folder / name, tmp_path / "copy" / name)
        sequencer = Process(log, **settings)
        log.add(3)
        wait_until(lambda: (log.store.newest_witnessed() or (0, 0))[0] == 5)
        it = event(4)
        receipt = LogReader(log.store).receipt_for(it.entry, format_extra(it))
        assert verify_receipt(receipt.encode(), KEY.verifier_key, parse_policy(policy.encode())).witnesses == ("a",)
        assert sequencer.end()[0] == 0

        log.engine.dispose()
        for name in copied:
            (log.folder / name).unlink(missing_ok=True)
            if (tmp_path / "copy" / name).exists():
                shutil.copy(tmp_path / "copy" / name, log.folder / name)
        sequencer = Process(log, **settings)
        code, lines = sequencer.result()
        told = json.loads(lines[-1])
        assert (code, told["event"]) == (3, "sequencer.refused")
        assert "cosigned 5 entries of this log, here are only 2" in told["why"] and "heal" in told["way_out"]
    finally:
        sequencer.process.kill()
        sequencer.process.communicate()
        witness.end(signal.SIGKILL)
        log.close()


@pytest.mark.parametrize("policy", ["nonsense\n", "quorum none", f"log {KEYS[0].verifier_key.format()}\nquorum none\n"])
def test_a_policy_that_makes_no_sense_is_told_and_nothing_is_signed(tmp_path, policy):
    log = Log(tmp_path)
    (tmp_path / "key").write_text(KEY.format())
    (tmp_path / "policy").write_text(policy)
    code, lines = Process(log, WITNESS_POLICY=str(tmp_path / "policy")).result()
    assert code == 2 and "cannot be used" in lines[-1] and log.store.newest_size() is None
    log.close()
