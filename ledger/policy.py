"""Policies: which logs are accepted, and how many of which witnesses are enough.

Follows https://c2sp.org/tlog-policy, a file of lines.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ledger.errors import MalformedKey, MalformedPolicy, UnsupportedKey
from ledger.note import ED25519, ED25519_COSIGNATURE, VerifierKey

NO_QUORUM = "none"
MAX_POLICY_BYTES = 1_000_000

_FORBIDDEN = re.compile(rb"[^\x09\x0a\x20-\x7e\x80-\xff]")
_COUNT = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class Group:
    """Has cosigned when at least `threshold` of its members have."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """What a policy file says.

    `logs` are those that it accepts, None for one whose key we cannot check; without any it accepts every log.
    `witnesses` maps names to keys; None stands for a key of a kind we cannot check, which therefore never counts.
    `quorum` is the name of a witness or group, or "none". `urls` maps names of witnesses to where they are asked, those
    that the file gives an address.
    """

    logs: tuple[VerifierKey | None, ...]
    witnesses: Mapping[str, VerifierKey | None]
    groups: Mapping[str, Group]
    quorum: str
    urls: Mapping[str, str] = field(default_factory=dict)

    @property
    def asks_for_witnesses(self) -> bool:
        """Whether a checkpoint without any cosignature could fail."""
        return self.quorum != NO_QUORUM


def is_met(policy: Policy, cosigners: Collection[VerifierKey]) -> bool:
    """Tell whether these keys are enough of a quorum."""
    cosigned = {name: key is not None and key in cosigners for name, key in policy.witnesses.items()}
    for name, group in policy.groups.items():  # a group's members stand above it: no depth of groups exhausts the stack
        cosigned[name] = sum(cosigned[member] for member in group.members) >= group.threshold
    return not policy.asks_for_witnesses or cosigned[policy.quorum]


def public_policy(data: bytes) -> str:
    """Return a policy file as others need it: what has to be signed by whom, without addresses and the operator's notes.

    Raises MalformedPolicy.
    """
    parse_policy(data)
    lines = []
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            lines.append(" ".join(words[: {"log": 2, "witness": 3}.get(words[0])]))
    return "".join(f"{line}\n" for line in lines)


def parse_policy(data: bytes) -> Policy:
    """Return the policy in a file. Raises MalformedPolicy, whose message begins with the line."""
    if len(data) > MAX_POLICY_BYTES:
        raise MalformedPolicy(f"the policy is longer than {MAX_POLICY_BYTES} bytes")
    if match := _FORBIDDEN.search(data):
        raise MalformedPolicy(f"byte {match.start()} of the policy is a control character: is this another file?")
    if data and not data.endswith(b"\n"):
        raise MalformedPolicy("the last line of the policy does not end")
    reader = _Reader()
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), start=1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            try:
                reader.read(words)
            except (MalformedKey, ValueError) as e:
                raise MalformedPolicy(f"line {number}: {e}") from e
    if reader.quorum is None:
        raise MalformedPolicy("the policy has no quorum line")
    return Policy(tuple(reader.logs), reader.witnesses, reader.groups, reader.quorum, reader.urls)


class _Reader:
    """What was read so far. Its methods raise ValueError or MalformedKey for a line that cannot follow."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey | None] = []
        self.witnesses: dict[str, VerifierKey | None] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self.urls: dict[str, str] = {}
        self._members: set[str] = set()
        self._log_keys: set[str] = set()
        self._witness_keys: set[str] = set()

    def read(self, words: list[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self.logs.append(self._key(vkey, ED25519, self._log_keys))
            case ["witness", name, vkey, *url] if len(url) <= 1:
                self._require_new(name)
                self.witnesses[name] = self._key(vkey, ED25519_COSIGNATURE, self._witness_keys)
                self.urls.update((name, address) for address in url)
            case ["group", name, threshold, *members]:
                self._require_new(name)
                self.groups[name] = self._group(threshold, members)
            case ["quorum", name]:
                if self.quorum is not None:
                    raise ValueError("a second quorum line")
                if name != NO_QUORUM:
                    self._require_known(name)
                self.quorum = name
            case _:
                raise ValueError("not a log, witness, group or quorum line")

    def _group(self, threshold: str, members: list[str]) -> Group:
        for member in members:
            self._require_known(member)
            if member in self._members:  # otherwise one witness could count twice
                raise ValueError(f"{member!r} is a member already")
            self._members.add(member)
        if threshold in ("any", "all"):
            count = 1 if threshold == "any" else len(members)
        elif _COUNT.fullmatch(threshold):
            count = int(threshold)
        else:
            raise ValueError("a group needs `all`, `any` or a number of its members")
        if not 1 <= count <= len(members):
            raise ValueError(f"{count} of {len(members)} members cannot cosign")
        return Group(count, tuple(members))

    def _require_new(self, name: str) -> None:
        if name == NO_QUORUM or name in self.witnesses or name in self.groups:
            raise ValueError(f"the name {name!r} is taken")

    def _require_known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise ValueError(f"no line above defines {name!r}")

    @staticmethod
    def _key(vkey: str, kind: int, seen: set[str]) -> VerifierKey | None:
        """Return the key, or None if it is of a kind that nobody here can check. `seen` are the keys before it."""
        key: VerifierKey | None
        try:
            key = VerifierKey.parse(vkey)
            if key.kind != kind:
                raise ValueError(f"the key of {key.name} is of kind 0x{key.kind:02x}, here it has to be 0x{kind:02x}")
            bare = key.public_key.hex()
        except UnsupportedKey:
            key, bare = None, vkey.split("+", 2)[2]
        if bare in seen:
            raise ValueError("the same key a second time")
        seen.add(bare)
        return key
