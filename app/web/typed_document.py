"""Reading a document as it is typed into a form: by its holder on a phone, or by the desk from what lies before it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from flask_babel import get_locale

from app.domain.countries import ALPHA2_OF_ALPHA3
from app.domain.documents import Passport, ResidentID, Sex, parse_passport, parse_resident_id
from app.domain.errors import BadInput


def read_document(typed: Mapping[str, str], name: str, today: date, number: str = "number") -> ResidentID | Passport:
    """Return the document in the fields `document`, `number`, and for passports `country`, `birth_on`, `sex`; `number` may be
    another field for passports. Raises BadInput with the field that is wrong."""
    if typed["document"] != "passport":
        return parse_resident_id(typed["number"], today)
    try:
        born = date.fromisoformat(typed["birth_on"])
    except ValueError:
        raise BadInput("birth_on") from None
    sex = Sex(typed["sex"]) if typed["sex"] in ("male", "female") else Sex.UNKNOWN
    return parse_passport(typed["country"], typed[number], name or "-", born, sex, today)


def country_choices() -> list[tuple[str, str]]:
    """Return (alpha-3, name in the page's language) of every country, China's own regions first."""
    names = get_locale().territories  # type: ignore[union-attr]
    choices = [(code, str(names[alpha2])) for code, alpha2 in ALPHA2_OF_ALPHA3.items() if alpha2 in names]
    near = ("CHN", "HKG", "MAC", "TWN")
    return sorted(choices, key=lambda choice: (choice[0] not in near, choice[1]))
