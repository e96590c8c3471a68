"""What a record says: the payload of each kind of clinical record, as plain values that seal and project the same.

    diagnosis      {code, name_zh, name_en, note}
    advice         {text}
    prescription   {lines: [{name, dose, frequency, days}], steps: […]}; of an imported one `days` is null and `dose` its whole text
    report         {title_zh, title_en, order: [ids of its observations]}; an imported one may have {conclusion} too
    observation    {code, name_zh, name_en, value, unit, low, high, flag}; an imported one may have {range_text, remark, parts: […]}
    allergy        {substance, name_zh, name_en, note}; an imported one may have {code, system, reactions, severity, status}

A laboratory's report and its values have {shown_from} too: from when the person sees them. `value_en` is a result in words.

Numbers that were measured are decimal text, never floats: 6.10 was measured to two places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from app.domain import lab
from app.domain.allergies import SUBSTANCES
from app.domain.errors import BadInput
from app.domain.icd import COMMON, parse_code

LONGEST_TEXT = 4000
LONGEST_LINE = 200
MOST_LINES = 20
MOST_DAYS = 365


class Kind(StrEnum):
    """The kinds of record. A report gathers observations."""

    DIAGNOSIS = "diagnosis"
    ADVICE = "advice"
    PRESCRIPTION = "prescription"
    REPORT = "report"
    OBSERVATION = "observation"
    ALLERGY = "allergy"


VOID = frozenset(
    {"entered-in-error", "cancelled", "refuted"}
)  # statuses whose content no longer counts: shown as such, never drawn


@dataclass(frozen=True)
class PrescriptionLine:
    """One line of a prescription: what, how much, how often, for how many days (None where an import does not say)."""

    name: str
    dose: str
    frequency: str
    days: int | None


@dataclass(frozen=True)
class Measurement:
    """One measured value. `number` is None where the result is words.

    `flag` is what the laboratory or the range says: L, LL, N, H, HH; None where nobody judged it.
    """

    code: str
    name_zh: str
    name_en: str
    value: str
    unit: str
    low: Decimal | None
    high: Decimal | None
    flag: str | None
    at: datetime | None = None
    range_text: str = ""  # the reference range in the source's words, where it has any
    remark: str = ""
    value_en: str = ""  # a result in words, in English
    was: tuple[str, str] | None = None  # what an amendment replaced, in Chinese and English

    @property
    def number(self) -> Decimal | None:
        try:
            number = Decimal(self.value)
        except InvalidOperation:
            return None
        return number if number.is_finite() else None

    @property
    def is_judged(self) -> bool:
        return self.flag is not None

    @property
    def out_of_range(self) -> str | None:
        """Return L, LL, H or HH; None for a value that is in range or that nobody judged."""
        return None if self.flag == lab.Flag.NORMAL else self.flag

    @property
    def reference(self) -> str:
        """Return the reference range as it is printed."""
        return self.range_text or lab.format_range(lab.ReferenceRange(self.low, self.high))


WEIGHT = "29463-7"

# What the doctor's form offers to measure: code (LOINC, from the HL7 examples), names, unit, range.
ANALYTES: dict[str, tuple[str, str, str, str]] = {
    "15074-8": ("空腹血糖", "Fasting glucose", "mmol/L", "3.9-6.1"),
    "4548-4": ("糖化血红蛋白", "Haemoglobin A1c", "%", "4.0-6.0"),
    "718-7": ("血红蛋白", "Haemoglobin", "g/L", "115-150"),
    "6690-2": ("白细胞计数", "White blood cells", "10*9/L", "3.5-9.5"),
    "8480-6": ("收缩压", "Systolic pressure", "mmHg", "90-139"),
    "2093-3": ("总胆固醇", "Total cholesterol", "mmol/L", "<5.2"),
    WEIGHT: ("体重", "Body weight", "kg", ""),
}


def diagnosis(code: str, note: str = "") -> dict[str, Any]:
    """Return a diagnosis's payload. Raises DiagnosisCodeWrong, or BadInput where the code needs a name and has none."""
    parsed = parse_code(code)
    common = COMMON.get(parsed)
    note = text(note, "note", is_required=False)
    if common is None and not note:
        raise BadInput("note")
    return {
        "code": parsed,
        "name_zh": common.chinese if common else note,
        "name_en": common.english if common else note,
        "note": note,
    }


def advice(value: str) -> dict[str, Any]:
    """Return advice's payload. Raises BadInput when it is missing or too long."""
    return {"text": text(value, "advice")}


def allergy(substance: str, note: str = "") -> dict[str, Any]:
    """Return an allergy's payload. `substance` is a code of `allergies.SUBSTANCES`; "other" needs its name in `note`.

    Raises BadInput (`substance`, `note`).
    """
    if substance not in SUBSTANCES:
        raise BadInput("substance")
    note = text(note, "note", is_required=substance == "other", longest=LONGEST_LINE)
    chinese, english, _ = SUBSTANCES[substance]
    return {"substance": substance, "name_zh": chinese, "name_en": english, "note": note}


def text(value: str, field: str, *, is_required: bool = True, longest: int = LONGEST_TEXT) -> str:
    """Return typed text without blanks around it. Raises BadInput when it is missing or too long."""
    cleaned = value.replace("\r\n", "\n").strip()
    if (is_required and not cleaned) or len(cleaned) > longest:
        raise BadInput(field, limit=longest)
    return cleaned


def prescription(lines: list[PrescriptionLine]) -> dict[str, Any]:
    """Return a prescription's payload. Raises BadInput without a line or with too many."""
    if not 1 <= len(lines) <= MOST_LINES:
        raise BadInput("line", limit=MOST_LINES)
    return {"lines": [{"name": x.name, "dose": x.dose, "frequency": x.frequency, "days": x.days} for x in lines]}


def prescription_line(name: str, dose: str, frequency: str, days: str) -> PrescriptionLine:
    """Return one typed line. Raises BadInput with the field that is missing."""
    if not (days.isascii() and days.isdigit() and len(days) <= 3 and 1 <= int(days) <= MOST_DAYS):
        raise BadInput("days", limit=MOST_DAYS)
    return PrescriptionLine(
        text(name, "name", longest=LONGEST_LINE),
        text(dose, "dose", longest=LONGEST_LINE),
        text(frequency, "frequency", longest=LONGEST_LINE),
        int(days),
    )


def observation(code: str, value: str) -> dict[str, Any]:
    """Return a measured value's payload, with the range and flag of the analyte. Raises LabValueUnreadable, BadInput."""
    if code not in ANALYTES:
        raise BadInput("analyte")
    name_zh, name_en, unit, usual = ANALYTES[code]
    measured = lab.LabValue(lab.parse_value(value), unit, lab.parse_range(usual))
    low, high = measured.range.low, measured.range.high
    return {
        "code": code,
        "name_zh": name_zh,
        "name_en": name_en,
        "value": str(measured.value),
        "unit": unit,
        "low": None if low is None else str(low),
        "high": None if high is None else str(high),
        "flag": measured.flag.value if usual else None,
    }


def read_measurements(payload: Mapping[str, Any], at: datetime | None) -> tuple[Measurement, ...]:
    """Return an observation's payload as values: its own, if it has one, then its parts (both pressures of one reading)."""
    parts = tuple(_measurement(part, at) for part in payload.get("parts", ()))
    return parts if parts and not payload.get("value") else (_measurement(payload, at), *parts)


def read_lines(payload: Mapping[str, Any]) -> tuple[PrescriptionLine, ...]:
    """Return a prescription's payload as values."""
    return tuple(PrescriptionLine(x["name"], x["dose"], x["frequency"], x["days"]) for x in payload.get("lines", ()))


def _measurement(payload: Mapping[str, Any], at: datetime | None) -> Measurement:
    low, high = payload.get("low"), payload.get("high")
    return Measurement(
        code=str(payload.get("code", "")),
        name_zh=str(payload.get("name_zh", "")),
        name_en=str(payload.get("name_en", "")),
        value=str(payload.get("value", "")),
        unit=str(payload.get("unit", "")),
        low=None if low is None else Decimal(low),
        high=None if high is None else Decimal(high),
        flag=payload.get("flag"),
        at=at,
        range_text=str(payload.get("range_text", "")),
        remark=str(payload.get("remark", "")),
        value_en=str(payload.get("value_en", "")),
    )
