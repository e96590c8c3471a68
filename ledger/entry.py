"""Entries: what the log holds of an event, and what only its owner holds.

An event is two JSON objects in the canonical form of RFC 8785, `open` and `own`. The log sees neither: an entry is 33
bytes, a version and a salted hash. docs/log-format.md describes all formulas of this module with an example.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import NoReturn

import rfc8785

from ledger.errors import MalformedJSON

SALT_SIZE = 32
ENTRY_SIZE = 33
ENTRY_VERSION = b"\x01"

_MAX_INTEGER = 2**53 - 1  # RFC 8785, 3.2.2.3: beyond it JavaScript rounds
_MAX_DEPTH = 32  # our events are four deep; JSON nested without end would exhaust the stack


_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


def canonical_json(value: object) -> bytes:
    """Return `value` in the one spelling of RFC 8785.

    Values are dicts with text keys, lists, text, whole numbers within 2**53, booleans and None. A float raises
    ValueError, as does everything else: two programs may round a float differently, and a hash would not forgive.
    """
    _require_plain(value, 0)
    text = _encode(value)
    if text.isascii() or len(text.encode("utf-16-le")) == 2 * len(text):
        # Where nothing lies beyond U+FFFF the standard library spells the same, ten times as fast: the order of keys by
        # code point is then that of UTF-16 (RFC 8785, 3.2.3), and both escape what 3.2.2.2 says and nothing else.
        return text.encode("utf-8")
    return rfc8785.dumps(value)  # type: ignore[arg-type]  # just checked, more strictly than its type says


def parse_canonical_json(data: bytes) -> object:
    """Return the value in `data`. Raises MalformedJSON unless `canonical_json` would write exactly these bytes."""
    try:
        value: object = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
        spelt = canonical_json(value)
    except (ValueError, RecursionError) as e:
        raise MalformedJSON("not JSON, or with floats, duplicate keys or text that is no text") from e
    if spelt != data:
        raise MalformedJSON("not in the canonical form of RFC 8785")
    return value


def own_hash(own_salt: bytes, own: bytes) -> bytes:
    """Return the commitment (32 bytes) to the part of an event that only its owner sees."""
    return hashlib.sha256(b"mingzhen.own.v1\n" + _salt(own_salt) + own).digest()


def entry_of(open_salt: bytes, own_hash: bytes, open_bytes: bytes) -> bytes:
    """Return the entry (33 bytes) that goes into the log for an event."""
    if len(own_hash) != 32:
        raise ValueError("the hash of `own` has 32 bytes")
    digest = hashlib.sha256(b"mingzhen.event.v1\n" + _salt(open_salt) + own_hash + open_bytes).digest()
    return ENTRY_VERSION + digest


def chain_link(own_salt_prev: bytes, entry_prev: bytes) -> bytes:
    """Return `prev` (32 bytes): what an event says of the event before it, of the same subject."""
    if len(entry_prev) != ENTRY_SIZE:
        raise ValueError(f"an entry has {ENTRY_SIZE} bytes")
    return hashlib.sha256(b"mingzhen.chain.v1\n" + _salt(own_salt_prev) + entry_prev).digest()


def row_digest(salt: bytes, projection: Mapping[str, object]) -> bytes:
    """Return the commitment (32 bytes) to a row, by a named and versioned projection of it."""
    return hashlib.sha256(_salt(salt) + canonical_json(dict(projection))).digest()


def _salt(salt: bytes) -> bytes:
    if len(salt) != SALT_SIZE:
        raise ValueError(f"a salt has {SALT_SIZE} bytes")
    return salt


def _require_plain(value: object, depth: int) -> None:
    """Raise ValueError unless `value` has exactly one canonical form everywhere."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError("the keys of an object are text")
            if item is not None and type(item) is not str:  # most are, and need no call to say so
                _require_plain(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_plain(item, depth + 1)
    elif isinstance(value, int):
        if not -_MAX_INTEGER <= value <= _MAX_INTEGER:
            raise ValueError("a number this large has no canonical form")
    elif not (value is None or isinstance(value, str)):
        raise ValueError(f"a {type(value).__name__} has no canonical form here")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate keys")
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError("a number that is not whole")
