"""A verifier of receipts that was written from docs/log-format.md alone, and shares nothing with ours but Ed25519.

`check` is section 5; each part names the section it follows. Where this file and the page differ, one of them is wrong.
"""

import base64
import hashlib
import json
import re
import zlib

from Crypto.Signature import eddsa

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


class Refused(Exception):
    """Not good; the argument is the step of section 5 that says so."""


def require(step, held):
    if not held:
        raise Refused(step)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def decode(text, step="form"):
    """Base64, one spelling (the introduction)."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as e:
        raise Refused(step) from e
    require(step, base64.b64encode(data).decode() == text)
    return data


def number(text, step="form"):
    require(step, re.fullmatch(r"0|[1-9][0-9]*", text))
    return int(text)


def canonical_object(data):
    """Section 1: an object in the form of RFC 8785, without floating-point numbers."""

    def refuse(_):
        raise Refused("form")

    def in_order(value):  # RFC 8785, 3.2.3: by UTF-16 code units
        if isinstance(value, dict):
            return {k: in_order(value[k]) for k in sorted(value, key=lambda k: k.encode("utf-16-be"))}
        if isinstance(value, list):
            return [in_order(one) for one in value]
        require("form", not isinstance(value, int) or abs(value) < 2**53)
        return value

    try:
        value = json.loads(data.decode(), parse_float=refuse, parse_constant=refuse)
        spelt = json.dumps(in_order(value), ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as e:
        raise Refused("form") from e
    require("form", isinstance(value, dict) and spelt == data)
    return value


def parse_key(vkey, kind):
    """Section 4: (name, key ID, public key)."""
    name, key_id, key = vkey.split("+", 2)
    public = decode(key)
    require("form", name and not re.search(r"\s", name))
    require(
        "form", len(public) == 33 and public[0] == kind and sha256(name.encode(), b"\n", public)[:4].hex() == key_id
    )
    return name, key_id, public[1:]


def parse_note(note):
    """Section 4: (text, [(name, blob)])."""
    require("form", note.endswith("\n") and "\n\n" in note and not re.search(r"[\x00-\x09\x0b-\x1f]", note))
    text, signatures = note.rsplit("\n\n", 1)
    lines = [line.split(" ") for line in signatures[:-1].split("\n")]
    require("form", all(len(line) == 3 and line[0] == "—" and line[1] and "+" not in line[1] for line in lines))
    blobs = [(line[1], decode(line[2])) for line in lines]
    require("form", all(len(blob) > 4 and not re.search(r"\s", name) for name, blob in blobs))
    return text + "\n", blobs


def signed(note, key, message_of):
    """Tell whether the key signed; a line that says so and does not hold refuses the note."""
    name, key_id, public = key
    text, blobs = note
    mine = [blob[4:] for signer, blob in blobs if signer == name and blob[:4].hex() == key_id]
    for blob in mine:
        message, signature = message_of(text, blob)
        try:
            eddsa.new(eddsa.import_public_key(public), "rfc8032").verify(message, signature)
        except ValueError as e:
            raise Refused("signature") from e
    return bool(mine)


def by_log(text, blob):
    return text.encode(), blob


def by_witness(text, blob):
    require("signature", len(blob) == 72)
    return f"cosignature/v1\ntime {int.from_bytes(blob[:8], 'big')}\n{text}".encode(), blob[8:]


def open_extra(extra):
    """Section 5: (entry, open, own or None)."""
    length = int.from_bytes(extra[33:35], "big")
    salt, opened, rest = extra[1:33], extra[35 : 35 + length], extra[35 + length :]
    require("form", len(extra) > 35 and len(opened) == length and extra[0] in (1, 2))
    event, own = canonical_object(opened), None
    require("form", set(event) == {"v", "id", "at", "type"} and event["v"] == 1 and event["v"] is not True)
    for key, pattern in (("id", ID), ("at", AT), ("type", TYPE)):
        require("form", isinstance(event[key], str) and pattern.fullmatch(event[key]))
    if extra[0] == 1:
        own = canonical_object(rest[32:])
        rest = sha256(b"mingzhen.own.v1\n", rest)  # own_salt || own
    require("form", len(rest) == 32)
    return b"\x01" + sha256(b"mingzhen.event.v1\n", salt, rest, opened), event, own


def check(receipt, vkey, policy=None):
    """Section 5, "Checking one": return (entry, "sealed" or "witnessed"). Raises Refused."""
    require("form", len(receipt) <= 1 << 20 and all(len(line) <= 1 << 16 for line in receipt.split(b"\n")))
    try:
        head, checkpoint = receipt.decode().split("\n\n", 1)
        title, extra_line, index_line, *path = head.split("\n")
    except ValueError as e:
        raise Refused("form") from e
    require("form", title == "c2sp.org/tlog-proof@v1" and extra_line.startswith("extra "))
    require("form", index_line.startswith("index ") and len(path) <= 63)
    entry, _event, _own = open_extra(decode(extra_line.removeprefix("extra ")))
    index, hashes = number(index_line.removeprefix("index ")), [decode(line) for line in path]
    require("form", all(len(value) == 32 for value in hashes))
    note, log = parse_note(checkpoint), parse_key(vkey, 1)
    lines = note[0][:-1].split("\n")
    require("form", len(lines) >= 3 and "" not in lines)
    size, root = number(lines[1]), decode(lines[2])

    require("signature", signed(note, log, by_log))
    require("origin", lines[0] == log[0])

    fn, sn, r = index, size - 1, sha256(b"\x00", entry)
    require("inclusion", fn <= sn)
    for p in hashes:
        require("inclusion", sn != 0)
        if fn % 2 or fn == sn:
            r = sha256(b"\x01", p, r)
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            r = sha256(b"\x01", r, p)
        fn, sn = fn // 2, sn // 2
    require("inclusion", sn == 0 and r == root)
    return entry, "sealed" if policy is None else check_policy(policy, note, log)


def check_policy(policy, note, log):
    """Section 5, "Policies"."""
    logs, witnesses, groups, quorum, members = [], {}, {}, None, set()
    require("malformed", policy == "" or policy.endswith("\n"))
    require("malformed", not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", policy))
    bare = {"log": set(), "witness": set()}

    def key(words, kind, place):
        data = decode(words[place].split("+", 2)[2] if words[place].count("+") >= 2 else "!", "malformed")
        require("malformed", data[1:] not in bare[words[0]])
        bare[words[0]].add(data[1:])
        try:
            return parse_key(words[place], kind) if data[:1] in (b"\x01", b"\x04") else None
        except Refused as e:
            raise Refused("malformed") from e

    for line in policy.split("\n"):
        words = [word for word in re.split("[ \t]+", line) if word]
        if not words or words[0].startswith("#"):
            continue
        known, new = {*witnesses, *groups}, len(words) > 1 and words[1] not in {*witnesses, *groups, "none"}
        if words[0] == "log" and len(words) in (2, 3):
            logs.append(key(words, 1, 1))
        elif words[0] == "witness" and len(words) in (3, 4) and new:
            witnesses[words[1]] = key(words, 4, 2)
        elif words[0] == "group" and len(words) > 3 and new:
            named = words[3:]
            require("malformed", set(named) <= known and len(set(named)) == len(named) and not members & set(named))
            members |= set(named)
            count = {"any": "1", "all": str(len(named))}.get(words[2], words[2])
            require("malformed", re.fullmatch("[1-9][0-9]{0,5}", count) and int(count) <= len(named))
            groups[words[1]] = int(count), named
        elif words[0] == "quorum" and len(words) == 2 and quorum is None:
            require("malformed", words[1] in {*known, "none"})
            quorum = words[1]
        else:
            raise Refused("malformed")
    require("malformed", quorum is not None)
    require("policy", not logs or log in logs)
    have = {name for name, witness in witnesses.items() if witness and signed(note, witness, by_witness)}

    def cosigned(name):
        return sum(map(cosigned, groups[name][1])) >= groups[name][0] if name in groups else name in have

    if quorum == "none":
        return "sealed"
    require("witnesses", cosigned(quorum))
    return "witnessed"


def from_paper(digits):
    """Section 5, "On paper": the file of a receipt."""
    require("form", digits.startswith("1"))
    packed, sizes = b"", {15: 6, 3: 1, 5: 2, 8: 3, 10: 4, 13: 5}
    for start in range(1, len(digits), 15):
        group = digits[start : start + 15]
        packed += int(group).to_bytes(sizes[len(group)], "big")
    return zlib.decompress(packed, -15)


def fingerprint(vkey):
    h = sha256(b"mingzhen.key.v1\n", vkey.encode())
    return " ".join(f"{int.from_bytes(h[4 * i : 4 * i + 4], 'big') % 100000:05}" for i in range(6))
