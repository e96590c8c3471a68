"""The witness as a service: what stands on the wire, two on one state, killed between looking and writing."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import closing, suppress

import pytest

from ledger.base64_text import parse_base64
from ledger.checkpoint import parse_checkpoint
from ledger.cosignature import verify_cosignatures
from ledger.merkle import consistency_proof, leaf_hash, root_hash, verify_consistency
from ledger.note import VerifierKey, parse_note
from ledger.witness import MAX_REQUEST_BYTES, Request, format_request, origin_hash
from tests.ledger.known import KNOWN
from tests.ledger.test_witness import LOG, Notes, asking, signed
from tests.ledger.witnessing import KEY, WitnessProcess, WitnessThread, ask


@pytest.fixture
def run(tmp_path):
    processes = []

    def start(*logs, **parts):
        processes.append(WitnessProcess(tmp_path / "w", *(logs or [LOG.verifier_key]), **parts))
        return processes[-1]

    yield start
    for process in processes:
        process.process.kill()
        process.process.communicate()


def test_the_conversation_of_another_implementation_over_http(run):
    conversation = KNOWN["witness_conversation"]
    log = VerifierKey.parse(conversation["log_vkey"])
    witness = run(log)
    for step in conversation["steps"]:
        status, kind, answer = witness.ask(step["body"].encode())
        assert status == step["status"]
        if status == 409:
            assert (kind, answer) == (step["content_type"], step["response"])
        if status == 200:
            note = parse_note((step["body"].partition("\n\n")[2] + answer).encode())
            assert set(verify_cosignatures(note, [KEY.verifier_key])) == {KEY.verifier_key}
    status, kind, note = witness.ask(None, f"/{origin_hash(log.name)}/checkpoint", "GET")
    assert (status, kind) == (200, "text/plain; charset=utf-8") and parse_note(note.encode()).text.split("\n")[1] == "5"
    code, errors = witness.end()
    assert code == 0 and json.loads(errors)["event"] == "witness.stopped"


def test_what_is_no_request_gets_a_status_and_costs_little(run):
    witness = run()
    assert witness.ask(asking(0, 3), "/other")[0] == 404
    assert witness.ask(b"", "/add-checkpoint", "POST")[0] == 400
    assert witness.ask(None, "/", "GET")[0] == witness.ask(None, f"/{'0' * 64}/checkpoint", "GET")[0] == 404
    assert witness.ask(None, "/x", "DELETE")[0] == 501
    assert witness.ask(asking(0, 3), Content_Length=str(MAX_REQUEST_BYTES + 1))[0] == 413
    assert witness.ask(asking(0, 3), Content_Length="1_0")[0] == 411
    with socket.create_connection(("127.0.0.1", witness.port), 90) as raw:  # half a body, then nothing more
        raw.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\nold 0\n")
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")
    assert witness.ask(asking(0, 3))[0] == 200, "and all of that changed nothing"


@pytest.mark.parametrize(
    "headers",
    [
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: %d\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: %d\r\nContent-Length: 0\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\nX: %d\r\n\r\n",
        b"POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding : chunked\r\nContent-Length: 0\r\nX: %d\r\n\r\n",
        b"GET /add-checkpoint HTTP/1.1\r\nContent-Length: %d\r\n\r\n",
        b"GET /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: %d\r\n\r\n",
    ],
)
def test_a_body_whose_length_two_readers_could_disagree_about_is_never_read_as_a_request(headers):
    """A proxy before the witness reads another length than it does, and hands a stranger's body on as a request."""
    with closing(WitnessThread([LOG.verifier_key], Notes())) as witness:
        hidden = asking(0, 3)
        inner = b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden
        answers = b""
        with socket.create_connection(("127.0.0.1", witness.port), 90) as raw:
            raw.sendall(headers % len(inner) + inner)
            raw.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):  # hung up on with something unread
                while part := raw.recv(65536):
                    answers += part
        assert answers.count(b"HTTP/1.1 ") <= 1 and b" 200 " not in answers
        assert witness.witness.newest(origin_hash(LOG.name)) is None


def test_one_connection_serves_many_requests(run):
    connection = http.client.HTTPConnection("127.0.0.1", run().port, timeout=90)
    statuses, ports = [], set()
    for old, new in [(0, 1), (1, 5), (5, 9), (5, 9)]:
        connection.request("POST", "/add-checkpoint", asking(old, new))
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert statuses == [200, 200, 200, 409] and len(ports) == 1


def test_a_second_witness_on_one_state_refuses_and_says_why(run):
    first = run()
    second = run()
    code, _ = second.result()
    assert code == 3 and "another witness is running" in second.first
    assert first.ask(asking(0, 3))[0] == 200


def test_a_witness_whose_state_is_lost_does_not_start_again(run):
    first = run()
    first.ask(asking(0, 3))
    first.end()
    first.state.unlink()
    second = run()
    assert second.result()[0] == 3 and "retire it" in second.first
    new = subprocess.run([sys.executable, "-m", "ledger", *first.arguments, "--new"], capture_output=True, text=True)
    assert new.returncode == 3 and "has had a state before" in new.stderr and not first.state.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--key", "none", "--state", "s", "--log", LOG.verifier_key.format()],
        ["--key", "log", "--state", "s", "--log", LOG.verifier_key.format()],
        ["--key", "key", "--state", "s"],
        ["--key", "key", "--state", "s", "--log", KEY.verifier_key.format()],
        ["--key", "key", "--state", "s", "--log-list", "key"],
        ["--key", "key", "--state", "s", "--log", LOG.verifier_key.format(), "--listen", "8100"],
        ["--key", "key", "--state", "s", "--log", LOG.verifier_key.format(), "--listen", "127.0.0.1:99999"],
    ],
)
def test_settings_that_make_no_sense_are_told(tmp_path, monkeypatch, capsys, arguments):
    from ledger.__main__ import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text(KEY.format())
    (tmp_path / "log").write_text(LOG.format())
    assert main(["witness", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.strip() and "Traceback" not in told and "PRIVATE" not in told


# --- killed ----------------------------------------------------------------------------------------------------------

# Of the calls that write the state down, the one before which the process is killed. Loading calls none of them.
STEPS = {
    "before it writes": ("os.write", 1),
    "before the bytes are on disk": ("os.fsync", 1),
    "before the file has its name": ("pathlib.Path.rename", 1),
    "before the name is on disk": ("os.fsync", 2),
    "before it answers": ("ledger.witness_server._Handler._answer", 1),
}

KILL = """
import os, pathlib, signal, {module}
calls, old = [], {function}
def killing(*arguments, **named):
    calls.append(1)
    if len(calls) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    return old(*arguments, **named)
{function} = killing
"""


def forked(size, number):
    """Return the leaves of a tree that parts from the others after three entries."""
    return [leaf_hash(bytes([n])) for n in range(3)] + [leaf_hash(b"fork %d %d" % (number, n)) for n in range(size - 3)]


def of_fork(size, number, old):
    leaves = forked(size, number)

    def read(nodes):
        return [root_hash(leaves[index << level : (index + 1) << level]) for level, index in nodes]

    note = signed(size, root=root_hash(leaves))
    return note, format_request(Request(old, tuple(consistency_proof(old, size, read)), note))


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_looking_and_writing_it_never_cosigns_two_stories(run, step):
    function, number = STEPS[step]
    witness = run()
    assert witness.ask(asking(0, 3))[0] == 200
    witness.end()

    module = function.rsplit(".", 2)[0] if function.startswith("ledger") else "ledger"
    dying = run(prelude=KILL.format(module=module, function=function, number=number))
    cosigned = []
    note, body = of_fork(5, 1, old=3)
    try:
        status, _, line = dying.ask(body)
        cosigned += [note + line] if status == 200 else []
    except (http.client.RemoteDisconnected, ConnectionResetError):
        pass
    assert dying.result()[0] == -signal.SIGKILL and not cosigned

    again = run()
    for number in (2, 1):  # the other story first: that is what a log that cheats would try
        note, body = of_fork(6, number, old=3)
        status, _, answer = again.ask(body)
        if status == 409:  # it had written the first story down, and holds to it though nobody got its signature
            assert answer in ("5\n", "6\n")
            note, body = of_fork(6, number, old=int(answer))
            status, _, answer = again.ask(body)
        cosigned += [note + answer] if status == 200 else []
    assert len(cosigned) == 1
    trees = [parse_checkpoint(parse_note(n.encode()).text) for n in (*cosigned, signed(3))]
    assert trees[0].size == 6 and trees[1].size == 3
    story = next(number for number in (1, 2) if root_hash(forked(6, number)) == trees[0].root)
    if step in ("before the name is on disk", "before it answers"):
        assert story == 1, "what was on disk binds, whoever heard of it"
    else:
        assert story == 2


def test_a_disk_that_refuses_ends_it_without_a_cosignature(run):
    first = run()
    first.ask(asking(0, 3))
    first.end()
    prelude = "import os\ndef fail(handle):\n    raise OSError(5, 'Input/output error')\nos.fsync = fail"
    broken = run(prelude=prelude)
    assert broken.ask(asking(3, 5))[0] == 500
    code, errors = broken.result()
    assert code == 1 and json.loads(errors.splitlines()[-1])["event"] == "witness.failed"


def test_of_many_stories_offered_at_once_one_is_cosigned():
    served = WitnessThread([LOG.verifier_key], Notes())
    try:
        assert ask(served.port, asking(0, 3))[0] == 200
        answers, start = [], threading.Barrier(6)

        def offer(number):
            note, body = of_fork(4 + number, number, old=3)
            start.wait()
            answers.append((note, *ask(served.port, body)))

        threads = [threading.Thread(target=offer, args=(number,)) for number in range(1, 7)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        cosigned = [note for note, status, _, _ in answers if status == 200]
        assert len(cosigned) == 1
        size = parse_checkpoint(parse_note(cosigned[0].encode()).text).size
        assert {(s, k, a) for _, s, k, a in answers if s != 200} == {(409, "text/x.tlog.size", f"{size}\n")}
    finally:
        served.close()


def test_the_forks_of_these_tests_are_forks():
    note, body = of_fork(6, 1, old=3)
    other, _ = of_fork(6, 2, old=3)
    assert note != other
    proof = [parse_base64(line) for line in body.decode().split("\n\n")[0].split("\n")[1:]]
    leaves = [leaf_hash(bytes([n])) for n in range(3)]
    verify_consistency(3, root_hash(leaves), 6, root_hash(forked(6, 1)), proof)
