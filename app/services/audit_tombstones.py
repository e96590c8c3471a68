"""What an erasure's event says of the tombstones that it left, so that none can be added or taken away afterwards."""

from __future__ import annotations

from hashlib import sha256


class Tombstones:
    """The tombstones of one erasure, counted and digested. Rows come sorted by (kind, id), events by serial."""

    def __init__(self) -> None:
        self.rows = 0
        self.events = 0
        self._rows = sha256(b"mingzhen.erased_rows.v1\n")
        self._events = sha256(b"mingzhen.erased_events.v1\n")

    def add_row(self, kind: str, row_id: str, version: int) -> None:
        self.rows += 1
        self._rows.update(f"{kind}|{row_id}|{version}\n".encode())

    def add_event(self, serial: int) -> None:
        self.events += 1
        self._events.update(f"{serial}\n".encode())

    @property
    def digest(self) -> str:
        """The SHA-256, in hex, of the digest of the rows and that of the events."""
        return sha256(self._rows.digest() + self._events.digest()).hexdigest()
