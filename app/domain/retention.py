"""What goes when somebody asks for it, what law keeps, and until when (promises E1, E2).

The law as data: 医疗机构病历管理规定 (2013), article 29: outpatient records 15 years from the last visit, inpatient ones 30 from
the last discharge; 互联网诊疗监管细则 (2022), article 20: messages of a treatment online 3 years; 个人信息保护法 (PIPL),
article 47, second paragraph: what has to be kept longer is stored and protected, and nothing else is done with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.domain.errors import BadInput, Conflict, NotAllowed, Refused

RECORDS = "medical_records_29"
ONLINE = "online_care_20"


@dataclass(frozen=True)
class Class:
    """How long one kind of data is kept: `years` from the last of it, by which `law`; None where nothing keeps it."""

    years: int
    law: str | None


CLASSES: dict[str, Class] = {
    "outpatient": Class(15, RECORDS),
    "inpatient": Class(30, RECORDS),
    "messages": Class(3, ONLINE),  # of a treatment online, of which there is none here: ours go at once
    "contact": Class(0, None),
    "consents": Class(0, None),
    "shares": Class(0, None),
    "account": Class(0, None),
}

# Rows that go at once, by the first part of their projection's name, beside everything sealed under these keys.
GOES_NOW = frozenset({"consent", "permit", "app_grant", "share", "share_opening", "takeout"})
KEYS_NOW = frozenset({"contact", "messages"})

KEYRING_BACKUPS = timedelta(days=7)  # then no backup of the keyring has the destroyed keys any more
KEYS_CACHED = timedelta(seconds=60)  # by web workers: so long after destruction something may still be sealed under one

RESTRICTED_HOURS = 3
MOST_CORRECTION_CHARACTERS = 500


class LegalReason(StrEnum):
    """Why a restricted record may be opened all the same."""

    TREATMENT = "treatment"  # the person is here again and wants to be treated
    COPY = "copy"  # the person asks for a copy
    AUTHORITY = "authority"  # a court or an authority asks, with a paper that says so
    DISPUTE = "dispute"  # a dispute or a claim about this treatment


class About(StrEnum):
    """What a correction is about."""

    IDENTITY = "identity"
    VISIT = "visit"
    RESULT = "result"
    PRESCRIPTION = "prescription"
    OTHER = "other"


class Answer(StrEnum):
    """What the hospital says to a correction: amended, or why not."""

    AMENDED = "amended"
    NOT_WRONG = "not_wrong"
    NOT_OURS = "not_ours"
    NEEDS_PROOF = "needs_proof"


class NotSure(BadInput):
    """The box that says one is sure was not ticked."""

    code = "erasure_not_sure"


class VisitOpen(Refused):
    """Somebody has an appointment still: it is cancelled or finished first. `starts_at` is when."""

    code = "erasure_visit_open"
    is_recorded = False


class CorrectionClosed(Conflict):
    """The correction was answered already."""

    code = "correction_closed"


class RecordRestricted(NotAllowed):
    """The record is kept because law says so, and for nothing else."""

    code = "record_restricted"


def keep_until(last_on: date, *, is_inpatient: bool) -> date:
    """Return the first day on which law no longer keeps a record whose last visit or discharge was on `last_on`."""
    years = CLASSES["inpatient" if is_inpatient else "outpatient"].years
    try:
        return last_on.replace(year=last_on.year + years)
    except ValueError:  # the 29th of February
        return date(last_on.year + years, 3, 1)


def is_inpatient(encounter_class: str) -> bool:
    """Tell whether an encounter's class, its code (HL7 v3 ActCode) or English name, is a stay in hospital."""
    said = encounter_class.strip().lower()
    return said in ("imp", "acute", "nonac", "prenc") or said.startswith("inpatient")


def goes_now(kind: str, retention: str) -> bool:
    """Tell whether a row goes when its person asks: by its projection (`consent.v1`) or the class of its key."""
    return kind.split(".")[0] in GOES_NOW or retention in KEYS_NOW
