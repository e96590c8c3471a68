"""docs/log-format.md is complete and true: a second verifier, written from that page alone, checks its example.

Nothing below but the last tests uses our own package. Where this file and the page differ, one of them is wrong.
"""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from Crypto.Signature import eddsa

from ledger.note import VerifierKey
from ledger.receipt import ForMe, parse_extra, parse_receipt, verify_receipt
from tests.ledger.corruption import flips

PAGE = (Path(__file__).parents[2] / "docs" / "log-format.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"^```\n(.*?)^```$", PAGE.partition("\n## 7. ")[2], re.DOTALL | re.MULTILINE)
KEY, FIRST, ROW, LINK, SECOND, BETWEEN, HASHES, FOR_ME, TO_SHOW = EXAMPLE


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def salt(byte: str) -> bytes:
    return bytes.fromhex(byte) * 32


def lines(block: str) -> list[str]:
    return block.removesuffix("\n").split("\n")


def check(receipt: str, vkey: str) -> bytes:
    """Section 5, "Checking one", steps 1 to 4. Returns the entry; an AssertionError or ValueError is a refusal."""
    name, key_id, key = vkey.split("+", 2)
    public = base64.b64decode(key)
    assert public[0] == 1
    assert sha256(name.encode(), b"\n", public)[:4].hex() == key_id

    head, note = receipt.split("\n\n", 1)
    title, extra_line, index_line, *path = head.split("\n")
    assert title == "c2sp.org/tlog-proof@v1"
    extra = decode(extra_line.removeprefix("extra "))
    index = int(index_line.removeprefix("index "))
    assert index_line == f"index {index}"
    assert index >= 0

    length = int.from_bytes(extra[33:35], "big")
    open_salt, opened, rest = extra[1:33], extra[35 : 35 + length], extra[35 + length :]
    assert set(json.loads(opened)) == {"v", "id", "at", "type"}
    assert len(opened) == length
    if extra[0] == 1:
        assert isinstance(json.loads(rest[32:]), dict)
        own_hash = sha256(b"mingzhen.own.v1\n", rest[:32], rest[32:])
    else:
        assert extra[0] == 2
        own_hash = rest
        assert len(own_hash) == 32
    entry = b"\x01" + sha256(b"mingzhen.event.v1\n", open_salt, own_hash, opened)

    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    assert signatures.endswith("\n")
    origin, size, root, *_ = text.split("\n")
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", note)
    mine = [line for line in lines(signatures) if is_mine(line, name, key_id)]
    assert mine
    for line in mine:
        signer = eddsa.new(eddsa.import_public_key(public[1:]), "rfc8032")
        signer.verify(text.encode(), decode(line.split(" ")[2])[4:])
    assert origin == name

    fn, sn = index, int(size) - 1
    assert fn <= sn
    r = sha256(b"\x00", entry)
    for p in map(decode, path):
        assert sn != 0
        if fn % 2 or fn == sn:
            r = sha256(b"\x01", p, r)
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            r = sha256(b"\x01", r, p)
        fn, sn = fn // 2, sn // 2
    assert sn == 0
    assert r == decode(root)
    return entry


def is_mine(line: str, name: str, key_id: str) -> bool:
    dash, signer, signature = line.split(" ")
    assert dash == "—"
    return signer == name and decode(signature)[:4].hex() == key_id


def decode(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    assert base64.b64encode(data).decode() == text
    return data


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


@pytest.mark.parametrize("receipt", [FOR_ME, TO_SHOW], ids=["for me", "to show"])
def test_both_receipts_of_the_example_hold_for_a_verifier_written_from_the_page(receipt):
    assert check(receipt, lines(KEY)[0]).hex() == lines(SECOND)[3]


def test_a_verifier_written_from_the_page_refuses_what_ours_refuses():
    for _, changed in flips(TO_SHOW.encode()):
        with pytest.raises((AssertionError, ValueError)):
            check(changed.decode("utf-8"), lines(KEY)[0])


@pytest.mark.parametrize("receipt", [FOR_ME, TO_SHOW], ids=["for me", "to show"])
def test_both_receipts_of_the_example_hold_for_our_verifier(receipt):
    verified = verify_receipt(receipt.encode(), VerifierKey.parse(lines(KEY)[0]))
    assert verified.entry.hex() == lines(SECOND)[3]
    shown = parse_extra(parse_receipt(receipt.encode()).extra)
    assert shown.open.decode() == lines(SECOND)[0]
    assert (verified.own is not None) == isinstance(shown, ForMe) == (receipt == FOR_ME)


def test_the_page_names_every_formula_of_the_code():
    source = (Path(__file__).parents[2] / "ledger" / "entry.py").read_text(encoding="utf-8")
    labels = re.findall(r'b"(mingzhen\.[a-z0-9.]+)\\n"', source)
    assert len(labels) == 3
    assert all(f'"{label}\\n"' in PAGE for label in labels)
