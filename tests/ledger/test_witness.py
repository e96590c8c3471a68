"""The witness: the conversation of another implementation, each refusal of the specification, and what it remembers."""

import os
import threading

import pytest

from ledger.base64_text import format_base64
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.cosignature import sign_cosignature, verify_cosignatures
from ledger.errors import MalformedPolicy, MalformedRequest, NotCosigned, StateError
from ledger.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_hash
from ledger.note import ED25519_COSIGNATURE, SigningKey, VerifierKey, format_note, parse_note
from ledger.witness import MAX_PROOF, Request, Witness, format_request, origin_hash, parse_request
from ledger.witness_logs import by_origin, parse_log_list
from ledger.witness_state import StateFile, begin, open_state
from tests.ledger.known import KNOWN

KEY = SigningKey("witness.example/w1", bytes(range(32, 64)), ED25519_COSIGNATURE)
LOG = SigningKey("log.example/a", bytes(range(32)))
LEAVES = [leaf_hash(bytes([n])) for n in range(64)]


class Notes:
    """A memory that can be told to fail, before or after it has written."""

    def __init__(self, **notes):
        self.notes, self.fails = notes, ""

    def load(self):
        return dict(self.notes)

    def save(self, notes):
        if self.fails == "before":
            raise OSError("disk full")
        self.notes = dict(notes)
        if self.fails == "after":
            raise OSError("the answer of the disk was lost")


def signed(size, log=LOG, root=None):
    return sign_checkpoint(Checkpoint(log.name, size, root or root_hash(LEAVES[:size])), log)


def read(nodes):
    return [root_hash(LEAVES[index << level : (index + 1) << level]) for level, index in nodes]


def asking(old, new, proof=None, note=None):
    proof = tuple(consistency_proof(old, new, read)) if proof is None else tuple(proof)
    return format_request(Request(old, proof, note or signed(new)))


def a_witness(memory=None, clock=lambda: 1_790_000_000, **parts):
    return Witness(KEY, {LOG.name: [LOG.verifier_key]}, memory or Notes(), clock, **parts)


def refusal(witness, body):
    with pytest.raises(NotCosigned) as e:
        witness.add_checkpoint(body)
    return e.value.status, e.value.size


def test_the_conversation_of_another_implementation_is_answered_word_for_word():
    conversation = KNOWN["witness_conversation"]
    log = VerifierKey.parse(conversation["log_vkey"])
    witness = Witness(KEY, {log.name: [log]}, Notes())
    for step in conversation["steps"]:
        try:
            answer, status = witness.add_checkpoint(step["body"].encode()), 200
        except NotCosigned as e:
            answer, status = (f"{e.size}\n" if e.status == 409 else ""), e.status
        assert status == step["status"], step
        if status == 409:
            assert answer == step["response"]
        if status == 200:
            note = parse_note((step["body"].partition("\n\n")[2] + answer).encode())
            assert list(verify_cosignatures(note, [KEY.verifier_key])) == [KEY.verifier_key]


def test_every_step_of_a_growing_log_is_cosigned():
    witness = a_witness()
    for old, new in [(0, 1), (1, 1), (1, 7), (7, 8), (8, 64)]:
        line = witness.add_checkpoint(asking(old, new))
        note = parse_note((signed(new) + line).encode())
        assert verify_cosignatures(note, [KEY.verifier_key]) == {KEY.verifier_key: 1_790_000_000}
        assert parse_note(witness.newest(origin_hash(LOG.name)).encode()) == note


def test_an_empty_log_is_cosigned_and_can_grow():
    witness = a_witness()
    witness.add_checkpoint(asking(0, 0))
    witness.add_checkpoint(asking(0, 5))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, b"old 3\n\n"),
        (400, b"old 03\n\n" + signed(5).encode()),
        (400, b"old 3 \n\n" + signed(5).encode()),
        (400, b"old -3\n\n" + signed(5).encode()),
        (400, b"\xff" + asking(3, 5)),
        (400, asking(3, 5).replace(b"\n5\n", b"\n05\n")),
        (400, asking(3, 5).rpartition(b"\n\n")[0] + b"\n"),
        (400, asking(3, 5, [bytes(31)])),
        (400, asking(3, 5, [bytes(32)] * (MAX_PROOF + 1))),
        (400, asking(3, 5).replace(b"old 3\n", b"old 3\nbad base64\n")),
        (400, asking(6, 6, note=signed(5))),
        (400, asking(3, 5) + b"\xe2\x80\x94 a AAAAAAAA\n" * 20_000),
        (404, asking(3, 5, note=signed(5, SigningKey("log.example/b", bytes(range(32)))))),
        (403, asking(3, 5, note=signed(5, SigningKey(LOG.name, bytes(32))))),
        (403, asking(3, 5).replace(b"\n5\n", b"\n6\n")),
        (403, asking(3, 5) + b"x"),
        (403, asking(3, 5)[:-1]),
        (403, asking(3, 5).rpartition(b"\n\n")[0] + b"\n\n"),
        (422, asking(3, 5, [])),
        (422, asking(3, 5, [*consistency_proof(3, 5, read), bytes(32)])),
        (422, asking(3, 5, [*consistency_proof(3, 5, read)[:-1], bytes(32)])),
        (422, asking(3, 3, [bytes(32)])),
        (422, asking(3, 3, note=signed(3, root=bytes(32)))),
        (422, asking(3, 5, note=signed(5, root=bytes(32)))),
    ],
)
def test_what_the_specification_refuses_is_refused_and_changes_nothing(status, body):
    witness = a_witness()
    witness.add_checkpoint(asking(0, 3))
    before = witness.newest(origin_hash(LOG.name))
    assert refusal(witness, body) == (status, None)
    assert witness.newest(origin_hash(LOG.name)) == before


@pytest.mark.parametrize("old", [0, 2, 4, 5])
def test_whoever_does_not_know_the_last_size_is_told_it(old):
    witness = a_witness()
    witness.add_checkpoint(asking(0, 3))
    assert refusal(witness, asking(old, 5)) == (409, 3)


def test_a_proof_from_nothing_has_to_be_empty():
    assert refusal(a_witness(), asking(0, 5, [bytes(32)])) == (422, None)


def test_an_empty_tree_with_another_root_is_well_formed_and_not_true():
    text = f"{LOG.name}\n0\n{format_base64(bytes(32))}\n"
    assert refusal(a_witness(), asking(0, 0, note=format_note(text, [LOG.sign(text)]))) == (422, None)
    text = f"{LOG.name}\n0\n{format_base64(bytes(31))}\n"
    assert refusal(a_witness(), asking(0, 0, note=format_note(text, [LOG.sign(text)]))) == (400, None)


def test_a_log_may_have_several_keys_and_other_signers_are_passed_over():
    second = SigningKey(LOG.name, bytes(range(1, 33)))
    witness = Witness(KEY, {LOG.name: [LOG.verifier_key, second.verifier_key]}, Notes())
    witness.add_checkpoint(asking(0, 3))
    note = signed(5, second)
    stranger = sign_cosignature(parse_note(note.encode()).text, SigningKey("x", bytes(32), ED25519_COSIGNATURE), 7)
    witness.add_checkpoint(asking(3, 5, note=note + stranger.format()))
    kept = parse_note(witness.newest(origin_hash(LOG.name)).encode())
    assert [s.name for s in kept.signatures] == [LOG.name, KEY.name]  # the stranger's is not ours to hand on
    bad = signed(6, second) + signed(7).split("\n\n")[1]
    assert refusal(witness, asking(5, 6, note=bad)) == (403, None)


def test_logs_do_not_mix():
    other = SigningKey("log.example/b", bytes(range(5, 37)))
    witness = Witness(KEY, {log.name: [log.verifier_key] for log in (LOG, other)}, Notes())
    witness.add_checkpoint(asking(0, 3))
    witness.add_checkpoint(asking(0, 5, note=signed(5, other)))
    assert refusal(witness, asking(5, 6)) == (409, 3)
    assert witness.newest(origin_hash("log.example/c")) is witness.newest("") is None


def test_the_times_of_a_log_do_not_go_back_with_the_clock():
    now = [500]
    witness = a_witness(clock=lambda: now[0])
    times = []
    for old, new, at in [(0, 1, 500), (1, 2, 20), (2, 3, -5), (3, 4, 501.9)]:
        now[0] = at
        note = parse_note((signed(new) + witness.add_checkpoint(asking(old, new))).encode())
        times += verify_cosignatures(note, [KEY.verifier_key]).values()
    assert times == [500, 500, 500, 501]
    assert a_witness(clock=lambda: 0).add_checkpoint(asking(0, 1)), "no time is zero, which would mean something else"


def test_two_trees_of_one_size_are_told_with_both_signatures():
    told = []
    witness = a_witness(report=lambda event, **fields: told.append((event, fields)))
    witness.add_checkpoint(asking(0, 3))
    fork = signed(3, root=bytes(32))
    assert refusal(witness, asking(0, 3, note=fork)) == (409, 3)
    [(event, fields)] = told
    assert event == "witness.split_view" and fields["new_note"] == fork and signed(3) in fields["old_note"]


@pytest.mark.parametrize("fails", ["before", "after"])
def test_a_write_that_fails_leaves_no_cosignature_and_ends_the_witness(fails):
    memory = Notes()
    witness = a_witness(memory)
    witness.add_checkpoint(asking(0, 3))
    memory.fails = fails
    with pytest.raises(OSError):
        witness.add_checkpoint(asking(3, 5))
    memory.fails = ""
    assert refusal(witness, asking(3, 6)) == (500, None)
    assert witness.newest(origin_hash(LOG.name)) is None, "what is on disk is unknown, so nothing is shown"
    size = {"before": 3, "after": 5}[fails]
    assert refusal(a_witness(memory), asking(0, 9)) == (409, size)


def test_of_many_at_once_one_is_cosigned_and_the_others_hear_the_new_size():
    witness = a_witness()
    witness.add_checkpoint(asking(0, 3))
    answers, start = [], threading.Barrier(8)

    def add(new):
        start.wait()
        try:
            answers.append(witness.add_checkpoint(asking(3, new)))
        except NotCosigned as e:
            answers.append((e.status, e.size))

    threads = [threading.Thread(target=add, args=(new,)) for new in range(10, 18)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    lines = [a for a in answers if isinstance(a, str)]
    assert len(lines) == 1
    kept = parse_note(witness.newest(origin_hash(LOG.name)).encode())
    assert {a for a in answers if not isinstance(a, str)} == {(409, int(kept.text.split("\n")[1]))}


def test_requests_are_written_as_they_are_read():
    request = Request(3, tuple(consistency_proof(3, 5, read)), signed(5))
    assert parse_request(format_request(request)) == request
    with pytest.raises(MalformedRequest):
        parse_request(b"old 3\n" + signed(5).encode().replace(b"\n\n", b"\n"))


# --- what it remembers -----------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path):
    path, key_file = tmp_path / "state", tmp_path / "w.key"
    key_file.write_text(KEY.format())
    begin(path, KEY.verifier_key, key_file)
    return path


def test_a_witness_goes_on_where_it_was(state):
    with open_state(state, KEY.verifier_key) as memory:
        witness = a_witness(memory, clock=lambda: 1_790_000_000)
        witness.add_checkpoint(asking(0, 3))
        note = witness.newest(origin_hash(LOG.name))
    with open_state(state, KEY.verifier_key) as memory:
        witness = a_witness(memory, clock=lambda: 5)
        assert witness.newest(origin_hash(LOG.name)) == note
        assert refusal(witness, asking(0, 5)) == (409, 3)
        line = witness.add_checkpoint(asking(3, 5))
        assert "1790000000" not in line
        assert verify_cosignatures(parse_note((signed(5) + line).encode()), [KEY.verifier_key]).popitem()[1] == (
            1_790_000_000
        )


def test_two_witnesses_do_not_share_a_state(state):
    with (
        open_state(state, KEY.verifier_key),
        pytest.raises(StateError, match="another witness"),
        open_state(state, KEY.verifier_key),
    ):
        pass


def test_a_lost_state_is_not_made_anew_by_the_way(state):
    state.unlink()
    with pytest.raises(StateError, match="retire it"), open_state(state, KEY.verifier_key):
        pass
    assert not state.exists()


def test_a_key_begins_once(state, tmp_path):
    with pytest.raises(StateError, match="stays as it is"):
        begin(state, KEY.verifier_key, tmp_path / "w.key")
    state.unlink()
    with pytest.raises(StateError, match="has had a state before"):
        begin(state, KEY.verifier_key, tmp_path / "w.key")
    assert not state.exists()


def test_the_state_of_another_key_is_refused(state):
    other = SigningKey(KEY.name, bytes(32), ED25519_COSIGNATURE).verifier_key
    with pytest.raises(StateError, match="another witness"), open_state(state, other):
        pass


def test_a_changed_byte_of_the_state_is_noticed(state):
    with open_state(state, KEY.verifier_key) as memory:
        a_witness(memory).add_checkpoint(asking(0, 3))
    whole = state.read_bytes()
    text = signed(3).split("\n\n")[0].encode().replace(b"\n", b"\\n")
    start = whole.index(text)
    for place in [*range(start), *range(start, start + len(text), 3), len(whole) - 3, len(whole) - 1]:
        state.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(StateError):
            a_witness(StateFile(state, KEY.verifier_key))
    for size in (0, 10, len(whole) - 1):
        os.truncate(state, size)
        with pytest.raises(StateError):
            StateFile(state, KEY.verifier_key).load()


# --- which logs ------------------------------------------------------------------------------------------------------


def test_a_list_of_logs_is_read():
    second = SigningKey(LOG.name, bytes(range(1, 33))).verifier_key
    other = SigningKey("log.example/b", bytes(range(5, 37))).verifier_key
    text = (
        f"# a comment\nlogs/v0\n\nvkey {LOG.verifier_key.format()}\nqpd 86400\ncontact a@example.com\n"
        f"vkey {other.format()}\norigin go.sum database tree\nvkey ml-dsa+01020304+BgAA\norigin x\n"
        f"vkey {second.format()}\nvkey {second.format()}\n"
    )
    logs = by_origin(parse_log_list(text.encode()))
    assert logs == {LOG.name: [LOG.verifier_key, second], "go.sum database tree": [other]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "vkey x\n",
        "logs/v1\n",
        "logs/v0\norigin a\n",
        "logs/v0\nvkey nonsense\n",
        f"logs/v0\nvkey {KEY.verifier_key.format()}\n",
        f"logs/v0\nvkey {LOG.verifier_key.format()}\nmore x\n",
        "logs/v0\n\udcff",
    ],
)
def test_what_is_no_list_of_logs_is_refused_by_its_line(text):
    with pytest.raises(MalformedPolicy):
        parse_log_list(text.encode("utf-8", "surrogateescape"))


def test_an_empty_tree_has_the_empty_root():
    assert parse_note(signed(0).encode()).text.split("\n")[2] == format_base64(EMPTY_ROOT)
