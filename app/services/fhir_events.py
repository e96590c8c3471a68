"""Events as FHIR: looks as AuditEvent, acts as Provenance with the receipt's id and its entry in the ledger.

This is one of the openers of events. What they name is cut to the types that the reader may have: a grant of results must not tell
from the log that there is a diagnosis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from app.domain.clinical import Kind
from app.domain.fhir.write import Name, Resource
from app.domain.fhir.write_access import TYPES, Seen, write_audit_event, write_provenance
from app.domain.fhir.write_clinical import line_id
from app.models import ClinicalRecord, Event
from app.services import events
from app.services.fhir_sources import Source, Sources
from app.services.sealing import open_payload

RECORD_TYPES: Mapping[str, str] = {
    Kind.OBSERVATION: "Observation",
    Kind.REPORT: "DiagnosticReport",
    Kind.PRESCRIPTION: "MedicationRequest",
    Kind.DIAGNOSIS: "Condition",
    Kind.ALLERGY: "AllergyIntolerance",
}
SIDES = {"AuditEvent": "look", "Provenance": "act"}


class EventSources:
    """The sources of AuditEvent and Provenance for a reader of `types`, beside the others of the request."""

    def __init__(self, sources: Sources, types: Iterable[str], account_ref: str) -> None:
        self.sources = sources
        self.types = frozenset(types)
        self.account_ref = account_ref

    def of(self, kind: str) -> tuple[Source, ...]:
        mine = [Event.subject_ref == self.sources.patient, Event.side == SIDES[kind]]
        write = self._audit_event if kind == "AuditEvent" else self._provenance
        return (Source(Event, Event.at, mine, write, Event.at),)

    def _audit_event(self, row: Event) -> list[Resource]:
        return [write_audit_event(self.sources.frame, self._seen(row))]

    def _provenance(self, row: Event) -> list[Resource]:
        seen = self._seen(row)
        return [write_provenance(self.sources.frame, seen)] if seen.targets else []

    def _seen(self, row: Event) -> Seen:
        _opened, own = events.read_event(self.sources.session, row)
        actor = own["actor"]
        return Seen(
            id=row.id,
            at=row.at,
            type=row.type,
            patient=self.sources.patient,
            actor_kind=row.actor_kind,
            role=str(actor["role"] or ""),
            who=self._who(row),
            entry=row.entry,
            targets=tuple(self._targets(own["objects"])),
            purpose=str(own.get("purpose", "")),
            rule=str(own["detail"].get("rule", "")) if row.type == "act.refused" else "",
            consent=str(own.get("consent", "")),
        )

    def _who(self, row: Event) -> Name | None:
        if row.actor_kind == "staff":
            return self.sources.staff(row.actor_ref)
        if row.actor_kind == "app":
            return self.sources.app(row.actor_ref)
        return Name("您自己的账号", "Your own account") if row.actor_ref == self.account_ref else None

    def _targets(self, objects: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
        found: list[tuple[str, str, int]] = []
        for bound in objects:
            name, ref, version = str(bound["type"]).partition(".")[0], str(bound["id"]), int(bound["version"])
            kind = TYPES.get(name)
            if name == "record":
                found += self._record(ref, version)
            elif kind is not None and kind in self.types:
                found.append((kind, ref, version))
        return found

    def _record(self, ref: str, version: int) -> list[tuple[str, str, int]]:
        session = self.sources.session
        kind = session.scalar(select(ClinicalRecord.kind).where(ClinicalRecord.id == ref))
        resource_type = RECORD_TYPES.get(str(kind))
        if resource_type is None or resource_type not in self.types:
            return []
        if resource_type != "MedicationRequest":
            return [(resource_type, ref, version)]
        said = open_payload(session, session.get_one(ClinicalRecord, ref))[0]
        lines, resource_type = said.get("lines", ()), "MedicationStatement" if said.get("form") else resource_type
        return [(resource_type, line_id(ref, number), version) for number in range(1, len(lines) + 1)]
