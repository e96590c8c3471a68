"""Which rows go in an erasure, found from the tables themselves, so that a new table cannot be forgotten; and taking them away.

What belongs to somebody says so in a column (`patient_ref`, `account_ref`); what hangs on such a row says so by a foreign key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Table, and_, delete, insert, or_, select, text, update
from sqlalchemy.orm import Session

from app.domain.retention import GOES_NOW, goes_now
from app.models import Base, ErasedEvent, ErasedRow, Erasure, Event, SubjectChain
from app.services.audit_kinds import BY_TABLE
from app.services.audit_tombstones import Tombstones

Key = tuple[Any, ...]
Victims = dict[Table, set[Key]]

# Never taken away by what they refer to: what says that something was erased, and events, which have tombstones of their own.
_STAYS: frozenset[Any] = frozenset(model.__table__ for model in (Event, SubjectChain, ErasedEvent, ErasedRow, Erasure))
AT_ONCE = 200  # keys in one statement


def overwrite(session: Session) -> None:
    """Let SQLite overwrite with zeros what this transaction deletes (secure_delete), before anything is."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete=ON"))


def of_request(session: Session, patient_ref: str | None, account_ref: str) -> Victims:
    """Return what goes at once when an account asks, for its own person and itself: consents, shares, messages."""
    victims: Victims = defaultdict(set)
    for table in Base.metadata.sorted_tables:
        model = BY_TABLE.get(table.name)
        if model is None:
            continue
        if not goes_now(model.OBJECT, model.RETENTION) or table.name in ("account", "patient"):
            continue
        _add(session, victims, table, _belongs(table, model.OBJECT, patient_ref, account_ref))
    for name, columns in (("outbox", ("account_ref", "patient_ref")), ("message_quota", ("account_ref",))):
        table = Base.metadata.tables[name]
        mine = [
            table.c[c] == ref for c, ref in (("account_ref", account_ref), ("patient_ref", patient_ref)) if c in columns
        ]
        _add(session, victims, table, or_(*mine))
    sessions = Base.metadata.tables["web_session"]
    _add(session, victims, sessions, sessions.c.owner_ref == account_ref)
    return _with_what_hangs_on(session, victims)


def _belongs(table: Table, kind: str, patient_ref: str | None, account_ref: str) -> Any:
    """What an account agreed to or shared goes with it, of whomever it was: the event that names it is the account's. What was
    said for somebody else stays theirs."""
    of_account = kind.split(".")[0] in GOES_NOW and "account_ref" in table.c
    of_person = table.c.patient_ref == patient_ref
    return or_(of_person, table.c.account_ref == account_ref) if of_account else of_person


def of_person(session: Session, patient_ref: str) -> Victims:
    """Return everything that belongs to a person."""
    victims: Victims = defaultdict(set)
    for table in Base.metadata.sorted_tables:
        if "patient_ref" in table.c and table not in _STAYS:
            _add(session, victims, table, table.c.patient_ref == patient_ref)
    patients = Base.metadata.tables["patient"]
    _add(session, victims, patients, patients.c.ref == patient_ref)
    return _with_what_hangs_on(session, victims)


def _add(session: Session, victims: Victims, table: Table, which: Any) -> bool:
    """Add rows to the victims; tell whether any was new."""
    keys = {tuple(row) for row in session.execute(select(*table.primary_key.columns).where(which))}
    is_new = not keys <= victims[table]
    victims[table] |= keys
    return is_new


def _with_what_hangs_on(session: Session, victims: Victims) -> Victims:
    """Add the rows whose foreign keys name a victim, until there is none left."""
    goes_on = True
    while goes_on:
        goes_on = False
        for table in Base.metadata.sorted_tables:
            if table in _STAYS:
                continue
            for column in table.columns:
                for foreign in column.foreign_keys:
                    there = victims.get(foreign.column.table)
                    if not there or foreign.column.name != foreign.column.table.primary_key.columns[0].name:
                        continue
                    for some in _parts([key[0] for key in there]):
                        goes_on |= _add(session, victims, table, column.in_(some))
    return {table: keys for table, keys in victims.items() if keys}


def bury(session: Session, victims: Victims, subjects: Sequence[str], stones: Tombstones) -> Burial:
    """Take the rows and the subjects' events away, counting their tombstones; `lay` writes these once the erasure's event is
    there, which says how many there are."""
    rows: list[tuple[str, str, int]] = []
    for table, keys in victims.items():
        model = BY_TABLE.get(table.name)
        if model is not None:
            key = table.c[model.KEY]
            for some in _parts([k[0] for k in keys]):
                rows += [
                    (model.OBJECT, str(i), v)
                    for i, v in session.execute(select(key, table.c.version).where(key.in_(some)))
                ]
    serials: list[int] = []
    for subject in subjects:
        serials += session.scalars(select(Event.serial).where(Event.subject_ref == subject))
    _delete(session, victims)
    for subject in subjects:
        session.execute(delete(Event).where(Event.subject_ref == subject))
        session.execute(delete(SubjectChain).where(SubjectChain.subject == subject))
    return Burial(rows, serials, stones)


class Burial:
    """What was taken away and has no tombstone yet. `also` adds a row that is emptied in its place."""

    def __init__(self, rows: list[tuple[str, str, int]], serials: list[int], stones: Tombstones) -> None:
        self._rows = rows
        self._serials = serials
        self.stones = stones
        self._is_counted = False

    def also(self, kind: str, row_id: str, version: int) -> None:
        self._rows.append((kind, row_id, version))

    def count(self) -> Tombstones:
        """Return the tombstones, counted and digested in their order."""
        if not self._is_counted:
            for kind, row_id, version in sorted(self._rows):
                self.stones.add_row(kind, row_id, version)
            for serial in sorted(self._serials):
                self.stones.add_event(serial)
            self._is_counted = True
        return self.stones

    def lay(self, session: Session, event_id: str) -> None:
        """Write the tombstones, each with the erasure's event."""
        rows = [{"kind": k, "row_id": i, "version": v, "erased_by": event_id} for k, i, v in self._rows]
        if rows:
            session.execute(insert(ErasedRow), rows)
        if self._serials:
            session.execute(insert(ErasedEvent), [{"serial": s, "erased_by": event_id} for s in self._serials])


def _delete(session: Session, victims: Victims) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA defer_foreign_keys=ON"))  # of a table that refers to itself
    for table in reversed(Base.metadata.sorted_tables):
        keys = victims.get(table)
        if not keys:
            continue
        columns = list(table.primary_key.columns)
        for column in table.columns:
            if any(foreign.column.table is table for foreign in column.foreign_keys):
                for some in _parts([key[0] for key in keys]):
                    session.execute(update(table).where(columns[0].in_(some)).values({column: None}))
        if len(columns) == 1:
            for some in _parts([key[0] for key in keys]):
                session.execute(delete(table).where(columns[0].in_(some)))
        else:
            for key in keys:
                session.execute(delete(table).where(and_(*(c == v for c, v in zip(columns, key, strict=True)))))


def _parts(values: Iterable[Any]) -> Iterable[list[Any]]:
    every = list(values)
    return (every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE))
