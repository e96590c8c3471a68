"""Sealing: one payload per row version, AES-256-GCM, bound to its table, row and version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from app.adapters.errors import SealBroken
from app.adapters.keyring import Keyring, decrypt, encrypt

log = structlog.get_logger()

RETENTIONS = ("identity", "contact", "clinical", "events", "messages")
MOST_SAID = 100  # broken seals that one process tells its log of, each once: boards are asked for every two seconds

_written = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":")
).encode  # made once: every payload goes through it


class Vault:
    """Seals and opens payloads under the keyring's data keys. Implements `ports.Vault`."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._said: set[str] = set()

    def welcome(self, owner: str) -> None:
        """Make all of a new owner's keys; before the transaction that writes its first row."""
        self._keyring.ensure(owner, RETENTIONS)

    def welcome_new(self, owners: Sequence[str]) -> None:
        """Make all keys of several owners whose refs are new, at once."""
        self._keyring.ensure_new(owners, RETENTIONS)

    def seal(self, owner: str, retention: str, place: str, payload: dict[str, Any]) -> bytes:
        """Return the sealed payload. `place` is `table|row|version`: the bytes open nowhere else."""
        return encrypt(self._keyring.key(owner, retention), _written(payload).encode(), place.encode())

    def open(self, owner: str, retention: str, place: str, sealed: bytes) -> dict[str, Any]:
        """Undo `seal`. Raises SealBroken for other bytes or another place, KeyGone when the key is."""
        try:
            opened = json.loads(decrypt(self._keyring.key(owner, retention), sealed, place.encode()))
        except SealBroken:
            self._say(place)
            raise
        assert isinstance(opened, dict)  # noqa: S101 (we sealed it)
        return opened

    def _say(self, place: str) -> None:
        if len(self._said) < MOST_SAID and place not in self._said:
            self._said.add(place)
            log.error("seal.broken", place=place)

    def prepare(self, owners: Iterable[str], retention: str) -> None:
        """Fetch the keys of many owners at once."""
        self._keyring.prepare(owners, retention)

    def digest(self, kind: str, value: str) -> bytes:
        return self._keyring.digest(kind, value)

    def find(self, kind: str, value: str) -> str | None:
        return self._keyring.find(kind, value)

    def claim(self, kind: str, value: str, ref: str) -> str:
        return self._keyring.claim(kind, value, ref)

    def destroy(self, keys: Iterable[tuple[str, str]], holders: Iterable[str]) -> None:
        """Destroy data keys and the blind indexes of refs; harmless to repeat."""
        self._keyring.destroy(keys, holders)

    def close(self) -> None:
        self._keyring.close()
