"""Receipts: both forms, and every bit of them."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.base64_text import format_base64
from ledger.cosignature import sign_cosignature
from ledger.entry import canonical_json
from ledger.errors import MalformedReceipt, VerificationError
from ledger.note import Signature, SigningKey, format_note, parse_note
from ledger.policy import parse_policy
from ledger.receipt import (
    HEADER,
    ForMe,
    Receipt,
    ToShow,
    format_extra,
    format_receipt,
    parse_extra,
    parse_receipt,
    verify_receipt,
)
from tests.ledger.corruption import flips
from tests.ledger.known import KNOWN
from tests.ledger.made import LOG, OPEN, OWN, WITNESS, make_receipt, opening

KEY = LOG.verifier_key
FOR_ME, TO_SHOW = opening(), opening().to_show()
ACCEPTED = KNOWN["tlog_proof"]["accept"]
POLICY = parse_policy(f"log {KEY.format()}\nwitness w {WITNESS.verifier_key.format()}\nquorum w\n".encode())


@pytest.mark.parametrize("known", [known for known in ACCEPTED if "text" in known])
def test_published_proofs_are_read_and_written_as_they_stand(known):
    path = tuple(hashlib.sha256(name.encode()).digest() for name in known["hashes_are_sha256_of"])
    receipt = Receipt(b"", known["index"], path, known["checkpoint"])
    assert parse_receipt(known["text"].encode()) == receipt
    assert format_receipt(receipt) == known["text"]


def test_the_published_extra_line_is_read_and_written_as_it_stands():
    (known,) = [known for known in ACCEPTED if "extra_line" in known]
    text = f"{HEADER}\n{known['extra_line']}\nindex {known['index']}\n\ncheckpoint\n"
    assert parse_receipt(text.encode()).extra == known["extra"].encode()
    assert format_receipt(parse_receipt(text.encode())) == text


HASH = format_base64(bytes(32))
END = "\ncheckpoint\n"
REFUSED = {
    "wrong first line": ["c2sp.org/tlog-proof@v2\nindex 5\n" + END, "\nindex 5\n" + END, "", HEADER],
    "extra line that is not base64": [f"{HEADER}\nextra !!!\nindex 5\n{END}"],
    "no index line": [f"{HEADER}\n{END}", f"{HEADER}\n{HASH}\n{END}", f"{HEADER}\nextra AA==\n{END}"],
    "index notanumber": [f"{HEADER}\nindex notanumber\n{END}"],
    "index -5": [f"{HEADER}\nindex -5\n{END}"],
    "index 007": [f"{HEADER}\nindex 007\n{END}"],
    "a hash that is not base64": [f"{HEADER}\nindex 5\n!!!\n{END}"],
    "a hash of 64 bytes": [f"{HEADER}\nindex 5\n{format_base64(bytes(64))}\n{END}"],
    "a line longer than 64 KiB": [f"{HEADER}\nextra {format_base64(bytes(50_000))}\nindex 5\n{END}"],
    "a lenient spelling of base64 or of a number": [
        f"{HEADER}\nindex 5\n{HASH[:-2]}B=\n{END}",
        f"{HEADER}\nindex 5\n{HASH[:-1]}\n{END}",
        f"{HEADER}\nindex 5\n{HASH} \n{END}",
        f"{HEADER}\nindex 5\n{HASH}\r\n{END}",
        f"{HEADER}\nextra AB==\nindex 5\n{END}",
        f"{HEADER}\nextra \nindex 5\n{END}",
        f"{HEADER}\nindex  5\n{END}",
        f"{HEADER}\nindex 5 \n{END}",
        f"{HEADER}\nindex 1_0\n{END}",
        f"{HEADER}\nindex ５\n{END}",
        f"{HEADER}\nindex {2**63}\n{END}",
    ],
}


@pytest.mark.parametrize("reason", KNOWN["tlog_proof"]["reject"])
def test_what_published_tests_refuse_is_refused(reason):
    for text in REFUSED[reason]:
        with pytest.raises(MalformedReceipt):
            parse_receipt(text.encode())


@pytest.mark.parametrize(
    "data",
    [
        f"{HEADER}\nindex 5\n".encode(),
        f"{HEADER}\nindex 5\n\n".encode(),
        f"{HEADER}\nindex 5\nextra AA==\n{END}".encode(),
        f"{HEADER}\nextra AA==\nextra AA==\nindex 5\n{END}".encode(),
        f"{HEADER}\nindex 5\nindex 5\n{END}".encode(),
        f"{HEADER}\nindex 5\n".encode() + f"{HASH}\n".encode() * 64 + END.encode(),
        f"{HEADER}\x0bindex 5\n{END}".encode(),
        b"\xff" + f"{HEADER}\nindex 5\n{END}".encode(),
        b"\x00" * 100,
        b"a" * (1 << 21),
    ],
)
def test_what_is_no_receipt_is_refused(data):
    with pytest.raises(MalformedReceipt):
        parse_receipt(data)


@pytest.mark.parametrize("shown", [FOR_ME, TO_SHOW], ids=["for me", "to show"])
@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (1, 2), (5, 11), (299, 300), (0, 1000)])
def test_a_receipt_proves_its_event(shown, index, size):
    verified = verify_receipt(make_receipt(shown, index, size), KEY)

    assert verified.open == OPEN
    assert verified.own == (OWN if shown is FOR_ME else None)
    assert (verified.entry, verified.index, verified.size) == (FOR_ME.entry, index, size)
    assert verified.state == "sealed"


def test_the_form_to_show_is_of_the_same_entry_and_tells_nothing_of_its_owner():
    shown = make_receipt(TO_SHOW)
    assert TO_SHOW.entry == FOR_ME.entry
    for secret in (FOR_ME.own_salt, FOR_ME.own, OWN["subject"].encode()):
        assert secret not in parse_receipt(shown).extra


@pytest.mark.parametrize("shown", [FOR_ME, TO_SHOW], ids=["for me", "to show"])
def test_every_flipped_bit_of_a_receipt_is_refused(shown):
    good = make_receipt(shown)
    for bit, changed in flips(good):
        with pytest.raises((MalformedReceipt, VerificationError)):
            verify_receipt(changed, KEY)
            pytest.fail(f"bit {bit} may be flipped")


def test_every_flipped_bit_of_a_witnessed_receipt_is_refused():
    good = make_receipt(TO_SHOW, 1, 2, witnesses=[WITNESS])
    assert verify_receipt(good, KEY, POLICY).state == "witnessed"
    for bit, changed in flips(good):
        with pytest.raises((MalformedReceipt, VerificationError)):
            verify_receipt(changed, KEY, POLICY)
            pytest.fail(f"bit {bit} may be flipped")


def test_what_an_unknown_signer_adds_changes_nothing():
    """signed-note says so: otherwise a witness more would spoil the receipts of those who do not know it."""
    receipt = parse_receipt(make_receipt(FOR_ME))
    for line in (Signature("somebody", b"abcd", b"anything"), sign_cosignature("x\n", WITNESS, 1)):
        added = format_receipt(Receipt(receipt.extra, receipt.index, receipt.path, receipt.checkpoint + line.format()))
        assert verify_receipt(added.encode(), KEY).state == "sealed"


@pytest.mark.parametrize("cut", [1, 2, 10, 50, 100, 200, 400])
def test_a_receipt_that_ends_early_is_refused(cut):
    with pytest.raises((MalformedReceipt, VerificationError)):
        verify_receipt(make_receipt(FOR_ME)[:-cut], KEY)


def change(data: bytes, **parts: object) -> bytes:
    receipt = parse_receipt(data)
    values = {"extra": receipt.extra, "index": receipt.index, "path": receipt.path, "checkpoint": receipt.checkpoint}
    return format_receipt(Receipt(**{**values, **parts})).encode()  # type: ignore[arg-type]


def test_another_place_another_path_and_another_tree_are_refused():
    good = make_receipt(FOR_ME, 5, 11)
    path = parse_receipt(good).path
    longer = parse_receipt(make_receipt(FOR_ME, 5, 12)).checkpoint
    wrong = [change(good, index=index) for index in (0, 4, 6, 10, 11, 2**62)]
    wrong += [change(good, path=p) for p in ((), path[:-1], path[1:], (*path, path[0]), path[::-1], path * 2)]
    wrong.append(change(good, checkpoint=longer))
    for data in wrong:
        with pytest.raises(VerificationError) as refused:
            verify_receipt(data, KEY)
        assert refused.value.step == "inclusion"


def test_the_key_of_another_log_is_refused():
    for other in (SigningKey("log.example/two", bytes(32)), SigningKey(LOG.name, b"x" * 32)):
        with pytest.raises(VerificationError) as refused:
            verify_receipt(make_receipt(FOR_ME), other.verifier_key)
        assert refused.value.step == "signature"


def test_a_checkpoint_of_another_log_is_refused_even_if_this_log_signed_it():
    receipt = make_receipt(FOR_ME)
    text = parse_note(parse_receipt(receipt).checkpoint.encode()).text.replace("/one", "/two")
    with pytest.raises(VerificationError) as refused:
        verify_receipt(change(receipt, checkpoint=format_note(text, [LOG.sign(text)])), KEY)
    assert refused.value.step == "origin"


@pytest.mark.parametrize(
    "event_open",
    [
        {**OPEN, "v": 2},
        {**OPEN, "v": True},
        {**OPEN, "v": "1"},
        {**OPEN, "more": 1},
        {key: value for key, value in OPEN.items() if key != "at"},
        {**OPEN, "id": None},
        {**OPEN, "id": "0195547a-3c2e-4000-8000-0123456789ab"},
        {**OPEN, "id": OPEN["id"].upper()},
        {**OPEN, "at": "2026-03-02T01:23:45Z"},
        {**OPEN, "at": "2026-03-02T09:23:45.678+08:00"},
        {**OPEN, "at": 1},
        {**OPEN, "type": ""},
        {**OPEN, "type": "Appointment"},
        {**OPEN, "type": "a\nb"},
        [],
        "text",
        None,
        1,
    ],
    ids=repr,
)
def test_an_open_part_that_is_no_event_is_refused(event_open):
    with pytest.raises(MalformedReceipt, match="open"):
        verify_receipt(make_receipt(opening(event_open)), KEY)


@pytest.mark.parametrize("own", [[], "text", 1, None])
def test_an_own_part_that_is_no_object_is_refused(own):
    with pytest.raises(MalformedReceipt, match="own"):
        verify_receipt(make_receipt(opening(OPEN, own)), KEY)


def test_parts_in_another_spelling_are_refused_although_their_entry_is_in_the_log():
    """Otherwise a log could show one event to a program and another to a reader, by duplicate keys for example."""
    for loose in (json.dumps(OPEN).encode(), canonical_json(OPEN) + b" ", b'{"v":1,"v":1}', b""):
        with pytest.raises(MalformedReceipt, match="open"):
            verify_receipt(make_receipt(ForMe(b"\x11" * 32, loose, b"\x22" * 32, canonical_json(OWN))), KEY)
    with pytest.raises(MalformedReceipt, match="own"):
        verify_receipt(make_receipt(ForMe(b"\x11" * 32, canonical_json(OPEN), b"\x22" * 32, b"{} ")), KEY)


def test_a_proof_without_an_event_is_no_receipt_of_ours():
    with pytest.raises(MalformedReceipt, match="no event"):
        verify_receipt(change(make_receipt(FOR_ME), extra=b""), KEY)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300), st.binary(min_size=1, max_size=300))
def test_parsing_undoes_formatting_of_both_forms(salt, open_bytes, own):
    for shown in (ForMe(salt, open_bytes, salt, own), ToShow(salt, open_bytes, salt)):
        assert parse_extra(format_extra(shown)) == shown


@given(st.binary(max_size=150))
def test_an_extra_that_is_neither_form_is_refused(data):
    try:
        shown = parse_extra(data)
    except MalformedReceipt:
        return
    assert format_extra(shown) == data


def test_an_extra_that_ends_early_is_refused():
    for shown in (FOR_ME, TO_SHOW):
        data = format_extra(shown)
        least = len(data) - (len(shown.own) - 1 if isinstance(shown, ForMe) else 0)
        for length in range(least):
            with pytest.raises(MalformedReceipt):
                parse_extra(data[:length])
    with pytest.raises(MalformedReceipt):
        parse_extra(format_extra(TO_SHOW) + b"x")


@settings(deadline=None)
@given(
    st.binary(min_size=1, max_size=300),
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
)
def test_parsing_undoes_formatting_of_receipts(extra, index, path):
    receipt = Receipt(extra, index, tuple(path), "checkpoint\n")
    assert parse_receipt(format_receipt(receipt).encode()) == receipt


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: format_receipt(Receipt(b"", 1, (bytes(31),), "c\n")),
        lambda: format_receipt(Receipt(b"", 1, (bytes(32),) * 64, "c\n")),
        lambda: format_receipt(Receipt(bytes(50_000), 1, (), "c\n")),
        lambda: format_extra(ForMe(bytes(31), b"{}", bytes(32), b"{}")),
        lambda: format_extra(ForMe(bytes(32), b"{}", bytes(31), b"{}")),
        lambda: format_extra(ForMe(bytes(32), b"{}", bytes(32), b"")),
        lambda: format_extra(ForMe(bytes(32), bytes(65_536), bytes(32), b"{}")),
        lambda: format_extra(ToShow(bytes(32), b"{}", bytes(33))),
    ],
)
def test_writing_what_nobody_could_read_is_a_mistake_of_ours(mistake):
    with pytest.raises(ValueError, match=r"bytes|fit"):
        mistake()


def test_a_merely_sealed_receipt_is_told_apart_under_a_policy_that_asks_for_witnesses():
    with pytest.raises(VerificationError, match="sealed by the log, but not witnessed") as refused:
        verify_receipt(make_receipt(FOR_ME), KEY, POLICY)
    assert refused.value.step == "witnesses"
    assert refused.value.facts["size"] == 11


def test_a_cosigned_receipt_is_witnessed_and_says_by_whom():
    verified = verify_receipt(make_receipt(FOR_ME, witnesses=[WITNESS]), KEY, POLICY)
    assert (verified.state, verified.witnesses) == ("witnessed", ("w",))


def test_a_policy_that_asks_for_no_witness_leaves_a_receipt_sealed():
    policy = parse_policy(f"witness w {WITNESS.verifier_key.format()}\nquorum none\n".encode())
    assert verify_receipt(make_receipt(FOR_ME, witnesses=[WITNESS]), KEY, policy).state == "sealed"


def test_a_policy_of_other_logs_is_not_met():
    other = SigningKey("other", b"o" * 32).verifier_key.format()
    with pytest.raises(VerificationError) as refused:
        verify_receipt(make_receipt(FOR_ME), KEY, parse_policy(f"log {other}\nquorum none\n".encode()))
    assert refused.value.step == "policy"


def test_a_forged_cosignature_of_a_known_witness_spoils_the_receipt():
    receipt = make_receipt(FOR_ME)
    forged = Signature(WITNESS.name, WITNESS.verifier_key.key_id, bytes(72)).format()
    with pytest.raises(VerificationError) as refused:
        verify_receipt(receipt + forged.encode(), KEY, POLICY)
    assert refused.value.step == "signature"


def text_of(size: int) -> str:
    """Return a receipt of so many bytes, whose lines are as long as they may be: nobody signed what it says."""
    head = f"{HEADER}\nindex 5\n\n"
    lines = (("a" * 65_536) + "\n") * (size // 65_537)
    return head + lines + "b" * (size - len(head) - len(lines))


def test_a_receipt_and_its_lines_have_bounds():
    longest = text_of(1_048_576)
    assert len(longest) == 1_048_576
    parse_receipt(longest.encode())
    with pytest.raises(MalformedReceipt, match="longer than a receipt can be"):
        parse_receipt(longest.encode() + b"b")
    with pytest.raises(MalformedReceipt, match="a line is longer"):
        parse_receipt(longest.replace("a\n", "aa\n", 1).encode()[:-1])
    parse_receipt(format_receipt(Receipt(b"", 1, (bytes(32),) * 63, "c\n")).encode())
    with pytest.raises(MalformedReceipt, match="first line"):
        parse_receipt(text_of(100).replace("@v1", "@v2", 1).encode())


def test_the_open_part_may_be_65535_bytes_long_and_not_end_early():
    shown = ToShow(bytes(32), bytes(65_535), bytes(32))
    assert parse_extra(format_extra(shown)) == shown
    for short in (1, 20, 65_535):
        with pytest.raises(MalformedReceipt, match="ends early"):
            parse_extra(format_extra(shown)[: -32 - short])
    with pytest.raises(MalformedReceipt, match="form that does not exist"):
        parse_extra(format_extra(shown)[:-32])


def test_a_refused_part_is_named():
    for part, shown in (
        ("open", ForMe(bytes(32), b"x", bytes(32), b"{}")),
        ("own", ForMe(bytes(32), canonical_json(OPEN), bytes(32), b"x")),
    ):
        with pytest.raises(MalformedReceipt, match=f"`{part}` of the event"):
            verify_receipt(make_receipt(shown), KEY)


def test_only_those_witnesses_are_named_that_cosigned():
    other = SigningKey("o.example", bytes([8]) * 32, WITNESS.kind).verifier_key.format()
    words = f"witness a {other}\nwitness b {WITNESS.verifier_key.format()}\ngroup g any a b\nquorum g\n"
    verified = verify_receipt(make_receipt(FOR_ME, witnesses=[WITNESS]), KEY, parse_policy(words.encode()))
    assert verified.witnesses == ("b",)
