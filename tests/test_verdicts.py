"""The ledger and the page give one verdict on the same bytes: whatever is changed in a good receipt, key, policy or code.

Each case is made from something valid and changed in one to three places, most of them under signatures that are good
again, so that what comes after the signature is reached. What the two may disagree about is in `is_beyond_the_page`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from ledger.cosignature import Cosignature, format_cosignature, sign_cosignature
from ledger.errors import LedgerError, MalformedKey, MalformedPolicy, MalformedReceipt
from ledger.merkle import leaf_hash
from ledger.note import ED25519_COSIGNATURE, Signature, SigningKey, VerifierKey
from ledger.paper import format_paper, parse_paper
from ledger.policy import parse_policy
from ledger.receipt import ForMe, parse_receipt, verify_receipt
from tests.ledger.made import LOG, WITNESS, make_receipt, opening
from tests.test_javascript import node

ROOT = Path(__file__).resolve().parent.parent
OTHER = SigningKey(LOG.name, b"another key under the log's name")
# Two keys under one name with one ID: found by trying. Only the first one's seed is known to anybody.
TWIN = SigningKey("w.example", (16794).to_bytes(32, "big"), ED25519_COSIGNATURE)
TWINNED = VerifierKey("w.example", hashlib.sha256(b"410981").digest(), ED25519_COSIGNATURE)

KEYS = [LOG.verifier_key.format(), OTHER.verifier_key.format(), WITNESS.verifier_key.format()]
POLICY = (
    f"log {KEYS[0]}\nwitness A {KEYS[2]} https://w.example/\nwitness B {TWINNED.format()}\n"
    "group one any A B\ngroup two 1 one\nquorum two\n"
)
MINE = opening()
GOOD = make_receipt(MINE, 5, 11, witnesses=[WITNESS])
SHOWN = make_receipt(MINE.to_show(), 0, 1)
FEW = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))

# What readers have disagreed about somewhere: ends of lines, spaces, numbers, spellings of base64, halves of characters.
ODD = st.sampled_from([
    b"\r\n", b"\n", b"\n\n", b"\r", b"\x00", b" ", b"  ", b"\t", b"=", b"==", b"+", b"-", b"/", b"_", b"//", b"{", b"}", b"[]", b",", b":", b'"',
    b"0", b"00", b"-0", b"1e3", b"0x1", b"1.0", b"9007199254740992", b"9223372036854775808", b"18446744073709551616", b"1" * 400, b"NaN", b"true",
    b"null", b"\\u0000", b"\\ud800", b"\\ud83d\\ude00", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"\xc0\x80", b"\xff", b"\xef\xbb\xbf", b"\x7f",
    b"\xc2\x85", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xe2\x80\x8b", b"\xe3\x80\x80", b"\xe1\xa0\x8e", b"\xd0\xbe", b"\xe2\x80\x94 ",
    b'"__proto__":1,', b'"1":1,',
])  # fmt: skip
BYTE = st.binary(min_size=1, max_size=1)
CHANGE = st.tuples(
    st.integers(0, 9999), st.integers(0, 3), st.sampled_from(["put", "over", "cut", "bit", "again"]), ODD | BYTE
)
CHANGES = st.lists(CHANGE, min_size=1, max_size=3)


def changed(data: bytes, changes: list[tuple[int, int, str, bytes]]) -> bytes:
    """Return `data` with bytes put in, written over, cut out or flipped, or with a line of it a second time."""
    for place, width, how, what in changes:
        at = place % (len(data) + 1)
        if how == "put":
            data = data[:at] + what + data[at:]
        elif how == "over":
            data = data[:at] + what + data[at + len(what) :]
        elif how == "cut":
            data = data[:at] + data[at + width + 1 :]
        elif how == "again":
            lines = data.split(b"\n")
            lines.insert(at % len(lines), lines[place % len(lines)])
            data = b"\n".join(lines)
        elif at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << width]) + data[at + 1 :]
    return data


class Page:
    """The scripts of the page, in a Node of their own."""

    def __init__(self) -> None:
        command = [node(), str(ROOT / "tests" / "js" / "verdicts.mjs")]
        self._node = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **question: object) -> Any:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps(question) + "\n")
        self._node.stdin.flush()
        answer = json.loads(self._node.stdout.readline())
        assert "fault" not in answer, answer["fault"]
        return answer["verdict"]

    def receipt(self, data: bytes, keys: list[str], policy: str | None = None) -> Any:
        more = {} if policy is None else {"policy": policy}
        return self.ask(receipt=base64.b64encode(data).decode(), keys=keys, **more)

    def close(self) -> None:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.close()
        self._node.stdout.close()
        self._node.wait(timeout=60)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    page = Page()
    yield page
    page.close()


def of_the_ledger(data: bytes, key: str, policy: str | None = None) -> str:
    """Return this package's verdict in the words of tests/js/verdicts.mjs."""
    try:
        rules = None if policy is None else parse_policy(policy.encode("utf-8"))
    except MalformedPolicy:
        return "malformed policy"
    try:
        log_key = VerifierKey.parse(key)
    except MalformedKey:
        return "malformed key"
    try:
        return verify_receipt(data, log_key, rules).state
    except LedgerError:
        return "refused"


def is_beyond_the_page(data: bytes) -> bool:
    """Tell whether a receipt holds a number that JavaScript cannot, which the page refuses: an index, a size, a time."""
    return any(int(number) >= 2**53 for number in re.findall(rb"\b[0-9]{16,19}\b", data))


def assert_one_verdict(page: Page, data: bytes, policy: str | None = None) -> None:
    ours, theirs = of_the_ledger(data, KEYS[0], policy), page.receipt(data, KEYS[:1], policy)
    assert ours == theirs or (theirs == "refused" and is_beyond_the_page(data)), (ours, theirs, data)


def sealed_again(text: bytes, *keys: SigningKey) -> bytes:
    """Return a note over whatever text stands there, signed; no parser of ours has looked at it."""
    lines = b""
    for key in keys:
        message = text if key.kind != ED25519_COSIGNATURE else b"cosignature/v1\ntime 1767139200\n" + text
        stamp = b"" if key.kind != ED25519_COSIGNATURE else (1767139200).to_bytes(8, "big")
        blob = base64.b64encode(key.verifier_key.key_id + stamp + key.sign_bytes(message))
        lines += "\u2014 ".encode() + key.name.encode() + b" " + blob + b"\n"
    return text + b"\n" + lines


def alone(extra: bytes, entry: bytes) -> bytes:
    """Return the receipt of the only entry of a log, signed."""
    text = f"{LOG.name}\n1\n".encode() + base64.b64encode(leaf_hash(entry)) + b"\n"
    return b"c2sp.org/tlog-proof@v1\nextra " + base64.b64encode(extra) + b"\nindex 0\n\n" + sealed_again(text, LOG)


def test_what_is_good_is_good_to_both(page):
    for data, policy, verdict in ((GOOD, None, "sealed"), (GOOD, POLICY, "witnessed"), (SHOWN, None, "sealed")):
        assert (of_the_ledger(data, KEYS[0], policy), page.receipt(data, KEYS[:1], policy)) == (verdict, verdict)
    assert parse_receipt(GOOD).index == 5


@FEW
@given(data=st.sampled_from([GOOD, SHOWN]), changes=CHANGES, policy=st.sampled_from([None, POLICY]))
@example(data=GOOD, changes=[(0, 0, "put", b"\xef\xbb\xbf")], policy=None)
def test_a_changed_file(page, data, changes, policy):
    assert_one_verdict(page, changed(data, changes), policy)


@FEW
@given(changes=CHANGES, whose=st.sampled_from(["open", "own"]))
@example(changes=[(1, 0, "put", b'"__proto__":1,')], whose="own")
def test_a_changed_event_that_the_log_has_signed(page, changes, whose):
    """Two spellings of one event, or an event that only one of two readers can read, would be two truths."""
    event = {"open": MINE.open, "own": MINE.own}
    event[whose] = changed(event[whose], changes)
    assume(event["own"])
    said = ForMe(MINE.open_salt, event["open"], MINE.own_salt, event["own"])
    extra = b"\x01" + said.open_salt + len(said.open).to_bytes(2, "big") + said.open + said.own_salt + said.own
    assert_one_verdict(page, alone(extra, said.entry))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**54), 2**54) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@FEW
@given(own=st.dictionaries(st.text(max_size=4), JSON_VALUES, max_size=4), sort=st.booleans(), ascii_only=st.booleans())
@example(own={"\U0001f600": 1, "\uffff": 2}, sort=True, ascii_only=False)
@example(own={"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}, sort=True, ascii_only=False)
@example(own={"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}, sort=True, ascii_only=False)
@example(own={"a": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}, sort=True, ascii_only=False)
def test_any_json_for_an_own_part(page, own, sort, ascii_only):
    data = json.dumps(own, sort_keys=sort, ensure_ascii=ascii_only, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
    said = ForMe(MINE.open_salt, MINE.open, MINE.own_salt, data)
    extra = b"\x01" + said.open_salt + len(said.open).to_bytes(2, "big") + said.open + said.own_salt + data
    assert_one_verdict(page, alone(extra, said.entry))


@FEW
@given(changes=CHANGES, policy=st.sampled_from([None, POLICY]))
def test_a_changed_checkpoint_that_the_log_and_a_witness_have_signed(page, changes, policy):
    head, _, note = GOOD.partition(b"\n\n")
    text = changed(note.partition(b"\n\n")[0] + b"\n", changes)
    assert_one_verdict(page, head + b"\n\n" + sealed_again(text, LOG, WITNESS), policy)


@FEW
@given(
    extra=st.binary(max_size=120), form=st.sampled_from([b"", b"\x01", b"\x02", b"\x03"]), length=st.integers(0, 400)
)
def test_an_extra_of_any_bytes_that_the_log_has_signed(page, extra, form, length):
    extra = form + bytes(32) + length.to_bytes(2, "big") + extra
    assert_one_verdict(page, alone(extra, hashlib.sha256(extra).digest()))


@FEW
@given(changes=CHANGES)
@example(changes=[(0, 0, "put", b"\xd0\xbe")])
def test_a_changed_key(page, changes):
    key = changed(KEYS[0].encode(), changes).decode("utf-8", "replace")
    ours, theirs = of_the_ledger(GOOD, key), page.receipt(GOOD, [key])
    # Whether a key is a point of the curve the page finds out when it computes: it may say "refused" for "malformed".
    assert ours == theirs or {ours, theirs} <= {"malformed key", "refused"}, (ours, theirs, key)


@FEW
@given(changes=CHANGES)
@example(changes=[(0, 0, "put", f"witness __proto__ {OTHER.verifier_key.format()}\n".encode())])
def test_a_changed_policy(page, changes):
    policy = changed(POLICY.encode(), changes).decode("utf-8", "replace")
    ours, theirs = of_the_ledger(GOOD, KEYS[0], policy), page.receipt(GOOD, KEYS[:1], policy)
    assert ours == theirs or {ours, theirs} <= {"malformed policy", "refused"}, (ours, theirs, policy)


def test_groups_of_groups_without_end_are_read_by_both(page):
    names = [f"g{n}" for n in range(6000)]
    lines = "".join(f"group {name} 1 {under}\n" for under, name in zip(["A", *names], names, strict=False))
    policy = f"witness A {KEYS[2]}\n{lines}quorum g5999\n"
    assert of_the_ledger(GOOD, KEYS[0], policy) == page.receipt(GOOD, KEYS[:1], policy) == "witnessed"
    assert of_the_ledger(SHOWN, KEYS[0], policy) == page.receipt(SHOWN, KEYS[:1], policy) == "refused"


def test_a_second_key_with_the_id_of_a_witness_does_not_stand_in_for_it(page):
    """Four bytes of a hash are all that a signature line says of its key. Who makes a twin must gain nothing by it."""
    assert (TWIN.verifier_key.key_id, TWIN.name) == (TWINNED.key_id, TWINNED.name)
    policy = f"witness W {TWINNED.format()}\nquorum W\n"
    forged = make_receipt(MINE, 5, 11, witnesses=[TWIN])
    assert of_the_ledger(forged, KEYS[0], policy) == "refused"
    for keys in (KEYS[:1], [KEYS[0], TWIN.verifier_key.format()], [TWIN.verifier_key.format(), KEYS[0]]):
        assert page.receipt(forged, keys, policy) == "refused"
    assert page.receipt(forged, KEYS[:1], f"witness W {TWIN.verifier_key.format()}\nquorum W\n") == "witnessed"


def test_numbers_that_javascript_cannot_hold_are_refused_by_the_page_and_never_rounded(page):
    text = GOOD.partition(b"\n\n")[2].partition(b"\n\n")[0].decode() + "\n"
    stamp = sign_cosignature(text, WITNESS, 2**53 + 1)
    rounded = Signature(stamp.name, stamp.key_id, format_cosignature(Cosignature(2**53, stamp.signature[8:])))
    for line in (stamp, rounded):
        data = GOOD.rpartition("\u2014 ".encode())[0] + line.format().encode()
        assert page.receipt(data, KEYS[:1], POLICY) == "refused"
    assert of_the_ledger(GOOD.replace(b"\n11\n", b"\n9007199254740993\n"), KEYS[0]) == "refused"


def packed(data: bytes, level: int = 9, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 9, strategy)
    return packer.compress(data) + packer.flush()


def as_digits(data: bytes) -> str:
    groups = [data[start : start + 6] for start in range(0, len(data), 6)]
    return "1" + "".join(
        str(int.from_bytes(group, "big")).zfill((0, 3, 5, 8, 10, 13, 15)[len(group)]) for group in groups
    )


def of_paper(digits: str) -> str | None:
    try:
        return base64.b64encode(parse_paper(digits)).decode()
    except MalformedReceipt:
        return None


@FEW
@given(
    changes=CHANGES,
    level=st.sampled_from([0, 1, 9]),
    strategy=st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY]),
)
def test_a_changed_code_unpacks_to_the_same_or_to_nothing(page, changes, level, strategy):
    digits = as_digits(changed(packed(SHOWN, level, strategy), changes))
    assert page.ask(digits=digits) == of_paper(digits)


@FEW
@given(head=st.binary(min_size=45, max_size=90))
@example(head=bytes.fromhex("05") + bytes(60))
def test_any_packed_bytes_unpack_to_the_same_or_to_nothing(page, head):
    digits = as_digits(head)
    assert page.ask(digits=digits) == of_paper(digits)


def test_a_code_that_unpacks_without_end_is_refused_by_both(page):
    bomb, full, over = (as_digits(packed(bytes(size))) for size in (2_000_000, 1 << 20, (1 << 20) + 1))
    assert len(bomb) < 7089
    assert page.ask(digits=bomb) is of_paper(bomb) is page.ask(digits=over) is of_paper(over) is None
    assert page.ask(digits=full) == of_paper(full) == base64.b64encode(bytes(1 << 20)).decode()
    assert of_paper(format_paper(GOOD)) == page.ask(digits=format_paper(GOOD))
    assert (
        of_paper(as_digits(packed(GOOD)) + "0" * 9000) is page.ask(digits=as_digits(packed(GOOD)) + "0" * 9000) is None
    )
