"""Cosignatures, against the published one of a deterministic witness."""

import hashlib

import pytest

from ledger.base64_text import format_base64, parse_base64
from ledger.cosignature import (
    Cosignature,
    format_cosignature,
    parse_cosignature,
    sign_cosignature,
    verify_cosignature,
    verify_cosignatures,
)
from ledger.errors import MalformedNote, VerificationError
from ledger.note import ED25519_COSIGNATURE, Note, Signature, SigningKey, VerifierKey
from tests.ledger.corruption import flips
from tests.ledger.known import KNOWN

(PUBLISHED,) = KNOWN["cosignature_v1"]
KEY = VerifierKey.parse(PUBLISHED["vkey"])
SIGNING = SigningKey(
    KEY.name, hashlib.sha256(PUBLISHED["seed_is_sha256_of"].encode()).digest(), kind=ED25519_COSIGNATURE
)
TEXT = PUBLISHED["checkpoint_text"]
BYTES = parse_base64(PUBLISHED["signature_base64"])
LINE = Signature(KEY.name, BYTES[:4], BYTES[4:])


def test_the_published_cosignature_verifies_and_carries_its_time():
    assert KEY.is_named_by(LINE)
    assert verify_cosignature(TEXT, LINE, KEY) == PUBLISHED["time"]


def test_the_published_witness_signs_the_published_cosignature():
    assert SIGNING.verifier_key == KEY
    line = sign_cosignature(TEXT, SIGNING, PUBLISHED["time"])
    assert line == LINE
    assert line.format() == f"— {KEY.name} {PUBLISHED['signature_base64']}\n"
    assert len(format_base64(BYTES)) == 104


def test_every_flipped_bit_of_time_signature_and_text_is_refused():
    for _, changed in flips(LINE.signature):
        with pytest.raises(VerificationError):
            verify_cosignature(TEXT, Signature(LINE.name, LINE.key_id, changed), KEY)
    for _, changed in flips(TEXT.encode()):
        with pytest.raises(VerificationError):
            verify_cosignature(changed.decode("latin-1"), LINE, KEY)


@pytest.mark.parametrize("data", [b"", bytes(71), bytes(73), b"\xff" * 72])
def test_a_cosignature_of_another_shape_is_refused(data):
    with pytest.raises(MalformedNote):
        parse_cosignature(data)
    with pytest.raises(VerificationError):
        verify_cosignature(TEXT, Signature(LINE.name, LINE.key_id, data), KEY)


def test_parsing_undoes_formatting():
    assert format_cosignature(parse_cosignature(LINE.signature)) == LINE.signature
    for wrong in (Cosignature(-1, bytes(64)), Cosignature(2**63, bytes(64)), Cosignature(1, bytes(63))):
        with pytest.raises(ValueError, match="a cosignature is"):
            format_cosignature(wrong)


def test_the_newest_time_of_each_known_witness_is_told_and_strangers_are_passed_over():
    other = SigningKey.generate("other", ED25519_COSIGNATURE)
    absent = SigningKey.generate("absent", ED25519_COSIGNATURE)
    stranger = SigningKey.generate("stranger", ED25519_COSIGNATURE)
    lines = [sign_cosignature(TEXT, key, time) for key, time in [(SIGNING, 5), (other, 9), (SIGNING, 7), (stranger, 1)]]
    known = [KEY, other.verifier_key, absent.verifier_key]

    assert verify_cosignatures(Note(TEXT, tuple(lines)), known) == {KEY: 7, other.verifier_key: 9}
    forged = Signature(KEY.name, KEY.key_id, bytes(72))
    with pytest.raises(VerificationError):
        verify_cosignatures(Note(TEXT, (*lines, forged)), known)


def test_the_key_of_a_log_neither_cosigns_nor_is_asked_to():
    log = SigningKey.generate("log")
    with pytest.raises(ValueError, match="does not cosign"):
        sign_cosignature(TEXT, log, 1)
    with pytest.raises(ValueError, match="does not cosign"):
        verify_cosignature(TEXT, LINE, log.verifier_key)
