"""Tables and their constraints."""

from app.models.accounts import Account, Link, ProofCode, WebSession
from app.models.base import HOSPITAL, Base, Bound, from_ms, projected, to_ms
from app.models.clinic import Clinic, ClinicSession, Department, Queue, Room, Screen, Slot, Staff, StaffGrant
from app.models.people import Consent, Patient
from app.models.receipts import Event, IdempotencyKey, Opening, RefusalSeen, SubjectChain
from app.models.visits import Appointment, ClinicalRecord, ImportedResource, Ticket, Visit

__all__ = [
    "HOSPITAL", "Account", "Appointment", "Base", "Bound", "Clinic", "ClinicSession", "ClinicalRecord", "Consent",
    "Department", "Event", "IdempotencyKey", "ImportedResource", "Link", "Opening", "Patient", "ProofCode", "Queue",
    "RefusalSeen", "Room", "Screen", "Slot", "Staff", "StaffGrant", "SubjectChain", "Ticket", "Visit", "WebSession",
    "from_ms", "projected", "to_ms",
]  # fmt: skip
