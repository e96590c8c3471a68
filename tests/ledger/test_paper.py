"""Receipts on paper: the digits of a large code are the receipt again, and the code is not too large to print and to read."""

import hashlib
import zlib

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.events import CATALOGUE
from ledger.checkpoint import Checkpoint, format_checkpoint
from ledger.cosignature import sign_cosignature
from ledger.entry import canonical_json
from ledger.errors import LedgerError, MalformedReceipt
from ledger.merkle import leaf_hash, node_hash
from ledger.note import ED25519_COSIGNATURE, SigningKey, format_note
from ledger.paper import fingerprint, format_paper, parse_paper
from ledger.receipt import ForMe, Receipt, ToShow, format_extra, format_receipt, verify_receipt
from tests.ledger.made import LOG, make_receipt, opening

LARGEST_SYMBOL = 34


def receipt_at(size: int, shown: ForMe | ToShow, witnesses: int) -> bytes:
    """Return a good receipt for the entry before the last of a log of `size`, under names as long as real ones."""
    log = SigningKey("ledger.no3-peoples-hospital.example.cn/2026", hashlib.sha256(b"log").digest())
    names = ("witness.health-commission.example.cn", "ledger-witness.no1-hospital.example.cn", "witness.example.org/w1")
    keys = [SigningKey(name, hashlib.sha256(name.encode()).digest(), ED25519_COSIGNATURE) for name in names]
    node, last, value, path = size - 2, size - 1, leaf_hash(shown.entry), []
    while last:
        if node != last or node & 1:
            path.append(hashlib.sha256(bytes([len(path)])).digest())
            value = node_hash(path[-1], value) if node & 1 else node_hash(value, path[-1])
        node, last = node >> 1, last >> 1
    text = format_checkpoint(Checkpoint(log.name, size, value))
    note = format_note(text, [log.sign(text), *(sign_cosignature(text, key, 1795000000) for key in keys[:witnesses])])
    data = format_receipt(Receipt(format_extra(shown), size - 2, tuple(path), note)).encode()
    verify_receipt(data, log.verifier_key)
    return data


def shown_event() -> ToShow:
    """Return an event in the form to show, with the longest type there is and salts that no packer makes shorter."""
    kind = max(CATALOGUE, key=len)
    opened = canonical_json({"v": 1, "id": "0195547a-3c2e-7000-8000-0123456789ab", "at": "2026-03-02T01:23:45.678Z", "type": kind})  # fmt: skip
    own = canonical_json({"seq": 1})
    return ForMe(hashlib.sha256(b"open").digest(), opened, hashlib.sha256(b"own").digest(), own).to_show()


@pytest.mark.parametrize(("size", "witnesses"), [(1_000, 0), (1_000_000, 0), (1_000_000, 3), (10_000_000, 3)])
def test_the_large_code_of_a_receipt_is_not_above_version_34(size, witnesses):
    """At 10^6 entries with three witnesses, and even at 10^7, with the address of a page before the digits."""
    data = receipt_at(size, shown_event(), witnesses)
    address = "https://mingzhen.no3-peoples-hospital.example.cn/verify#"
    code = segno.make([address, format_paper(data)], error="m", boost_error=False, micro=False)
    assert code.version <= LARGEST_SYMBOL
    assert parse_paper(format_paper(data)) == data


def test_digits_need_less_room_than_the_file_itself():
    data = receipt_at(1_000_000, shown_event(), 3)
    as_file = segno.make(data, error="l", boost_error=False, micro=False)
    as_digits = segno.make(format_paper(data), error="l", boost_error=False, micro=False)
    assert as_digits.mode == "numeric"
    assert as_digits.version < as_file.version


@given(st.binary(max_size=300))
@settings(max_examples=50, deadline=None)
def test_digits_are_read_back_whatever_the_receipt_holds(data):
    digits = format_paper(data)
    assert digits.isascii()
    assert digits.isdigit()
    assert parse_paper(digits) == data


def test_a_changed_missing_or_doubled_digit_never_makes_another_good_receipt():
    good = make_receipt(opening().to_show())
    digits = format_paper(good)
    accepted = set()
    for place in range(0, len(digits), 5):
        other = "7" if digits[place] != "7" else "3"
        for changed in (
            digits[:place] + other + digits[place + 1 :],
            digits[:place] + digits[place + 1 :],
            digits[:place] + digits[place] + digits[place:],
        ):
            try:
                data = parse_paper(changed)
                verify_receipt(data, LOG.verifier_key)
            except LedgerError:
                continue
            accepted.add(data)
    assert accepted <= {good}


@pytest.mark.parametrize(
    "digits",
    ["", "1", "hello", "2" + "0" * 30, "1" + "9" * 15, "1" + "0" * 7, "1٣٣٣", "1" + "0" * 15, "1 000"],
)
def test_what_no_receipt_was_printed_as_is_refused(digits):
    with pytest.raises(MalformedReceipt):
        parse_paper(digits)


def test_a_few_digits_that_unpack_to_gigabytes_are_refused():
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(bytes(40_000_000)) + packer.flush()
    groups = [bomb[start : start + 6] for start in range(0, len(bomb) - len(bomb) % 6, 6)]
    with pytest.raises(MalformedReceipt):
        parse_paper("1" + "".join(str(int.from_bytes(group, "big")).zfill(15) for group in groups))


def test_the_fingerprint_is_of_the_whole_key_and_its_name():
    key = LOG.verifier_key.format()
    other = SigningKey("log.example/two", LOG.seed).verifier_key.format()
    assert fingerprint(key) != fingerprint(other)
    digest = hashlib.sha256(b"mingzhen.key.v1\n" + key.encode()).digest()
    assert fingerprint(key).split()[5] == f"{int.from_bytes(digest[20:24], 'big') % 100000:05}"
    assert len(fingerprint(key)) == 35
