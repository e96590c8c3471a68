"""Signed notes and keys: published values, and every way of changing them."""

import base64
import hashlib
from contextlib import nullcontext

import pytest
from Crypto.Signature import eddsa
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError, MalformedKey, MalformedNote, UnsupportedKey, VerificationError
from ledger.note import (
    ED25519_COSIGNATURE,
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Signature,
    SigningKey,
    VerifierKey,
    format_note,
    parse_note,
    verify_note,
)
from tests.ledger.corruption import flips
from tests.ledger.known import KNOWN

PUBLISHED = KNOWN["signed_note"]
LOG = SigningKey("log.example/one", bytes(32))
OTHER = SigningKey("log.example/two", bytes([1]) * 32)
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group of Ed25519, RFC 8032, 5.1
OF_ORDER_EIGHT = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"


@pytest.mark.parametrize("note", PUBLISHED, ids=[note["source"] for note in PUBLISHED])
def test_published_notes_verify(note):
    key = VerifierKey.parse(note["vkey"])
    parsed = parse_note(f"{note['text']}\n{note['signature_line']}".encode())

    assert key.format() == note["vkey"]
    assert parsed.text == note["text"]
    assert [line.format() for line in verify_note(parsed, [key])] == [note["signature_line"]]


@pytest.mark.parametrize("note", [note for note in PUBLISHED if note["private_key"]])
def test_a_published_private_key_signs_its_published_note(note):
    key = SigningKey.parse(note["private_key"])

    assert key.format() == note["private_key"]
    assert key.verifier_key.format() == note["vkey"]
    assert key.sign(note["text"]).format() == note["signature_line"]


@pytest.mark.parametrize("known", KNOWN["key_ids"])
def test_published_keys_have_their_ids(known):
    key = VerifierKey.parse(known["vkey"])
    assert (key.kind, key.format()) == (known["type"], known["vkey"])


@pytest.mark.parametrize("note", PUBLISHED, ids=[note["source"] for note in PUBLISHED])
def test_every_flipped_bit_of_a_note_is_refused(note):
    """Among them the 0x0A that becomes 0x0B, which `str.splitlines` takes for the end of a line too."""
    key = VerifierKey.parse(note["vkey"])
    for bit, changed in flips(f"{note['text']}\n{note['signature_line']}".encode()):
        with pytest.raises((MalformedNote, VerificationError)):
            verify_note(parse_note(changed), [key])
            pytest.fail(f"bit {bit} may be flipped")


def test_every_flipped_bit_of_a_verifier_key_is_refused():
    for _, changed in flips(PUBLISHED[0]["vkey"].encode()):
        with pytest.raises(MalformedKey):
            VerifierKey.parse(changed.decode("latin-1"))


def test_a_note_may_hold_empty_lines_and_lines_that_look_like_signatures():
    inner = LOG.sign("x\n").format()
    text = f"one\n\n{inner}\ntwo\n"
    note = parse_note(format_note(text, [LOG.sign(text)]).encode())
    assert note.text == text
    verify_note(note, [LOG.verifier_key])


@pytest.mark.parametrize("character", "\t\r\x00\x0b\x0c\x1c\x1d\x1e\x1f")
def test_control_characters_are_refused(character):
    text = f"a{character}b\n"
    with pytest.raises(MalformedNote, match="control character"):
        parse_note(f"{text}\n{LOG.sign(text).format()}".encode())
    with pytest.raises(ValueError, match="control characters"):
        format_note(text, [LOG.sign(text)])


@pytest.mark.parametrize("character", ["\x7f", "\x85", "\u2028", "\u2029"])
def test_other_ends_of_lines_are_characters_like_any_other(character):
    text = f"a{character}b\n"
    note = parse_note(format_note(text, [LOG.sign(text)]).encode())
    assert note.text == text


GOOD = LOG.sign("text\n").format()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        b"text\n\n\n",
        GOOD.encode(),
        f"text\n{GOOD}".encode(),
        f"text\n\n{GOOD[:-1]}".encode(),
        f"text\n\n{GOOD}\n".encode(),
        f"text\n\n{GOOD} ".encode(),
        f"text\n\n{GOOD}x\n".encode(),
        ("text\n\n" + GOOD.replace("— ", "- ")).encode(),
        ("text\n\n" + GOOD.replace("— ", "—  ")).encode(),
        ("text\n\n" + GOOD.replace("— ", "—")).encode(),
        ("text\n\n" + GOOD.replace("/one", "+one")).encode(),
        ("text\n\n" + GOOD.replace("/one", "\u3000one")).encode(),
        ("text\n\n" + GOOD.replace("=\n", "\n")).encode(),
        ("text\n\n" + GOOD.replace("=\n", "==\n")).encode(),
        ("text\n\n" + GOOD.replace("=\n", "=\r\n")).encode(),
        "text\n\n— name AAAA\n".encode(),
        "text\n\n— name AAAAAA==\n".encode(),
        "text\n\n— name AAAAAAB=\n".encode(),
        "text\n\n— name AAAA-_A=\n".encode(),
        "text\n\n— name\n".encode(),
        b"te\xffxt\n\n" + GOOD.encode(),
        b"\xef\xbb" + f"text\n\n{GOOD}".encode(),
    ],
)
def test_what_is_no_note_is_refused(data):
    with pytest.raises(MalformedNote):
        parse_note(data)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_nothing_but_a_note_or_our_own_error_comes_out(data):
    for candidate in (data, data + b"\n\n" + GOOD.encode()):
        try:
            note = parse_note(candidate)
        except MalformedNote:
            continue
        assert format_note(note.text, note.signatures).encode() == candidate


def test_unknown_signers_are_passed_over_and_a_known_one_that_fails_spoils_the_note():
    text = "text\n"
    stranger = Signature("somebody", b"\0\1\2\3", b"whatever they write")
    good, forged = LOG.sign(text), Signature(LOG.name, LOG.verifier_key.key_id, bytes(64))

    assert verify_note(parse_note(format_note(text, [stranger, good]).encode()), [LOG.verifier_key]) == [good]
    for lines in ([forged], [good, forged], [forged, good]):
        with pytest.raises(VerificationError, match="does not hold"):
            verify_note(parse_note(format_note(text, lines).encode()), [LOG.verifier_key])
    for keys in ([], [OTHER.verifier_key], [SigningKey(LOG.name, bytes([2]) * 32).verifier_key]):
        with pytest.raises(VerificationError, match="not signed by"):
            verify_note(parse_note(format_note(text, [stranger, good]).encode()), keys)


def test_several_known_signers_are_all_named():
    text = "text\n"
    lines = [OTHER.sign(text), LOG.sign(text)]
    note = parse_note(format_note(text, lines).encode())
    assert verify_note(note, [LOG.verifier_key, OTHER.verifier_key]) == lines


def test_a_second_spelling_of_a_signature_is_refused():
    """RFC 8032, 5.1.7: S has to be smaller than the order of the group, or everybody could respell a signature."""
    message, key = b"text\n", LOG.verifier_key
    signature = LOG.sign_bytes(message)
    key.verify(message, signature)
    s = int.from_bytes(signature[32:], "little")
    with pytest.raises(VerificationError):
        key.verify(message, signature[:32] + (s + ORDER).to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(length):
    with pytest.raises(VerificationError):
        LOG.verifier_key.verify(b"text\n", bytes(length))


def test_a_public_key_that_is_no_point_or_a_second_spelling_of_one_is_refused():
    for y in (2, 2**255 - 19, 2**255 - 18, 2**255 - 1):  # 2 is on no point; the others are 0, 1 and 18 once more
        with pytest.raises(MalformedKey):
            VerifierKey("name", y.to_bytes(32, "little"))
    for length in (0, 31, 33):
        with pytest.raises(MalformedKey):
            VerifierKey("name", bytes(length))


def test_a_signature_that_holds_only_with_the_cofactor_is_refused():
    """Who holds a log's key can add a point of order 8 to R. Go, OpenSSL and browsers refuse what comes of it; so must we."""
    seed = LOG.seed
    half = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    secret = half & (1 << 254) - 8 | 1 << 254
    base = eddsa.import_public_key(b"\x58" + b"\x66" * 31).pointQ
    odd = eddsa.import_public_key(bytes.fromhex(OF_ORDER_EIGHT)).pointQ
    for twist, holds in ((odd.point_at_infinity(), True), (odd, False), (odd + odd, False), (odd * 4, False)):
        x, y = (base * 1234567890 + twist).xy
        r = int(y | (x & 1) << 255).to_bytes(32, "little")
        h = int.from_bytes(hashlib.sha512(r + LOG.verifier_key.public_key + b"text\n").digest(), "little") % ORDER
        signature = r + ((1234567890 + h * secret) % ORDER).to_bytes(32, "little")
        eddsa.new(eddsa.import_public_key(LOG.verifier_key.public_key), "rfc8032").verify(b"text\n", signature)
        with nullcontext() if holds else pytest.raises(VerificationError):
            LOG.verifier_key.verify(b"text\n", signature)


@pytest.mark.parametrize(
    "point", [OF_ORDER_EIGHT, "01" + "00" * 31, "00" * 32, "00" * 31 + "80", "ec" + "ff" * 30 + "7f"]
)
def test_a_key_that_everybody_can_sign_with_is_refused(point):
    """A point of small order: whatever h is, S = 0 with the right R holds for one message in eight at least."""
    with pytest.raises(MalformedKey):
        VerifierKey("name", bytes.fromhex(point))


def test_keys_of_kinds_we_cannot_check_are_told_apart():
    for kind in (0x00, 0x02, 0x06, 0xFF):
        text = base64.b64encode(bytes([kind]) + bytes(40)).decode()
        with pytest.raises(UnsupportedKey, match=f"0x{kind:02x}"):
            VerifierKey.parse(f"name+00000000+{text}")


VKEY = LOG.verifier_key.format()


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "+",
        "++",
        "name",
        "name+00000000",
        "name+00000000+",
        VKEY.replace("+", " ", 1),
        "+" + VKEY.split("+", 1)[1],
        "a b+" + VKEY.split("+", 1)[1],
        VKEY.upper(),
        VKEY + "\n",
        " " + VKEY,
        VKEY + "=",
        VKEY[:-1],
        "\ud800+" + VKEY.split("+", 1)[1],
    ],
)
def test_what_is_no_key_is_refused(vkey):
    with pytest.raises(MalformedKey):
        VerifierKey.parse(vkey)
    with pytest.raises(MalformedKey):
        SigningKey.parse(f"PRIVATE+KEY+{vkey}")
    with pytest.raises(MalformedKey):
        SigningKey.parse(vkey)


def test_a_private_key_is_never_printed():
    key = SigningKey.generate("name")
    secret = key.format().rsplit("+", 1)[1]
    assert SigningKey.parse(key.format()) == key
    assert secret not in repr(key)
    assert repr(key.seed) not in repr(key)
    with pytest.raises(MalformedKey) as refused:
        SigningKey.parse(key.format().replace("name", "other"))
    assert secret not in str(refused.value)


def test_a_cosigners_key_does_not_sign_notes():
    key = SigningKey.generate("witness", ED25519_COSIGNATURE)
    with pytest.raises(ValueError, match="time as well"):
        key.sign("text\n")
    with pytest.raises(ValueError, match="cosignatures are verified"):
        verify_note(parse_note(format_note("text\n", [LOG.sign("text\n")]).encode()), [key.verifier_key])


def test_a_note_has_bounds():
    text = "text\n"
    lines = [LOG.sign(text)] * 100
    assert len(lines) == MAX_SIGNATURES
    assert len(parse_note(format_note(text, lines).encode()).signatures) == MAX_SIGNATURES
    with pytest.raises(MalformedNote, match="signatures"):
        parse_note(format_note(text, [*lines, lines[0]]).encode())
    longest = b"a" * (1_000_000 - len(format_note(text, lines[:1]).encode())) + format_note(text, lines[:1]).encode()
    assert len(longest) == MAX_NOTE_BYTES
    parse_note(longest)
    with pytest.raises(MalformedNote, match="longer"):
        parse_note(b"a" + longest)


def test_text_without_a_final_newline_cannot_be_signed():
    with pytest.raises(ValueError, match="ends in a newline"):
        LOG.sign("text")
    with pytest.raises(ValueError, match="ends in a newline"):
        format_note("text", [])


def test_all_errors_about_bytes_from_outside_have_one_base():
    assert issubclass(MalformedNote, MalformedError)
    assert issubclass(UnsupportedKey, MalformedError)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"text\n", "no empty line"),
        (b"text\n\n\xe2\x80\x94 a AAAAAAA=", "does not end"),
        (b"text\n\n\xe2\x80\x94 a AAAAAA==\n", "too short"),
        (b"text\n\n\xe2\x80\x94 a b AAAAAAA=\n", "not a signature line"),
        ("text\n\n\u2014 a\ufeffb+ AAAAAAA=\n".encode(), "not the name"),
    ],
)
def test_a_refused_note_is_refused_in_words_of_its_own(data, why):
    with pytest.raises(MalformedNote, match=why):
        parse_note(data)


def test_a_signature_of_one_byte_is_read_and_left_to_those_who_know_its_kind():
    (line,) = parse_note(b"text\n\n\xe2\x80\x94 a AAAAAAE=\n").signatures
    assert (line.key_id, line.signature) == (bytes(4), b"\x01")


def test_a_refused_key_is_refused_in_words_of_its_own():
    good = LOG.verifier_key.public_key
    for key_bytes in (b"", good[:31], good + b"x"):
        with pytest.raises(MalformedKey, match="instead of 32"):
            VerifierKey("name", key_bytes)
        with pytest.raises(MalformedKey, match="instead of 32"):
            SigningKey("name", key_bytes)
    for name in ("", "a b", "a+b", "a\u00a0b", "a\x1fb", "a\x00b", "\ud800", "\udfff"):
        for make in (lambda n: VerifierKey(n, good), lambda n: SigningKey(n, bytes(32))):
            with pytest.raises(MalformedKey, match="the name of a key"):
                make(name)
    with pytest.raises(UnsupportedKey, match="cannot sign here"):
        SigningKey("name", bytes(32), 2)
    with pytest.raises(MalformedKey, match="begins with"):
        SigningKey.parse(LOG.verifier_key.format())


def test_keys_are_shown_and_compared_by_what_they_are():
    again = VerifierKey.parse(LOG.verifier_key.format())
    assert {again, LOG.verifier_key} == {again}
    assert repr(again) == f"VerifierKey(name={again.name!r}, public_key={again.public_key!r}, kind=1)"
    assert repr(LOG) == f"SigningKey(name={LOG.name!r}, kind=1)"


def test_a_key_that_is_known_twice_signed_once_and_one_that_did_not_is_named():
    note = parse_note(format_note("text\n", [LOG.sign("text\n")]).encode())
    assert len(verify_note(note, [LOG.verifier_key, LOG.verifier_key])) == 1
    keys = [OTHER.verifier_key, VerifierKey.parse(SigningKey("third", bytes(32)).verifier_key.format())]
    wanted = ", ".join(key.format().rpartition("+")[0] for key in keys)
    with pytest.raises(VerificationError) as refused:
        verify_note(note, keys)
    assert refused.value.facts["name"] == wanted
    assert str(refused.value).endswith(f"not signed by {wanted}")
    with pytest.raises(VerificationError, match=r"not signed by nobody$"):
        verify_note(note, [])
