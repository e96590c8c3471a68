"""Tables and their constraints."""

from app.models.accounts import Account, Link, ProofCode, WebSession
from app.models.base import HOSPITAL, Base, Bound, from_ms, projected, to_ms
from app.models.clinic import Clinic, ClinicSession, Department, Queue, Room, Screen, Slot, Staff, StaffGrant
from app.models.clinical import Document, DocumentContent, Immunization, KeptVersion, Problem
from app.models.consents import BreakGlass, Complaint, Permit
from app.models.erasure import Correction, ErasedEvent, ErasedRow, Erasure, RestrictedOpening
from app.models.fairness import Appeal, MoveOffer, Strike, WaitlistEntry
from app.models.orders import LabDay, LabOrder, ReportVersion
from app.models.outbox import DayClose, MessageQuota, OutboxMessage
from app.models.people import Consent, Patient
from app.models.prepared import Prepared
from app.models.queueing import PriorityGrant, QueueLine, TicketMove
from app.models.receipts import Event, IdempotencyKey, Opening, RefusalSeen, SubjectChain
from app.models.shares import Share, ShareFile, ShareLocation, ShareOpening
from app.models.slips import Slip
from app.models.smart import AppCode, AppGrant, AppToken, SmartApp
from app.models.staff import RecoveryCode, SignInTry, StaffDevice, StaffSignIn, StaffTotp
from app.models.takeout import Takeout, TakeoutPart
from app.models.visits import Appointment, ClinicalRecord, ImportedResource, Ticket, Visit

__all__ = [
    "HOSPITAL",
    "Account",
    "AppCode",
    "AppGrant",
    "AppToken",
    "Appeal",
    "Appointment",
    "Base",
    "Bound",
    "BreakGlass",
    "Clinic",
    "ClinicSession",
    "ClinicalRecord",
    "Complaint",
    "Consent",
    "Correction",
    "DayClose",
    "Department",
    "Document",
    "DocumentContent",
    "ErasedEvent",
    "ErasedRow",
    "Erasure",
    "Event",
    "IdempotencyKey",
    "Immunization",
    "ImportedResource",
    "KeptVersion",
    "LabDay",
    "LabOrder",
    "Link",
    "MessageQuota",
    "MoveOffer",
    "Opening",
    "OutboxMessage",
    "Patient",
    "Permit",
    "Prepared",
    "PriorityGrant",
    "Problem",
    "ProofCode",
    "Queue",
    "QueueLine",
    "RecoveryCode",
    "RefusalSeen",
    "ReportVersion",
    "RestrictedOpening",
    "Room",
    "Screen",
    "Share",
    "ShareFile",
    "ShareLocation",
    "ShareOpening",
    "SignInTry",
    "Slip",
    "Slot",
    "SmartApp",
    "Staff",
    "StaffDevice",
    "StaffGrant",
    "StaffSignIn",
    "StaffTotp",
    "Strike",
    "SubjectChain",
    "Takeout",
    "TakeoutPart",
    "Ticket",
    "TicketMove",
    "Visit",
    "WaitlistEntry",
    "WebSession",
    "from_ms",
    "projected",
    "to_ms",
]  # fmt: skip
