"""What an import finds that an earlier one left: for each address of a source its row, asked for at once.

An address is kept as a blind digest: it may hold a name or a number of wherever it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.domain.clinical import Kind
from app.models import ClinicalRecord, Document, Immunization, ImportedResource, Patient, Problem, Visit
from app.services.sealing import vault_of

LISTS: dict[str, type[Any]] = {"problem": Problem, "immunization": Immunization, "document": Document}
MODELS: dict[str, type[Any]] = {
    "patient": Patient, "visit": Visit, **dict.fromkeys(Kind, ClinicalRecord), **LISTS,
}  # fmt: skip
MOST_AT_ONCE = 500  # SQLite takes a bounded number of parameters


class Before:
    """What addresses of one source were loaded as: by an earlier run, or by this one since.

    Used within one transaction.
    """

    def __init__(self, session: Session, source: str) -> None:
        self._session = session
        self._source = source
        self._keys: dict[str, bytes] = {}
        self._known: dict[str, ImportedResource | None] = {}
        self._held: list[Any] = []  # rows of an earlier run, held so that asking for one asks no database

    def fetch(self, addresses: Sequence[str]) -> None:
        """Ask at once for what these addresses were loaded as, and for those rows."""
        found = self.known_of(addresses)
        self._known |= {address: found.get(address) for address in addresses}
        by_model: dict[type[Any], list[str]] = {}
        for row in found.values():
            by_model.setdefault(MODELS[row.row_kind], []).append(row.row_id)
        for model, ids in by_model.items():
            self._held += self._rows_of(model, inspect(model).primary_key[0], ids)

    def known_of(self, addresses: Sequence[str]) -> dict[str, ImportedResource]:
        """Return what is known of these addresses, by address."""
        by_key = {self.key(address): address for address in addresses}
        rows = self._rows_of(ImportedResource, ImportedResource.key, list(by_key))
        return {by_key[row.key]: row for row in rows}

    def of(self, address: str) -> ImportedResource | None:
        """Return what an address was loaded as, None where it never was."""
        if address not in self._known:
            self._known[address] = self._session.get(ImportedResource, self.key(address))
        return self._known[address]

    def add(self, address: str, columns: Mapping[str, Any]) -> None:
        """Take in that an address was loaded just now, as a row with these columns, which the caller writes."""
        # Outside the session: thousands are, and only looked at.
        row: ImportedResource = ImportedResource.__mapper__.class_manager.new_instance()
        row.__dict__.update(columns)
        self._known[address] = row

    def key(self, address: str) -> bytes:
        """Return the blind digest that an address of this source is kept as."""
        if address not in self._keys:
            self._keys[address] = vault_of(self._session).digest("fhir", f"{self._source}\n{address}")
        return self._keys[address]

    def _rows_of(self, model: Any, column: Any, values: Sequence[Any]) -> Iterator[Any]:
        for start in range(0, len(values), MOST_AT_ONCE):
            yield from self._session.scalars(select(model).where(column.in_(values[start : start + MOST_AT_ONCE])))
