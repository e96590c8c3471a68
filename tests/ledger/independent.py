"""A verifier of receipts that was written from docs/log-format.md alone, and shares nothing with ours, not even Ed25519.

`check` is section 5; each part names the section it follows. Where this file and the page differ, one of them is wrong.
Policies, and what stands on paper, are in independent_policy.py.
"""

import base64
import hashlib
import json
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

OPEN = {
    "id": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "at": r"(?a:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)",
    "type": r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*",
}


class Refused(Exception):
    """Not good; the argument is the step of section 5 that says so."""


def require(step, held):
    if not held:
        raise Refused(step)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def decode(text):
    """Base64, one spelling (the introduction). Raises ValueError."""
    data = base64.b64decode(text, validate=True)
    require("form", base64.b64encode(data).decode() == text)
    return data


def number(text):
    require("form", re.fullmatch(r"0|[1-9][0-9]*", text))
    return int(text)


def canonical_object(data):
    """Section 1: an object in the form of RFC 8785, whole numbers only. Raises ValueError."""

    def in_order(value):  # RFC 8785, 3.2.3: by UTF-16 code units
        if isinstance(value, dict):
            return {k: in_order(value[k]) for k in sorted(value, key=lambda k: k.encode("utf-16-be"))}
        require("form", not isinstance(value, float) and (not isinstance(value, int) or abs(value) < 2**53))
        return [in_order(one) for one in value] if isinstance(value, list) else value

    value = json.loads(data.decode())
    require("form", isinstance(value, dict))
    require("form", json.dumps(in_order(value), ensure_ascii=False, separators=(",", ":")).encode() == data)
    return value


def parse_key(vkey, kind):
    """Section 4: (name, key ID, public key)."""
    name, key_id, key = vkey.split("+", 2)
    public = decode(key)
    require("form", name and not re.search(r"\s", name) and len(public) == 33 and public[0] == kind)
    require("form", sha256(name.encode(), b"\n", public)[:4].hex() == key_id)
    return name, key_id, public[1:]


def parse_note(note):
    """Section 4: (text, [(name, blob)])."""
    require("form", note.endswith("\n") and "\n\n" in note and not re.search(r"[\x00-\x09\x0b-\x1f]", note))
    text, signatures = note.rsplit("\n\n", 1)
    lines = [re.fullmatch(r"— ([^\s+]+) ([^\s]+)", line) for line in signatures[:-1].split("\n")]
    require("form", all(lines))
    blobs = [(line[1], decode(line[2])) for line in lines]
    require("form", all(len(blob) > 4 for _, blob in blobs))
    return text + "\n", blobs


def signed(note, key, split=lambda text, blob: (text.encode(), blob)):
    """Tell whether the key signed; a line that says so and does not hold refuses the note."""
    name, key_id, public = key
    text, blobs = note
    mine = [blob[4:] for signer, blob in blobs if signer == name and blob[:4].hex() == key_id]
    for blob in mine:
        message, signature = split(text, blob)
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except InvalidSignature as e:
            raise Refused("signature") from e
    return bool(mine)


def open_extra(extra):
    """Section 5: the entry, once the event in it is found to be one."""
    length = int.from_bytes(extra[33:35], "big")
    salt, opened, rest = extra[1:33], extra[35 : 35 + length], extra[35 + length :]
    require("form", len(extra) > 35 and len(opened) == length and extra[0] in (1, 2))
    event = canonical_object(opened)
    require("form", set(event) == {"v", *OPEN} and event["v"] == 1 and event["v"] is not True)
    require("form", all(isinstance(event[key], str) and re.fullmatch(OPEN[key], event[key]) for key in OPEN))
    if extra[0] == 1:
        canonical_object(rest[32:])
        rest = sha256(b"mingzhen.own.v1\n", rest)  # own_salt || own
    require("form", len(rest) == 32)
    return b"\x01" + sha256(b"mingzhen.event.v1\n", salt, rest, opened)


def parse(receipt):
    """Section 5: (entry, index, path, note). Raises ValueError or Refused."""
    require("form", len(receipt) <= 1 << 20 and all(len(line) <= 1 << 16 for line in receipt.split(b"\n")))
    head, checkpoint = receipt.decode().split("\n\n", 1)
    title, extra, index, *path = head.split("\n")
    require("form", title == "c2sp.org/tlog-proof@v1" and extra[:6] == "extra " and index[:6] == "index ")
    hashes = [decode(line) for line in path]
    require("form", len(path) <= 63 and all(len(value) == 32 for value in hashes))
    return open_extra(decode(extra[6:])), number(index[6:]), hashes, parse_note(checkpoint)


def check(receipt, vkey, check_policy=lambda note, log: "sealed"):
    """Section 5, "Checking one": return (entry, "sealed" or "witnessed"). Raises Refused."""
    log = parse_key(vkey, 1)
    try:
        entry, index, path, note = parse(receipt)
        origin, size, root, *more = note[0][:-1].split("\n")
        size, root = number(size), decode(root)
    except (ValueError, RecursionError) as e:
        raise Refused("form") from e
    require("form", origin and "" not in more)
    require("signature", signed(note, log))
    require("origin", origin == log[0])

    fn, sn, r = index, size - 1, sha256(b"\x00", entry)
    require("inclusion", fn <= sn)
    for p in path:
        require("inclusion", sn != 0)
        if fn % 2 or fn == sn:
            r = sha256(b"\x01", p, r)
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            r = sha256(b"\x01", r, p)
        fn, sn = fn // 2, sn // 2
    require("inclusion", sn == 0 and r == root)
    return entry, check_policy(note, log)
