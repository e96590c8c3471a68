"""What kinds of things an opening showed, told from the objects that its event names: what 谁看过 says instead of a number.

Rows are counted by what stands in clear beside their sealed payloads; nothing is opened for it. What was erased since has no row
any more, and is counted as nothing in particular.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import ClinicalRecord, Document, DocumentContent, Immunization, LabOrder, Problem, Visit

MOST_AT_ONCE = 500  # ids in one statement: SQLite takes a bounded number of parameters
# As a person reads a record: when, what was found, what was given, what was measured, what stands.
ORDER = (
    "visit", "diagnosis", "advice", "prescription", "report", "observation", "lab_order", "allergy", "problem",
    "immunization", "document",
)  # fmt: skip
OF_OBJECT: Mapping[str, str] = {
    Visit.OBJECT: "visit",
    LabOrder.OBJECT: "lab_order",
    Problem.OBJECT: "problem",
    Immunization.OBJECT: "immunization",
    Document.OBJECT: "document",
    DocumentContent.OBJECT: "document",
}


def kinds_of(session: Session, events: Sequence[Iterable[Mapping[str, Any]]]) -> list[tuple[str, ...]]:
    """Return for the objects of each event what kinds of things they are, in the order in which a record is read; values that
    belong to a report stand for it. One query for all of them, in portions."""
    named = [list(objects) for objects in events]
    ids = {str(one["id"]) for objects in named for one in objects if one["type"] == ClinicalRecord.OBJECT}
    kind_of = dict(_kinds(session, sorted(ids)))
    return [_in_order(objects, kind_of) for objects in named]


def _kinds(session: Session, ids: Sequence[str]) -> Iterable[tuple[str, str]]:
    for start in range(0, len(ids), MOST_AT_ONCE):
        some = ids[start : start + MOST_AT_ONCE]
        query = select(ClinicalRecord.id, ClinicalRecord.kind).where(ClinicalRecord.id.in_(some))
        yield from ((str(row.id), str(row.kind)) for row in session.execute(query))


def _in_order(objects: Iterable[Mapping[str, Any]], kind_of: Mapping[str, str]) -> tuple[str, ...]:
    found = {
        kind_of.get(str(one["id"]), "") if one["type"] == ClinicalRecord.OBJECT else OF_OBJECT.get(str(one["type"]), "")
        for one in objects
    }
    if "report" in found:
        found.discard("observation")
    return tuple(kind for kind in ORDER if kind in found)
