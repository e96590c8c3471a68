"""Problems and immunizations: the payloads of a person's lists, as plain values that seal and project the same.

    problem        {code, name_zh, name_en, onset_on, until_on, note}
    immunization   {vaccine, name_zh, name_en, dose, lot, site, place, note}

Days are ISO dates; an imported one may be a year or a month. What is not known is an empty text.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from app.domain import clinical
from app.domain.errors import BadInput, Conflict

EARLIEST_ON = date(1900, 1, 1)
LONGEST_LOT = 40

# Clinical status (HL7 ValueSet condition-clinical) -> whether the problem counts now. "unknown" is an import that does not say.
STATUSES: Mapping[str, bool] = MappingProxyType(
    {
        "active": True,
        "recurrence": True,
        "relapse": True,
        "unknown": True,
        "remission": False,
        "inactive": False,
        "resolved": False,
    }
)
# What a doctor here may make of it.
CHOICES = ("active", "remission", "resolved")

# code (our own) -> names, CVX code for export. The vaccines of the national programme, and what grown-ups ask for.
VACCINES: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "influenza": ("流感疫苗", "Influenza vaccine", "88"),
        "hepb": ("乙肝疫苗", "Hepatitis B vaccine", "45"),
        "bcg": ("卡介苗", "BCG vaccine", "19"),
        "polio": ("脊髓灰质炎灭活疫苗", "Inactivated polio vaccine", "10"),
        "dtap": ("百白破疫苗", "DTaP vaccine", "20"),
        "mmr": ("麻腮风疫苗", "MMR vaccine", "03"),
        "jev": ("乙脑疫苗", "Japanese encephalitis vaccine", "129"),
        "mena": ("流脑疫苗", "Meningococcal vaccine", "108"),
        "hepa": ("甲肝疫苗", "Hepatitis A vaccine", "85"),
        "varicella": ("水痘疫苗", "Varicella vaccine", "21"),
        "hpv": ("人乳头瘤病毒疫苗", "HPV vaccine", "137"),
        "pneumo": ("肺炎球菌疫苗", "Pneumococcal vaccine", "109"),
        "zoster": ("带状疱疹疫苗", "Shingles vaccine", "188"),
        "covid": ("新型冠状病毒疫苗", "COVID-19 vaccine", "213"),
        "rabies": ("狂犬病疫苗", "Rabies vaccine", "90"),
        "tetanus": ("破伤风疫苗", "Tetanus vaccine", "35"),
        "other": ("其他疫苗", "Other vaccine", ""),
    }
)


class NothingNew(Conflict):
    """A problem has that status already."""

    code = "problem_status_same"


def problem(code: str, note: str = "", onset: str = "", *, today_on: date) -> dict[str, Any]:
    """Return a problem's payload. Raises DiagnosisCodeWrong, BadInput (`note`, `onset`)."""
    said = clinical.diagnosis(code, note)
    return {**said, "onset_on": _day(onset, "onset", today_on), "until_on": ""}


def ended(payload: Mapping[str, Any], status: str, until: str, today_on: date) -> dict[str, Any]:
    """Return the payload of a problem that now has `status`: one that counts no more has a day on which that was seen.

    Raises BadInput (`status`, `until`).
    """
    if status not in CHOICES:
        raise BadInput("status")
    on = _day(until, "until", today_on)
    return {**payload, "until_on": "" if STATUSES[status] else on or today_on.isoformat()}


def immunization(
    vaccine: str, dose: str = "", lot: str = "", site: str = "", place: str = "", note: str = ""
) -> dict[str, Any]:
    """Return an immunization's payload; "other" needs the vaccine's name in `note`. Raises BadInput with the field."""
    if vaccine not in VACCINES:
        raise BadInput("vaccine")
    note = clinical.text(note, "vaccine_note", is_required=vaccine == "other", longest=clinical.LONGEST_LINE)
    chinese, english, _ = VACCINES[vaccine]
    short = {name: clinical.text(value, name, is_required=False, longest=LONGEST_LOT) for name, value in
             (("dose", dose), ("lot", lot), ("site", site), ("place", place))}  # fmt: skip
    return {"vaccine": vaccine, "name_zh": chinese, "name_en": english, **short, "note": note}


def given_on(text: str, today_on: date) -> date:
    """Return the day of an immunization; empty means today. Raises BadInput (`given`)."""
    typed = _day(text, "given", today_on)
    return date.fromisoformat(typed) if typed else today_on


def _day(text: str, field: str, today_on: date) -> str:
    """Return a typed day as an ISO date, empty where none was typed. Raises BadInput for none of the calendar, or to come."""
    text = text.strip()
    if not text:
        return ""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadInput(field) from None
    if not EARLIEST_ON <= day <= today_on or text != day.isoformat():
        raise BadInput(field)
    return text
