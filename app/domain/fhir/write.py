"""FHIR R4 (4.0.1) as this house writes it: values in, plain dictionaries out. Pure: no clock, no store, no framework.

`write` has what all writers share, and the person, the visit, appointments and when doctors sit; `write_clinical` what was written
about a person; `write_access` consents, who looked, and what was done with its receipt; `write_bundle` bundles, outcomes and the text.

Numbers that were measured are Decimal until `write_bundle.to_json`, so that 6.10 stays 6.10.

Sources: HL7 FHIR R4 8.1 Patient, 8.11 Encounter, 12.10 Appointment, 12.11 Schedule, 12.12 Slot; 2.24.0.8 (ids).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from app.domain.calendar import local

Resource = dict[str, Any]

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
REF_LENGTH = 22
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")

ENCOUNTER_STATUSES = frozenset(
    {
        "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown",
    }
)  # fmt: skip
# Our state of an appointment -> Appointment.status. A hold that ran out, or was given back, was never booked.
APPOINTMENT_STATUS: Mapping[str, str] = {
    "held": "pending",
    "booked": "booked",
    "checked_in": "checked-in",
    "in_consult": "fulfilled",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "released": "cancelled",
    "expired": "cancelled",
    "no_show": "noshow",
}


@dataclass(frozen=True)
class Frame:
    """Where resources live: `base` is the address that relative references start from, without a slash at its end; `origin`
    names the ledger."""

    base: str
    origin: str = ""

    def sid(self, name: str) -> str:
        """Return the name of one of our own systems of identifiers or codes."""
        return f"{self.base.removesuffix('/R4')}/sid/{name}"


@dataclass(frozen=True)
class Name:
    """A name in both languages."""

    zh: str
    en: str = ""


@dataclass(frozen=True)
class About:
    """What every resource of a person has: its row's reference and version, whose it is, in which visit, by whom.

    `recorded_at` is when it was recorded; None where what was loaded from outside does not say.
    """

    ref: str
    version: int
    patient: str
    encounter: str | None = None
    recorded_at: datetime | None = None
    author: Name | None = None


def fhir_id(ref: str) -> str:
    """Return a reference of ours as a FHIR id: FHIR has no underscore in ids, our references have no full stop."""
    return ref.replace("_", ".")


def ref_of(its_id: str) -> str:
    """Return the reference that an id was made from."""
    return its_id.replace(".", "_")


def head(kind: str, ref: str, version: int) -> Resource:
    """Return the beginning of a resource that has versions."""
    return {"resourceType": kind, "id": fhir_id(ref), "meta": {"versionId": str(version)}}


def reference(kind: str, ref: str) -> Resource:
    return {"reference": f"{kind}/{fhir_id(ref)}"}


def shown(name: Name | None) -> Resource | None:
    """Return a reference that names somebody and leads nowhere: staff and rooms are no resources here."""
    return {"display": name.zh or name.en} if name and (name.zh or name.en) else None


def moment(at: datetime) -> str:
    """Return an instant on the hospital's clock with its offset, to the millisecond where there are any."""
    here = local(at)
    return here.isoformat(timespec="milliseconds" if here.microsecond else "seconds")


def instant_text(at: datetime) -> str:
    """Return an instant in UTC, as FHIR's type `instant` wants it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def coding(system: str, code: str, display: str = "") -> Resource:
    return clean({"system": system, "code": code, "display": display})


def concept(text: str = "", *codings: Resource) -> Resource:
    return clean({"coding": list(codings), "text": text})


def clean(resource: Resource) -> Resource:
    """Return a dictionary without what is empty: FHIR has no empty lists, texts or objects (2.6.2)."""
    return {name: value for name, value in resource.items() if value is not None and value not in ("", [], {})}


# People


def write_patient(frame: Frame, about: About, name: str, sex: str, birth_on: date | None) -> Resource:
    """Return a person: the hospital's own number, name, sex, birth date. Document and phone stay in the house."""
    kind = concept("", coding(f"{TERMINOLOGY}/v2-0203", "MR", "Medical record number"))
    return clean(
        {
            **head("Patient", about.ref, about.version),
            "identifier": [{"use": "usual", "type": kind, "system": frame.sid("patient"), "value": about.ref}],
            "active": True,
            "name": [{"use": "official", "text": name}] if name else [],
            "gender": sex if sex in ("male", "female", "other") else "unknown",
            "birthDate": birth_on.isoformat() if birth_on else None,
        }
    )


def write_encounter(
    about: About,
    state: str,
    payload: Mapping[str, Any],
    started_at: datetime | None,
    finished_at: datetime | None,
    *,
    appointment: str | None = None,
    department: Name | None = None,
) -> Resource:
    """Return a visit. `payload` is the sealed one: place, reason, and what an imported encounter said of itself."""
    said = str(payload.get("status", ""))
    status = {"in_progress": "in-progress", "finished": "finished"}.get(state)
    kind = str(payload.get("class", ""))
    place = str(payload.get("place", "")) or (department.zh if department else "")
    period = {"start": moment(started_at) if started_at else None, "end": moment(finished_at) if finished_at else None}
    participant = shown(about.author)
    return clean(
        {
            **head("Encounter", about.ref, about.version),
            "status": status or (said if said in ENCOUNTER_STATUSES else "unknown"),
            "class": {"display": kind} if kind else coding(f"{TERMINOLOGY}/v3-ActCode", "AMB", "ambulatory"),
            "serviceType": concept(place),
            "subject": reference("Patient", about.patient),
            "participant": [{"individual": participant}] if participant else [],
            "appointment": [reference("Appointment", appointment)] if appointment else [],
            "period": clean(period),
            "reasonCode": [concept(str(payload["reason"]))] if payload.get("reason") else [],
        }
    )


# Booking


def write_appointment(
    frame: Frame,
    about: About,
    state: str,
    starts_at: datetime,
    ends_at: datetime,
    *,
    slot: str | None,
    cancelled_by: str | None = None,
    department: Name | None = None,
    room: Name | None = None,
) -> Resource:
    """Return an appointment; `about.author` is the doctor. One without a slot is a walk-in."""
    status = APPOINTMENT_STATUS[state]
    others = [shown(about.author), shown(room)]
    by = {"patient": ("pat", "Patient"), "clinic": ("prov", "Provider"), "desk": ("other", "Other")}.get(
        cancelled_by or "", ("other", "Other")
    )
    reason = coding(f"{TERMINOLOGY}/appointment-cancellation-reason", *by)
    way = ("ROUTINE", "Routine appointment") if slot else ("WALKIN", "A previously unscheduled walk-in visit")
    return clean(
        {
            **head("Appointment", about.ref, about.version),
            "identifier": [{"system": frame.sid("appointment"), "value": about.ref}],
            "status": status,
            "cancelationReason": concept("", reason) if status == "cancelled" else None,
            "serviceType": [concept(department.zh, *_english(department))] if department else [],
            "appointmentType": concept("", coding(f"{TERMINOLOGY}/v2-0276", *way)),
            "start": instant_text(starts_at),
            "end": instant_text(max(starts_at, ends_at)),
            "slot": [reference("Slot", slot)] if slot else [],
            "created": moment(about.recorded_at) if about.recorded_at else None,
            "participant": [
                {"actor": reference("Patient", about.patient), "required": "required", "status": "accepted"},
                *({"actor": actor, "status": "accepted"} for actor in others if actor),
            ],
        }
    )


def write_schedule(
    ref: str, doctor: Name, department: Name, room: Name, starts_at: datetime, ends_at: datetime, *, is_stopped: bool
) -> Resource:
    """Return a doctor's sitting: who, where, from when to when. It has no versions: it is no record of anybody's."""
    return clean(
        {
            "resourceType": "Schedule",
            "id": fhir_id(ref),
            "active": not is_stopped,
            "serviceType": [concept(department.zh, *_english(department))],
            "actor": [actor for actor in (shown(doctor), shown(room)) if actor],
            "planningHorizon": {"start": moment(starts_at), "end": moment(ends_at)},
        }
    )


def write_slot(
    ref: str, schedule: str, starts_at: datetime, ends_at: datetime, *, is_free: bool, is_stopped: bool
) -> Resource:
    """Return a number source. Whose it is when it is taken, nobody learns from it."""
    return {
        "resourceType": "Slot",
        "id": fhir_id(ref),
        "schedule": reference("Schedule", schedule),
        "status": "busy-unavailable" if is_stopped else "free" if is_free else "busy",
        "start": instant_text(starts_at),
        "end": instant_text(ends_at),
    }


def _english(name: Name) -> list[Resource]:
    return [{"display": name.en}] if name.en and name.en != name.zh else []
