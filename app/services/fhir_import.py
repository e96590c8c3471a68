"""Loading records that nobody here wrote: FHIR R4, a person, or a portion of one, at a time, each with an event of its own.

Loading the same again changes nothing; loading what was changed makes new versions. What is loaded counts as recorded when
it happened, not now: an account that only knew an ID number sees no more of the past through it (DESIGN, section 6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.domain.actor import Actor
from app.domain.calendar import hospital_day
from app.domain.clinical import Kind
from app.domain.fhir import read, read_lists
from app.domain.fhir.parse import BrokenFHIR, Found, Index, Resource, content_of
from app.domain.fhir.read_lists import Listed
from app.domain.ids import new_ref
from app.domain.names import match_key
from app.models import (
    Bound,
    ClinicalRecord,
    Document,
    ImportedResource,
    Patient,
    Prepared,
    Visit,
    from_ms,
    projected,
)
from app.services import attachments, events, people, series
from app.services.fhir_before import LISTS, Before
from app.services.fhir_gather import Group, Trouble
from app.services.sealing import held, insert_first, open_payload, seal_first, seal_next, vault_of

RECORDS = ("Observation", "MedicationRequest", "MedicationStatement", "AllergyIntolerance")
LONG_AGO = from_ms(0)  # when something of no known day was recorded: before any link


_ADD_IMPORTED = Prepared(insert(ImportedResource.__table__))


@dataclass
class Loaded:
    """What became of one person's resources, or of one portion of them, counted by type. `person` is None where they could not be placed."""

    person: str | None = None
    new: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)  # what states that there is nothing to state
    is_unverified: bool = False
    has_unusable_id: bool = False
    broken: list[Trouble] = field(default_factory=list)
    without_person: list[Trouble] = field(default_factory=list)


def load_people(
    session: Session,
    actor: Actor,
    groups: Sequence[Group],
    index: Index,
    now: datetime,
    *,
    source: str,
    refs: Sequence[str],
) -> list[Loaded]:
    """Load people with all that is about them, or the next portion of it; record `record.imported` of each of whom anything is new or
    changed.

    `source` names the system that the files come from: the same address from another one is another thing. `refs` has one for
    each group that is likely to be new, with its keys made; where it is empty they are made when they are wanted.
    """
    before = Before(session, source)
    before.fetch([address for group in groups for address in (group.address, *(f.address for f in group.others))])
    return [
        _Loading(session, index, before, now, ref).load(actor, group) for group, ref in zip(groups, refs, strict=True)
    ]


def are_new(session: Session, groups: Sequence[Group], source: str) -> list[bool]:
    """Say of each group whether nobody was loaded under its address yet: who is likely to need keys."""
    known = Before(session, source).known_of([group.address for group in groups])
    return [group.patient is not None and group.address not in known for group in groups]


class _Loading:
    """One person's part of a transaction: keys and rows found or made, and the rows that the event will name."""

    def __init__(self, session: Session, index: Index, before: Before, now: datetime, ref: str = "") -> None:
        self.ref = ref
        self.session = session
        self.index = index
        self.before = before
        self.now = now
        self.done = Loaded()
        self.rows: list[Bound] = []
        self.unwritten: list[Bound] = []  # new rows, sealed; `_settle` writes them
        self.unwritten_keys: list[dict[str, Any]] = []

    def load(self, actor: Actor, group: Group) -> Loaded:
        try:
            patient = self._person(group)
        except BrokenFHIR as broken:
            self.done.broken.append(_trouble(group.patient, broken))
            patient = None
        if patient is None:
            reason = (
                "its Patient is broken"
                if group.patient or group.is_rest
                else "its Patient is in no file, and was never loaded"
            )
            self.done.without_person += [Trouble(f.file, f"{f.type}: {reason}") for f in group.others]
            return self.done
        self.done.person = patient.ref
        by_type: dict[str, list[Found]] = {}
        for found in group.others:
            by_type.setdefault(found.type, []).append(found)
        for found in by_type.get("Encounter", ()):
            self._guarded(found, patient, self._visit)
        self._settle()
        self._records(patient, by_type)
        for kind in ("Condition", "Immunization", "DocumentReference"):
            for found in by_type.get(kind, ()):
                self._guarded(found, patient, self._listed)
        self._settle()
        if self.rows:
            detail = {"count": len(self.rows), "kept_unverified": int(self.done.is_unverified)}
            events.record(
                self.session, "record.imported", actor, self.now, subject=patient.ref, objects=self.rows, detail=detail
            )
        return self.done

    def _guarded(self, found: Found, patient: Patient, load: Any) -> None:
        try:
            load(found, patient)
        except BrokenFHIR as broken:
            self.done.broken.append(_trouble(found, broken))

    def _settle(self) -> None:
        """Write what is new so far: before anything that may refer to it, and before the event that names it."""
        insert_first(self.session, self.unwritten)
        _ADD_IMPORTED.run_many(self.session.connection(), self.unwritten_keys)
        self.unwritten, self.unwritten_keys = [], []

    # People

    def _person(self, group: Group) -> Patient | None:
        """Return the person of a group: known by address, or by document, or new."""
        known = self.before.of(group.address)
        patient = self.session.get(Patient, known.patient_ref) if known else None
        if group.patient is None:
            return patient
        person = read.read_person(group.patient.resource, hospital_day(self.now))
        if patient is None:
            patient = self._by_document(person) or self._new_person(person)
        elif patient.source == "import" and not patient.is_verified:
            self._refresh(patient, person)
        document = person.document.number if person.document else None
        fingerprint = self._hash([person.name, _said(person), person.phone, document])
        if known is not None and known.content_hash == fingerprint:
            self.done.unchanged["Patient"] += 1
        else:
            self._remember(group.patient, patient.ref, patient.ref, "patient", known, fingerprint)
        identity = open_payload(self.session, patient)[0]
        self.done.is_unverified = not identity.get("number")
        self.done.has_unusable_id = person.has_unusable_id
        return patient

    def _by_document(self, person: read.Person) -> Patient | None:
        """Return who has this document here already, if it is plainly the same person: a number typed wrong somewhere must
        not put one person's record into another's."""
        if person.document is None:
            return None
        ref = vault_of(self.session).find("document", person.document.key)
        patient = self.session.get(Patient, ref) if ref else None
        if patient is None:
            return None
        name = open_payload(self.session, patient)[0].get("name", "")
        return patient if match_key(name) == match_key(person.name) else None

    def _new_person(self, person: read.Person) -> Patient:
        ref, document = self.ref or new_ref(), person.document
        if document is not None:
            holder = vault_of(self.session).claim("document", document.key, ref)
            if self.session.get(Patient, holder) is None:
                ref = holder
            else:
                document = None  # somebody of another name has it: for the desk to sort out
        patient = people.create_patient(
            self.session, ref, document, person.name, person.phone, "import", self.now, extra=_said(person),
            has_keys=ref == self.ref,
        )  # fmt: skip
        self.rows.append(patient)
        return patient

    def _refresh(self, patient: Patient, person: read.Person) -> None:
        """Bring a person up to date that only imports have told of. Raises BrokenFHIR for somebody else."""
        old = open_payload(self.session, patient)[0]
        born = old.get("birth_on")
        is_other_name = match_key(old.get("name", "")) != match_key(person.name)
        if is_other_name and born and person.birth_on and born != person.birth_on.isoformat():
            raise BrokenFHIR("another person under the address of a known one; name the source with --source")
        identity = {"name": person.name, **_said(person)}
        if person.document is not None:
            holder = vault_of(self.session).claim("document", person.document.key, patient.ref)
            if holder == patient.ref:
                identity |= people.document_said(person.document)
        elif old.get("number"):
            identity |= {name: old[name] for name in ("document", "country", "number", "birth_on", "sex")}
        if identity != old:
            seal_next(self.session, patient, identity)
            self.rows.append(patient)
        if person.phone and people.contact_of(self.session, patient).get("phone") != person.phone:
            people.set_contact(self.session, patient, {"phone": person.phone})

    # Visits and records

    def _visit(self, found: Found, patient: Patient) -> None:
        said = read.read_encounter(found.resource)
        known = self._own(found.address, patient)
        visit = self.session.get(Visit, known.row_id) if known else None
        fingerprint = self._hash([said.state, _at(said.started_at), _at(said.finished_at), said.payload])
        if visit is not None and known and known.content_hash == fingerprint:
            self.done.unchanged[found.type] += 1
            return
        columns = {
            "state": said.state, "started_at": said.started_at, "finished_at": said.finished_at,
            "recorded_at": self._happened(said.started_at),
        }  # fmt: skip
        visit = self._write(Visit, visit, columns, patient, said.payload)
        self._remember(found, patient.ref, visit.id, "visit", known, fingerprint)

    def _records(self, patient: Patient, by_type: dict[str, list[Found]]) -> None:
        """Load reports, then what they measure, then prescriptions.

        An observation belongs to the first report that names it, and to that report's visit where it names none itself.
        """
        reports: dict[str, ClinicalRecord] = {}
        wanted = [f for kind in RECORDS for f in by_type.get(kind, ())]
        ids: dict[str, str] = {}
        for found in by_type.get("Observation", ()):
            known = self._mine(found.address, patient)
            ids[found.address] = known.row_id if known else new_ref()
        for found in by_type.get("DiagnosticReport", ()):
            try:
                said = read.read_report(found.resource)
                results = self._results(found, patient, ids)
                said.payload["order"] = list(results.values())
                row = self._record(found, patient, said, self._visit_of(found, patient), None)
                for address in results:
                    reports.setdefault(address, row)
            except BrokenFHIR as broken:
                self.done.broken.append(_trouble(found, broken))
        self._settle()
        for found in wanted:
            try:
                if read_lists.is_absence(found.resource):
                    self.done.absent[found.type] += 1
                    continue
                report = reports.get(found.address)
                visit_id = self._visit_of(found, patient) or (report.visit_id if report else None)
                row_id = ids.get(found.address)
                self._record(found, patient, self._read(found), visit_id, report.id if report else None, row_id)
            except BrokenFHIR as broken:
                self.done.broken.append(_trouble(found, broken))
        self._settle()

    def _read(self, found: Found) -> read.Record:
        if found.type == "Observation":
            return read.read_observation(found.resource)
        if found.type == "AllergyIntolerance":
            return read_lists.read_allergy(found.resource)
        medications = read.references(found.resource, "medicationReference")
        medication = self._target(found, medications[:1], "Medication")
        if found.type == "MedicationStatement":
            return read_lists.read_statement(found.resource, medication)
        return read.read_prescription(found.resource, medication)

    def _target(self, found: Found, references: Sequence[str], kind: str) -> Resource | None:
        """Return the resource of this type that a reference leads to, None where it is in no file."""
        target = self.index.resolve(references[0], found) if references and references[0] else None
        return target.resource if target and target.type == kind else None

    def _listed(self, found: Found, patient: Patient) -> None:
        """Load a row of a person's lists: new, changed or as it was."""
        if read_lists.is_absence(found.resource):
            self.done.absent[found.type] += 1
            return
        if found.type == "Condition":
            said = read_lists.read_condition(found.resource)
        elif found.type == "Immunization":
            said = read_lists.read_immunization(found.resource)
        else:
            binary = self._target(found, [read_lists.document_address(found.resource)], "Binary")
            said = read_lists.read_document(found.resource, binary)
        known = self._own(found.address, patient)
        fingerprint = self._hash([said.table, said.status, _at(said.at), said.payload])
        if known is not None and known.content_hash == fingerprint:
            self.done.unchanged[found.type] += 1
            return
        row = self.session.get(LISTS[said.table], known.row_id) if known else None
        if said.table == "document":
            row = self._document(said, row, patient, self._visit_of(found, patient))
        else:
            row = self._list_row(said, row, patient, self._visit_of(found, patient))
        self._remember(found, patient.ref, row.object_id, said.table, known, fingerprint)

    def _list_row(self, said: Listed, row: Any, patient: Patient, visit_id: str | None) -> Any:
        recorded_at = self._happened(said.at)
        of_table = {"given_at": said.at} if said.table == "immunization" else {"changed_at": recorded_at}
        columns = {
            "status": said.status, "visit_id": visit_id or (row.visit_id if row else None), "recorded_at": recorded_at, **of_table,
        }  # fmt: skip
        return self._write(LISTS[said.table], row, columns, patient, said.payload)

    def _write(
        self,
        model: Any,
        row: Any,
        columns: dict[str, Any],
        patient: Patient,
        payload: dict[str, Any],
        row_id: str | None = None,
    ) -> Any:
        """Return the row with these columns and this payload: the next version of `row`, or a new one for `_settle` to write."""
        if row is None:
            ours = {"id": row_id or new_ref(), "patient_ref": patient.ref, "source": "import"}
            row = held(model, {**dict.fromkeys(model.FIELDS), **ours, **columns})
            seal_first(self.session, row, payload)
            self.unwritten.append(row)
        else:
            for name, value in columns.items():
                setattr(row, name, value)
            seal_next(self.session, row, payload)
        self.rows.append(row)
        return row

    def _document(self, said: Listed, old: Any, patient: Patient, visit_id: str | None) -> Document:
        """Return the row of a document. Other bytes are another document: the one before stays, as superseded."""
        if old is not None and open_payload(self.session, old)[0]["sha256"] == said.payload["sha256"]:
            old.status, old.dated_at = said.status, said.at
            seal_next(self.session, old, said.payload)
            self.rows.append(old)
            return old
        if old is not None:
            payload = open_payload(self.session, old)[0]
            old.status = "superseded"
            seal_next(self.session, old, payload)
            self.rows.append(old)
        row, content = attachments.write(
            self.session, patient.ref, said.payload, said.data, self.now, visit_id=visit_id, dated_at=said.at,
            recorded_at=self._happened(said.at), source="import", status=said.status,
        )  # fmt: skip
        self.rows += [row, content]
        return row

    def _record(
        self,
        found: Found,
        patient: Patient,
        said: read.Record,
        visit_id: str | None,
        report_id: str | None,
        row_id: str | None = None,
    ) -> ClinicalRecord:
        """Return the row of a record, new, changed or as it was. Where it hangs is kept when this run does not say."""
        known = self._own(found.address, patient)
        row = self.session.get(ClinicalRecord, known.row_id) if known else None
        fingerprint = self._hash([said.kind, said.status, _at(said.effective_at), said.payload])
        if row is not None:
            visit_id, report_id = visit_id or row.visit_id, report_id or row.report_id
            is_same = known is not None and known.content_hash == fingerprint
            if is_same and (row.visit_id, row.report_id) == (visit_id, report_id):
                self.done.unchanged[found.type] += 1
                return row
        measured = series.key_of(self.session, patient.ref, said.payload) if said.kind is Kind.OBSERVATION else None
        columns = {
            "kind": said.kind.value, "visit_id": visit_id, "report_id": report_id, "status": said.status,
            "effective_at": said.effective_at, "recorded_at": self._happened(said.effective_at), "series": measured,
        }  # fmt: skip
        row = self._write(ClinicalRecord, row, columns, patient, said.payload, row_id)
        self._remember(found, patient.ref, row.id, said.kind.value, known, fingerprint)
        return row

    def _results(self, report: Found, patient: Patient, ids: dict[str, str]) -> dict[str, str]:
        """Return address and row of each observation that a report names, of the same person, in its order."""
        found = {}
        for reference in read.references(report.resource, "result"):
            target = self.index.resolve(reference, report)
            address = target.address if target else self.index.address_of(reference, report)
            known = self._mine(address, patient)
            row_id = ids.get(address) or (known.row_id if known and known.row_kind == Kind.OBSERVATION else None)
            if row_id:
                found[address] = row_id
        return found

    def _visit_of(self, found: Found, patient: Patient) -> str | None:
        name = "encounter"
        if "context" in found.resource:  # MedicationStatement has one; DocumentReference a group with several
            context = found.resource["context"]
            name = "context" if not isinstance(context, dict) or "reference" in context else ""
            if not name:
                return self._visit_among(found, read.references(context, "encounter"), patient)
        return self._visit_among(found, read.references(found.resource, name), patient)

    def _visit_among(self, found: Found, references: Sequence[str], patient: Patient) -> str | None:
        for reference in references:
            target = self.index.resolve(reference, found)
            known = self._mine(target.address if target else self.index.address_of(reference, found), patient)
            if known is not None and known.row_kind == "visit":
                return known.row_id
        return None

    def _happened(self, at: datetime | None) -> datetime:
        return min(at or LONG_AGO, self.now)

    # What was loaded before

    def _mine(self, address: str, patient: Patient) -> ImportedResource | None:
        """Return what an address was loaded as, if it is this person's."""
        known = self.before.of(address)
        return known if known is not None and known.patient_ref == patient.ref else None

    def _own(self, address: str, patient: Patient) -> ImportedResource | None:
        """Return what an address was loaded as. Raises BrokenFHIR where that was somebody else's."""
        known = self.before.of(address)
        if known is not None and known.patient_ref != patient.ref:
            raise BrokenFHIR("loaded before, for another person")
        return known

    def _hash(self, value: Any) -> bytes:
        """Return a blind digest: a plain one of so little content could be guessed."""
        return vault_of(self.session).digest("fhir-content", content_of({"value": value}))

    def _remember(
        self, found: Found, patient_ref: str, row_id: str, kind: str, known: ImportedResource | None, content: bytes
    ) -> None:
        if known is None:
            columns = {
                "key": self.before.key(found.address), "content_hash": content, "patient_ref": patient_ref, "row_id": row_id,
                "row_kind": kind,
            }  # fmt: skip
            self.unwritten_keys.append(columns)
            self.before.add(found.address, columns)
            self.done.new[found.type] += 1
        else:
            known.content_hash = content
            self.done.changed[found.type] += 1


def _said(person: read.Person) -> dict[str, Any]:
    born = person.birth_on.isoformat() if person.birth_on else None
    return {"birth_on": born, "sex": person.sex.value}


def _at(at: datetime | None) -> Any:
    return projected(at) if at else None


def _trouble(found: Found | None, broken: BrokenFHIR) -> Trouble:
    return Trouble(found.file if found else "", f"{found.type if found else ''}: {broken.why}")
