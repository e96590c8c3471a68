"""Policies and paper for the verifier of independent.py, written from docs/log-format.md alone as well."""

import re
import zlib

from tests.ledger.independent import Refused, decode, parse_key, require, sha256, signed


def by_witness(text, blob):
    require("signature", len(blob) == 72)
    return f"cosignature/v1\ntime {int.from_bytes(blob[:8], 'big')}\n{text}".encode(), blob[8:]


def under(policy):
    """Section 5, "Policies": return what `check` asks of a note whose log signed it."""
    return lambda note, log: check_policy(policy, note, log)


def check_policy(policy, note, log):
    logs, witnesses, groups, quorum, members = [], {}, {}, None, set()
    require("malformed", policy == "" or policy.endswith("\n"))
    require("malformed", not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", policy))
    bare = {"log": set(), "witness": set()}

    def key(words, kind, place):
        try:
            data = decode(words[place].split("+", 2)[2])
            require("malformed", data[1:] not in bare[words[0]])
            bare[words[0]].add(data[1:])
            return parse_key(words[place], kind) if data[:1] in (b"\x01", b"\x04") else None
        except (Refused, ValueError, IndexError) as e:
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
