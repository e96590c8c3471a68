"""Checkpoints: what they say, and every second spelling refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.base64_text import format_base64, parse_base64
from ledger.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    format_checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from ledger.errors import LedgerError, MalformedCheckpoint, MalformedNote, VerificationError
from ledger.merkle import EMPTY_ROOT, leaf_hash, verify_consistency
from ledger.note import SigningKey, VerifierKey
from tests.ledger.corruption import flips
from tests.ledger.known import KNOWN

LOG = SigningKey("log.example/one", bytes(32))
ROOT = leaf_hash(b"")
CHECKPOINT = Checkpoint("log.example/one", 1, ROOT)
TEXT = f"log.example/one\n1\n{format_base64(ROOT)}\n"

GO_SUM = KNOWN["signed_note"][2]
CONVERSATION = KNOWN["witness_conversation"]


def test_a_checkpoint_is_three_lines():
    assert format_checkpoint(CHECKPOINT) == TEXT
    assert parse_checkpoint(TEXT) == CHECKPOINT


def test_a_signed_checkpoint_opens_with_the_key_of_its_log():
    assert open_checkpoint(sign_checkpoint(CHECKPOINT, LOG).encode(), LOG.verifier_key) == CHECKPOINT


def test_the_checkpoint_of_the_go_checksum_database_opens_under_its_own_origin():
    note = f"{GO_SUM['text']}\n{GO_SUM['signature_line']}".encode()
    key = VerifierKey.parse(GO_SUM["vkey"])

    assert open_checkpoint(note, key, origin="go.sum database tree").size == 35225469
    with pytest.raises(VerificationError) as refused:
        open_checkpoint(note, key)
    assert refused.value.step == "origin"


def test_another_logs_key_opens_nothing():
    other = SigningKey(LOG.name, bytes([1]) * 32)
    with pytest.raises(VerificationError) as refused:
        open_checkpoint(sign_checkpoint(CHECKPOINT, LOG).encode(), other.verifier_key)
    assert refused.value.step == "signature"


def test_a_log_that_signs_another_logs_checkpoint_is_refused():
    theirs = Checkpoint("log.example/two", 1, ROOT)
    with pytest.raises(VerificationError) as refused:
        open_checkpoint(sign_checkpoint(theirs, LOG).encode(), LOG.verifier_key)
    assert refused.value.step == "origin"


def test_every_flipped_bit_of_a_checkpoint_is_refused():
    for bit, changed in flips(sign_checkpoint(CHECKPOINT, LOG).encode()):
        with pytest.raises((MalformedNote, MalformedCheckpoint, VerificationError)):
            open_checkpoint(changed, LOG.verifier_key)
            pytest.fail(f"bit {bit} may be flipped")


B64 = format_base64(ROOT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"log\n1\n{B64}",
        f"\n1\n{B64}\n",
        "log\n1\n",
        f"log\n01\n{B64}\n",
        f"log\n+1\n{B64}\n",
        f"log\n-1\n{B64}\n",
        f"log\n 1\n{B64}\n",
        f"log\n1_0\n{B64}\n",
        f"log\n１\n{B64}\n",
        f"log\n1.0\n{B64}\n",
        f"log\n\n{B64}\n",
        f"log\n{2**63}\n{B64}\n",
        f"log\n{'9' * 5000}\n{B64}\n",
        f"log\n1\n{B64[:-1]}\n",
        f"log\n1\n{B64}=\n",
        f"log\n1\n {B64}\n",
        f"log\n1\n{format_base64(ROOT[:31])}\n",
        f"log\n1\n{format_base64(ROOT + b'x')}\n",
        f"log\n1\n{B64[:-2]}{chr(ord(B64[-2]) + 1)}=\n",  # unused bits set: the same root spelt a second way
        f"log\n1\n{B64}\n\n",
        f"log\n1\n{B64}\n\nextension\n",
        f"log\n0\n{B64}\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(MalformedCheckpoint):
        parse_checkpoint(text)


def test_extension_lines_are_kept():
    checkpoint = Checkpoint("log", 1, ROOT, ("one", "two more"))
    assert parse_checkpoint(format_checkpoint(checkpoint)) == checkpoint


def test_the_empty_log_has_one_checkpoint():
    assert parse_checkpoint(format_checkpoint(Checkpoint("log", 0, EMPTY_ROOT))).size == 0


@given(st.integers(1, MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_parsing_undoes_formatting(size, root):
    checkpoint = Checkpoint("log", size, root)
    assert parse_checkpoint(format_checkpoint(checkpoint)) == checkpoint


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("", 1, ROOT),
        Checkpoint("lo\ng", 1, ROOT),
        Checkpoint("log", -1, ROOT),
        Checkpoint("log", MAX_SIZE + 1, ROOT),
        Checkpoint("log", 1, ROOT[:31]),
        Checkpoint("log", 0, ROOT),
        Checkpoint("log", 1, ROOT, ("",)),
    ],
)
def test_signing_what_no_log_can_say_is_a_mistake_of_ours(checkpoint):
    with pytest.raises(ValueError, match=r"checkpoint|entries|root"):
        sign_checkpoint(checkpoint, LOG)


def test_the_published_conversation_with_a_witness_verifies_where_it_says_so():
    """Only the signatures and proofs in it: answering is a witness's business.

    The signature of its second step does not end in canonical base64, so the note is refused before it is verified.
    """
    key = VerifierKey.parse(CONVERSATION["log_vkey"])
    seen = Checkpoint(key.name, 0, EMPTY_ROOT)
    for step in CONVERSATION["steps"]:
        head, _, note_text = step["body"].partition("\n\n")
        old, *proof = head.split("\n")
        is_signed = holds(open_checkpoint, note_text.encode(), key)
        assert is_signed is bool(step["log_signature_verifies"])
        if is_signed and int(old.removeprefix("old ")) == seen.size:
            checkpoint = open_checkpoint(note_text.encode(), key)
            path = [parse_base64(line) for line in proof]
            is_proven = holds(verify_consistency, seen.size, seen.root, checkpoint.size, checkpoint.root, path)
            assert is_proven is (step["status"] == 200)
            seen = checkpoint if is_proven else seen
    assert seen.size == 5


def holds(verify, *arguments) -> bool:
    try:
        verify(*arguments)
    except LedgerError:
        return False
    return True
