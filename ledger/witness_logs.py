"""Which logs a witness cosigns.

Lists in the form of https://witness-network.org (`logs/v0`) are read as they are: a `vkey` line begins a log, `origin` names
it where its key does not, and what the list says of rates and contacts is for people.
"""

from collections.abc import Iterable

from ledger.errors import MalformedKey, MalformedPolicy, UnsupportedKey
from ledger.note import ED25519, VerifierKey

MAX_LIST_BYTES = 10_000_000

_HEADER = "logs/v0"
_KNOWN = ("origin", "qpd", "contact")


def parse_log_list(data: bytes) -> list[tuple[str, VerifierKey]]:
    """Return (origin, key) of each log in a list; keys of kinds that cannot be checked here are passed over.

    Raises MalformedPolicy, whose message begins with the line.
    """
    if len(data) > MAX_LIST_BYTES:
        raise MalformedPolicy(f"the list is longer than {MAX_LIST_BYTES} bytes")
    try:
        lines = [line.strip(" \t\r") for line in data.decode("utf-8").split("\n")]
    except UnicodeDecodeError as e:
        raise MalformedPolicy(f"byte {e.start} of the list is not text in UTF-8") from e
    told = [(number, line) for number, line in enumerate(lines, start=1) if line and not line.startswith("#")]
    if not told or told[0][1] != _HEADER:
        raise MalformedPolicy(f"line 1: not a list of logs, which begins with {_HEADER}")
    logs: list[tuple[str, VerifierKey]] = []
    key: VerifierKey | None = None
    has_begun = False
    for number, line in told[1:]:
        word, _, rest = line.partition(" ")
        if word == "vkey":
            has_begun, key = True, _parse_key(rest.strip(), number)
            if key is not None:
                logs.append((key.name, key))
        elif word in _KNOWN and has_begun:
            if word == "origin" and key is not None:
                logs[-1] = (rest, key)
        else:
            raise MalformedPolicy(f"line {number}: not a vkey, origin, qpd or contact line of a log")
    return logs


def by_origin(logs: Iterable[tuple[str, VerifierKey]]) -> dict[str, list[VerifierKey]]:
    """Return the keys of each origin, each key once."""
    grouped: dict[str, list[VerifierKey]] = {}
    for origin, key in logs:
        keys = grouped.setdefault(origin, [])
        if key not in keys:
            keys.append(key)
    return grouped


def _parse_key(vkey: str, number: int) -> VerifierKey | None:
    try:
        key = VerifierKey.parse(vkey)
    except UnsupportedKey:
        return None
    except MalformedKey as e:
        raise MalformedPolicy(f"line {number}: {e}") from e
    if key.kind != ED25519:
        raise MalformedPolicy(f"line {number}: the key of {key.name} is a witness's, not a log's")
    return key
