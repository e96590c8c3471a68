"""What the API gives of somebody's record; see `answers`."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AliasChoices, Field

from app.web.api.answers import Given, Words


class VisitLine(Given):
    id: str
    at: datetime | None
    state: str
    source: str
    department: Words | None
    doctor: Words | None


class OthersLine(Given):
    """A day with records that belong to no visit; null where no day is known. `id` opens all of that day."""

    id: str
    day_on: date | None
    count: int


class PersonRecords(Given):
    """The visits of one person, newest first, and the days of records that belong to none: days and states. What was written is
    opened one by one."""

    patient_ref: str
    visits: list[VisitLine]
    others: list[OthersLine]


class Diagnosis(Given):
    code: str
    name: Words
    note: str


class Advice(Given):
    text: str


class PrescriptionLine(Given):
    name: str
    dose: str
    frequency: str
    days: int | None


class PrescriptionStep(Given):
    """What happened after the signature: accepted, returned, amended, overridden, dispensed."""

    what: str
    at: datetime
    who: Words
    reason: Words | None


class Prescription(Given):
    """`status`: signed (waits for the pharmacist), returned, active, dispensed; what its source says where it was imported.
    Where `is_in_force` is false the medicines are not to be taken by it."""

    id: str
    status: str
    is_in_force: bool
    at: datetime | None
    lines: list[PrescriptionLine]
    steps: list[PrescriptionStep]


class Measurement(Given):
    """`flag`: L, LL, N, H, HH, or A for a result in words that is out of the normal; null where nobody judged it. `reference` is
    the range as it is printed. `was` is what an amendment replaced, in Chinese and English."""

    code: str
    name_zh: str
    name_en: str
    value: str
    unit: str
    low: Decimal | None
    high: Decimal | None
    reference: str
    flag: str | None
    at: datetime | None
    was: tuple[str, str] | None


class Changed(Given):
    """One value that an amendment changed."""

    code: str
    name: Words
    unit: str
    old: Words
    new: Words


class ReportVersion(Given):
    """One signature of a report: preliminary, final or amended."""

    number: int
    status: str
    at: datetime
    who: Words
    reason: Words | None
    changes: list[Changed]


class Order(Given):
    """Tests that were ordered. `state`: ordered, collected, preliminary, final, amended, cancelled. Where `is_held` the result is
    there and for the doctor to see first; it opens at `opens_at`."""

    id: str
    sample: str
    state: str
    panels: list[Words]
    samples: list[Words]
    ordered_at: datetime
    collected_at: datetime | None
    is_held: bool
    opens_at: datetime | None


class Allergy(Given):
    """`reactions`, `severity` (low, high, unable-to-assess) and `status` are what an imported one says of itself, else empty."""

    substance: str
    name: Words
    note: str
    at: datetime
    reactions: str
    severity: str
    status: str


class Problem(Given):
    """`onset` and `until` are days, months or years as they were written, empty where nobody said. `is_present` tells whether it still
    counts, `changes` how many versions there were before."""

    id: str
    status: str
    is_present: bool
    code: str
    name: Words
    onset: str
    until: str
    note: str
    recorded_at: datetime
    changed_at: datetime
    who: Words
    source: str
    changes: int


class Immunization(Given):
    """A vaccination; `status` "not-done" is one that was not given."""

    id: str
    status: str
    name: Words
    given_at: datetime | None
    dose: str
    lot: str
    site: str
    place: str
    note: str
    who: Words
    source: str


class Document(Given):
    """What a document is; its bytes are opened by its id. `sha256` is of these, in hex, `size` counts them."""

    id: str
    title: str
    kind: Words
    media_type: str
    size: int
    sha256: str
    dated_at: datetime | None
    recorded_at: datetime
    who: Words
    source: str
    status: str
    visit_id: str | None


class Report(Given):
    title: Words | None
    status: str
    at: datetime | None
    conclusion: str
    measurements: list[Measurement]
    is_void: bool
    versions: list[ReportVersion]


class Trend(Given):
    """One measurement over time, oldest first. `record_id` opens all of its course."""

    code: str
    name: Words
    unit: str
    points: list[Measurement]
    record_id: str


class Visit(Given):
    """A visit opened; or, with state "other", the records of one day that belong to none. That it was opened stands in the person's own
    log, as `event_id`."""

    id: str
    patient_ref: str
    at: datetime | None
    state: str
    source: str
    department: Words | None
    doctor: Words | None
    place: str
    reason: str
    diagnoses: list[Diagnosis]
    advice: list[Advice]
    prescriptions: list[Prescription]
    reports: list[Report]
    trends: list[Trend]
    allergies: list[Allergy]
    orders: list[Order]
    problems: list[Problem]
    immunizations: list[Immunization]
    documents: Annotated[list[Document], Field(validation_alias=AliasChoices("documents", "papers"))]
    event_id: str | None


# Beside single visits


class Medicine(Given):
    """A line of a prescription in force whose days are not over, or that its source calls active."""

    record_id: str
    line: PrescriptionLine
    since_at: datetime | None
    until_at: datetime | None


class Known(Given):
    """A person's lists: what the hospital knows beside single visits, 200 of each at most, the newest."""

    problems: list[Problem]
    allergies: list[Allergy]
    medicines: list[Medicine]
    immunizations: list[Immunization]
    documents: Annotated[list[Document], Field(validation_alias=AliasChoices("documents", "papers"))]
    event_id: str | None


class CourseValue(Given):
    """One value of a course, and the visit that it belongs to."""

    measurement: Measurement
    visit_id: str | None


class Course(Given):
    """One measurement over time, newest first, a page of 100; `next` goes on, null at the end."""

    id: str
    patient_ref: str
    name: Words
    values: list[CourseValue]
    next: str | None
    event_id: str | None


class OpenedDocument(Document):
    """A document with its bytes, in base64."""

    base64: str
    event_id: str | None
