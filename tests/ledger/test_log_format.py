"""docs/log-format.md is complete and true: a second verifier, written from that page alone (independent.py), checks its example
and agrees with ours on every receipt, good and bad, and on every policy that the tests know.
"""

import base64
import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

from ledger.errors import LedgerError
from ledger.note import VerifierKey
from ledger.paper import fingerprint as our_fingerprint
from ledger.paper import parse_paper
from ledger.policy import parse_policy
from ledger.receipt import ForMe, format_receipt, parse_extra, parse_receipt, verify_receipt
from tests.ledger.corruption import flips
from tests.ledger.independent import Refused, check
from tests.ledger.independent_policy import fingerprint, from_paper, under
from tests.ledger.made import LOG
from tests.test_javascript import bad_receipts, good_receipts, policies

PAGE = (Path(__file__).parents[2] / "docs" / "log-format.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"^```\n(.*?)^```$", PAGE.partition("\n## 7. ")[2], re.DOTALL | re.MULTILINE)
KEY, FIRST, ROW, LINK, SECOND, BETWEEN, HASHES, FOR_ME, TO_SHOW, WITNESSED, POLICY, FINGERPRINT, DIGITS = EXAMPLE
VKEY = KEY.strip()


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def salt(byte: str) -> bytes:
    return bytes.fromhex(byte) * 32


def lines(block: str) -> list[str]:
    return block.removesuffix("\n").split("\n")


def test_the_entries_of_the_example_follow_from_its_events():
    for block, (open_byte, own_byte) in ((FIRST, ("11", "22")), (SECOND, ("33", "44"))):
        opened, own, own_hash, entry = lines(block)
        inner = sha256(b"mingzhen.own.v1\n", salt(own_byte), own.encode())
        assert own_hash == inner.hex()
        assert entry == "01" + sha256(b"mingzhen.event.v1\n", salt(open_byte), inner, opened.encode()).hex()


def test_the_link_and_the_digest_of_the_example_are_in_its_second_event():
    first_entry = bytes.fromhex(lines(FIRST)[3])
    projection, digest = lines(ROW)
    own = json.loads(lines(SECOND)[1])

    assert json.loads(lines(FIRST)[1])["prev"] == "0" * 64
    assert own["prev"] == lines(LINK)[0] == sha256(b"mingzhen.chain.v1\n", salt("22"), first_entry).hex()
    assert own["objects"][0]["digest"] == digest == sha256(salt("55"), projection.encode()).hex()


def test_the_tree_of_the_example_follows_from_its_entries():
    entries = [lines(FIRST)[3], lines(BETWEEN)[0], lines(SECOND)[3]]
    leaves = [sha256(b"\x00", bytes.fromhex(entry)) for entry in entries]
    node = sha256(b"\x01", leaves[0], leaves[1])
    root = sha256(b"\x01", node, leaves[2])
    assert lines(HASHES) == [value.hex() for value in (*leaves, node, root)]
    assert base64.b64encode(root).decode() in FOR_ME


@pytest.mark.parametrize("receipt", [FOR_ME, TO_SHOW, WITNESSED], ids=["for me", "to show", "witnessed"])
def test_the_receipts_of_the_example_hold_for_a_verifier_written_from_the_page(receipt):
    entry, state = check(receipt.encode(), VKEY)
    assert (entry.hex(), state) == (lines(SECOND)[3], "sealed")


def test_the_witnesses_of_the_example_are_enough_for_its_policy_and_one_of_them_is_not():
    assert check(WITNESSED.encode(), VKEY, under(POLICY))[1] == "witnessed"
    ours = verify_receipt(WITNESSED.encode(), VerifierKey.parse(VKEY), parse_policy(POLICY.encode()))
    assert (ours.state, ours.witnesses) == ("witnessed", ("commission", "peer"))
    one_less = "".join(line for line in WITNESSED.splitlines(keepends=True) if "peer" not in line)
    with pytest.raises(Refused, match="witnesses"):
        check(one_less.encode(), VKEY, under(POLICY))
    with pytest.raises(Refused, match="witnesses"):
        check(TO_SHOW.encode(), VKEY, under(POLICY))


def test_the_digits_and_the_fingerprint_of_the_example_are_what_the_page_says():
    assert from_paper(DIGITS.strip()) == parse_paper(DIGITS.strip()) == TO_SHOW.encode()
    assert fingerprint(VKEY) == our_fingerprint(VKEY) == FINGERPRINT.strip()


@pytest.mark.parametrize("receipt", [TO_SHOW, WITNESSED], ids=["to show", "witnessed"])
def test_a_verifier_written_from_the_page_refuses_every_flipped_bit_that_ours_refuses(receipt):
    policy = parse_policy(POLICY.encode())
    log = VerifierKey.parse(VKEY)
    for _, changed in flips(receipt.encode()):
        ours = theirs = "refused"
        with suppress(LedgerError):
            ours = verify_receipt(changed, log, policy if receipt == WITNESSED else None).state
        with suppress(Refused):
            theirs = check(changed, VKEY, *([under(POLICY)] if receipt == WITNESSED else []))[1]
        assert ours == theirs


def test_both_verifiers_agree_on_every_receipt_and_policy_that_the_scripts_are_tested_with():
    log = LOG.verifier_key.format()
    for receipt in good_receipts()[::3]:
        check(format_receipt(receipt).encode(), log)
    for why, data in bad_receipts().items():
        with pytest.raises(Refused):
            check(data, log)
            pytest.fail(why)
    for case in policies():
        try:
            state = check(base64.b64decode(case["receipt"]), log, under(case["text"]))[1]
        except Refused as refused:
            state = str(refused)
        assert state == case["state"], case["text"]


def test_the_independent_verifier_has_nothing_of_ours_and_is_short():
    files = [Path(__file__).with_name(name) for name in ("independent.py", "independent_policy.py")]
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    imported = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    theirs = {name for name in imported if name.startswith("cryptography.")}
    assert imported - theirs == {"base64", "hashlib", "json", "re", "zlib", "tests.ledger.independent"}
    said = [line for line in files[0].read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(said) <= 120  # what it takes to check a receipt; a policy takes half as much again


@pytest.mark.parametrize("receipt", [FOR_ME, TO_SHOW], ids=["for me", "to show"])
def test_both_receipts_of_the_example_hold_for_our_verifier(receipt):
    verified = verify_receipt(receipt.encode(), VerifierKey.parse(VKEY))
    assert verified.entry.hex() == lines(SECOND)[3]
    shown = parse_extra(parse_receipt(receipt.encode()).extra)
    assert shown.open.decode() == lines(SECOND)[0]
    assert (verified.own is not None) == isinstance(shown, ForMe) == (receipt == FOR_ME)


def test_the_page_names_every_formula_of_the_code():
    source = (Path(__file__).parents[2] / "ledger" / "entry.py").read_text(encoding="utf-8")
    labels = re.findall(r'b"(mingzhen\.[a-z0-9.]+)\\n"', source)
    assert len(labels) == 3
    assert all(f'"{label}\\n"' in PAGE for label in labels)
