"""Consents, who looked at a record, and what was done to it with the receipt that it left.

Sources: HL7 FHIR R4 6.2 Consent, 6.4 AuditEvent, 6.3 Provenance; v3 ActReason (purposes of use).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.fhir.write import (
    TERMINOLOGY,
    About,
    Frame,
    Name,
    Resource,
    clean,
    coding,
    concept,
    fhir_id,
    head,
    instant_text,
    moment,
    reference,
    shown,
)

ACT_REASON = f"{TERMINOLOGY}/v3-ActReason"
# Our purposes -> v3 ActReason; the others stand in our own words alone.
PURPOSES: Mapping[str, tuple[str, str]] = {
    "own_access": ("PATRQT", "patient requested"),
    "app_access": ("PATRQT", "patient requested"),
    "treatment": ("TREAT", "treatment"),
    "laboratory": ("TREAT", "treatment"),
    "sample_check": ("TREAT", "treatment"),
    "prescription_review": ("TREAT", "treatment"),
    "emergency": ("ETREAT", "Emergency Treatment"),
    "desk_board": ("HOPERAT", "healthcare operations"),
    "document_check": ("HOPERAT", "healthcare operations"),
}
# The rows that events bind -> the resources that they are.
TYPES: Mapping[str, str] = {
    "patient": "Patient",
    "visit": "Encounter",
    "appointment": "Appointment",
    "consent": "Consent",
    "app_grant": "Consent",
    "problem": "Condition",
    "immunization": "Immunization",
}


@dataclass(frozen=True)
class Seen:
    """One event as its person may read it. `targets` are (resource type, reference, version) of what it bound."""

    id: str
    at: datetime
    type: str
    patient: str
    actor_kind: str
    role: str
    who: Name | None
    entry: bytes = field(repr=False)
    targets: Sequence[tuple[str, str, int]] = ()
    purpose: str = ""
    rule: str = ""
    consent: str = ""


def write_consent(
    about: About,
    *,
    given_at: datetime,
    withdrawn_at: datetime | None,
    until_at: datetime | None,
    purpose: str,
    types: Sequence[str] = (),
    to: Name | None = None,
) -> Resource:
    """Return a consent: to whom, for which resource types, until when; a withdrawn one is inactive."""
    actor = shown(to)
    role = coding(f"{TERMINOLOGY}/v3-ParticipationType", "IRCP", "information recipient")
    reason = coding(ACT_REASON, *PURPOSES[purpose]) if purpose in PURPOSES else None
    ends_at = withdrawn_at or until_at
    period = {"start": moment(given_at), "end": moment(ends_at) if ends_at else None}
    return clean(
        {
            **head("Consent", about.ref, about.version),
            "status": "inactive" if withdrawn_at else "active",
            "scope": concept("", coding(f"{TERMINOLOGY}/consentscope", "patient-privacy", "Privacy Consent")),
            "category": [concept("", coding("http://loinc.org", "59284-0", "Consent Document"))],
            "patient": reference("Patient", about.patient),
            "dateTime": moment(given_at),
            "policyRule": concept("", coding(f"{TERMINOLOGY}/v3-ActCode", "OPTIN", "opt-in")),
            "provision": clean(
                {
                    "type": "permit",
                    "period": clean(period),
                    "actor": [{"role": concept("", role), "reference": actor}] if actor else [],
                    "purpose": [reason] if reason else [],
                    "class": [coding("http://hl7.org/fhir/resource-types", kind) for kind in types],
                }
            ),
        }
    )


def write_audit_event(frame: Frame, seen: Seen) -> Resource:
    """Return somebody's look, or attempt at one: who, in which role, at what, why, on which consent, and whether it was let."""
    entities = [
        {
            "what": reference("Patient", seen.patient),
            "type": coding(f"{TERMINOLOGY}/audit-entity-type", "1", "Person"),
            "role": coding(f"{TERMINOLOGY}/object-role", "1", "Patient"),
        }
    ]
    entities += [
        {"what": _version(*target), "role": coding(f"{TERMINOLOGY}/object-role", "4", "Domain Resource")}
        for target in seen.targets
    ]
    if seen.consent:
        entities.append(
            {
                "what": {"identifier": {"system": frame.sid("grant"), "value": seen.consent}},
                "role": coding(f"{TERMINOLOGY}/object-role", "6", "User"),
            }
        )
    return clean(
        {
            "resourceType": "AuditEvent",
            "id": fhir_id(seen.id),
            "type": coding(f"{TERMINOLOGY}/audit-event-type", "rest", "RESTful Operation"),
            "subtype": [coding(frame.sid("event-type"), seen.type)],
            "action": "R",
            "recorded": instant_text(seen.at),
            "outcome": "4" if seen.rule else "0",
            "outcomeDesc": seen.rule,
            "purposeOfEvent": _purposes(seen),
            "agent": [_agent(frame, seen, is_audit=True)],
            "source": {"observer": {"display": "明诊 Mingzhen"}},
            "entity": entities,
        }
    )


def write_provenance(frame: Frame, seen: Seen) -> Resource:
    """Return what was done to which versions, when and by whom, with the event's id and its entry in the public ledger: who
    holds the receipt checks it against both."""
    receipt = {"identifier": {"system": frame.sid("receipt"), "value": seen.id}, "display": "回执 receipt"}
    entry = {"identifier": {"system": frame.sid("ledger-entry"), "value": seen.entry.hex()}, "display": frame.origin}
    return clean(
        {
            "resourceType": "Provenance",
            "id": fhir_id(seen.id),
            "target": [_version(*target) for target in seen.targets],
            "recorded": instant_text(seen.at),
            "activity": concept("", coding(frame.sid("event-type"), seen.type)),
            "reason": _purposes(seen),
            "agent": [_agent(frame, seen, is_audit=False)],
            "entity": [{"role": "source", "what": receipt}, {"role": "source", "what": clean(entry)}],
        }
    )


def _agent(frame: Frame, seen: Seen, *, is_audit: bool) -> Resource:
    role = concept("", coding(frame.sid("role"), seen.role or seen.actor_kind))
    who = shown(seen.who) or {
        "display": {"patient": "患者的账号", "share": "拿着分享链接的人", "system": "系统"}.get(
            seen.actor_kind, seen.actor_kind
        )
    }
    return {"role": [role], "who": who} | ({"requestor": True} if is_audit else {})


def _purposes(seen: Seen) -> list[Resource]:
    if not seen.purpose:
        return []
    known = PURPOSES.get(seen.purpose)
    return [concept("" if known else seen.purpose, *([coding(ACT_REASON, *known)] if known else []))]


def _version(kind: str, ref: str, version: int) -> Resource:
    return {"reference": f"{kind}/{fhir_id(ref)}/_history/{version}"}
