"""Identity documents: their form, what they say, and the one spelling by which the hospital finds them again.

Resident ID: GB 11643-1999, also on the residence permits for people of Hong Kong, Macao and Taiwan (area 81, 82, 83).
Passport: the machine-readable fields of ICAO Doc 9303, typed by hand. A form that is right proves nothing about who
holds the document. Refusals never carry what was typed.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.countries import parse_country
from app.domain.errors import (
    BirthDateWrong,
    CountryUnknown,
    DocumentAreaUnknown,
    DocumentCharactersWrong,
    DocumentCheckDigitWrong,
    DocumentDateWrong,
    DocumentDisagrees,
    DocumentLengthWrong,
    PassportNameWrong,
    PassportNumberWrong,
)
from app.domain.typed import tidy_number

EARLIEST_BIRTH_ON = date(1900, 1, 1)


class Sex(StrEnum):
    """As FHIR's administrative gender spells it. Resident IDs know only the first two."""

    MALE = "male"
    FEMALE = "female"
    OTHER = "other"
    UNKNOWN = "unknown"


class DocumentKind(StrEnum):
    """The documents that the hospital can read."""

    RESIDENT_ID = "resident_id"
    PASSPORT = "passport"


@dataclass(frozen=True)
class ResidentID:
    """A resident ID of 18 characters, and what its number says."""

    number: str
    birth_on: date
    sex: Sex

    kind = DocumentKind.RESIDENT_ID
    country = "CHN"

    @property
    def key(self) -> str:
        return document_key(self.kind, self.country, self.number)


@dataclass(frozen=True)
class Passport:
    """A passport: issuer (alpha-3), number, name as printed (upper case), and what its page says of the holder."""

    country: str
    number: str
    name: str
    birth_on: date
    sex: Sex

    kind = DocumentKind.PASSPORT

    @property
    def key(self) -> str:
        return document_key(self.kind, self.country, self.number)


Document = ResidentID | Passport

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
# Provinces of GB/T 2260, then 71 Taiwan, 81 Hong Kong, 82 Macao, 83 the permit for people of Taiwan.
_PROVINCE = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_RESIDENT_ID = re.compile(r"[0-9]{17}[0-9X]|[0-9]{15}")
_PASSPORT_NUMBER = re.compile(r"[A-Z0-9]{5,15}")
_LONGEST_PASSPORT_NAME = 80


def parse_resident_id(
    text: str, today_on: date, *, birth_on: date | None = None, sex: Sex | None = None, field: str = "number"
) -> ResidentID:
    """Return the resident ID in `text`: 18 characters, or 15 digits of the first generation, which are upgraded.

    `today_on` is the hospital's day. `birth_on` and `sex`, when they were typed beside the number, must agree with it.
    Full-width digits, spaces and a lower-case x are forgiven. GB 11643-1999, sections 4 and 5.

    Raises the refusal of the first part that is wrong: DocumentLengthWrong, DocumentCharactersWrong,
    DocumentAreaUnknown, DocumentDateWrong, DocumentCheckDigitWrong, DocumentDisagrees.
    """
    number = tidy_number(text)
    if len(number) not in (15, 18):
        raise DocumentLengthWrong(field, length=len(number))
    if not _RESIDENT_ID.fullmatch(number):
        raise DocumentCharactersWrong(field)
    if not _PROVINCE.fullmatch(number[:2]):
        raise DocumentAreaUnknown(field)
    if len(number) == 15:
        body = number[:6] + "19" + number[6:]  # the first generation wrote two digits of the year; nobody older lives
        number = body + check_character(body)
    said_birth_on = _birth_date(number[6:14], field)
    if not EARLIEST_BIRTH_ON <= said_birth_on <= today_on:
        raise DocumentDateWrong(field)
    if check_character(number[:17]) != number[17]:
        raise DocumentCheckDigitWrong(field)
    said_sex = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
    if birth_on is not None and birth_on != said_birth_on:
        raise DocumentDisagrees(field, what="birth_on")
    if sex in (Sex.MALE, Sex.FEMALE) and sex is not said_sex:
        raise DocumentDisagrees(field, what="sex")
    return ResidentID(number, said_birth_on, said_sex)


def check_character(body: str) -> str:
    """Return the 18th character for the first 17 digits (ISO 7064 MOD 11-2; GB 11643-1999, section 5)."""
    if not re.fullmatch(r"[0-9]{17}", body):
        raise ValueError("17 digits make a check character")
    return _CHECK_CHARACTERS[sum(w * int(d) for w, d in zip(_WEIGHTS, body, strict=True)) % 11]


def parse_passport(country: str, number: str, name: str, birth_on: date, sex: Sex, today_on: date) -> Passport:
    """Return the passport with its fields in their one spelling; `today_on` is the hospital's day.

    The name is folded to upper case, as it is printed; accents that the page prints stay.

    Raises CountryUnknown, PassportNumberWrong, PassportNameWrong or BirthDateWrong, each with its field.
    """
    issuer = parse_country(unicodedata.normalize("NFKC", country))
    if issuer is None:
        raise CountryUnknown("country")
    tidy = tidy_number(number)
    if not _PASSPORT_NUMBER.fullmatch(tidy):
        raise PassportNumberWrong("number")
    printed = " ".join(unicodedata.normalize("NFKC", name).upper().split())
    if not 1 <= len(printed) <= _LONGEST_PASSPORT_NAME or not all(_is_printed_in_passports(c) for c in printed):
        raise PassportNameWrong("name")
    if not any(c.isalpha() for c in printed):
        raise PassportNameWrong("name")
    if not EARLIEST_BIRTH_ON <= birth_on <= today_on:
        raise BirthDateWrong("birth_on")
    return Passport(issuer, tidy, printed, birth_on, sex)


def document_key(kind: DocumentKind, country: str, number: str) -> str:
    """Return the text that the blind index is made of: the same for every spelling of the same document.

    It is the number itself, so it lives for the length of one HMAC and is never stored or logged.
    """
    return f"{kind}:{country}:{tidy_number(number)}"


def _birth_date(digits: str, field: str) -> date:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError as no_such_day:
        raise DocumentDateWrong(field) from no_such_day


def _is_printed_in_passports(character: str) -> bool:
    return character in " -'’.," or unicodedata.name(character, "").startswith("LATIN ")
