"""Prescriptions: their life, and the checks that a pharmacist is shown.

The formulary is data: for each ingredient what a day's dose usually is, and which group it belongs to. Figures are those of common
Chinese package inserts for outpatients; a pharmacy puts its own here before it works with them. What cannot be judged is said
to be so: silence never means that a dose was found right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from app.domain.age import ADULT_FROM_YEARS
from app.domain.allergies import SUBSTANCES
from app.domain.clinical import PrescriptionLine
from app.domain.errors import Conflict


class PrescriptionMoved(Conflict):
    """The prescription is in another state by now. `state` is the present one."""

    code = "prescription_moved"


class Status(StrEnum):
    """Where a prescription is. Imported ones have the statuses of their source instead."""

    SIGNED = "signed"
    RETURNED = "returned"
    ACTIVE = "active"
    DISPENSED = "dispensed"


TRANSITIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.SIGNED: frozenset({Status.ACTIVE, Status.RETURNED}),
        Status.RETURNED: frozenset({Status.SIGNED}),
        Status.ACTIVE: frozenset({Status.DISPENSED}),
        Status.DISPENSED: frozenset(),
    }
)
AT_WORK = (Status.SIGNED.value, Status.RETURNED.value, Status.ACTIVE.value)
IN_FORCE = frozenset({Status.ACTIVE.value, Status.DISPENSED.value})

RETURN_REASONS = MappingProxyType(
    {
        "allergy": ("与过敏记录冲突", "Conflicts with a recorded allergy"),
        "duplicate": ("重复用药", "The same ingredient twice"),
        "dose": ("剂量需要核对", "The dose needs a second look"),
        "interaction": ("药物相互作用", "Medicines that do not go together"),
        "unclear": ("写法不清楚", "Not clear as written"),
        "stock": ("药房没有此药", "Not in stock"),
    }
)


def require_move(old: str, new: Status) -> None:
    """Raise PrescriptionMoved, with the present state, unless `new` may follow `old`."""
    if old not in TRANSITIONS or new not in TRANSITIONS[Status(old)]:
        raise PrescriptionMoved(state=old)


# The formulary


@dataclass(frozen=True)
class Ingredient:
    """One ingredient: the names by which a line is recognised, its groups, and what is usual in a day.

    `adult` is (least, most) mg a day, `child` (least, most) mg a day for each kg, each None where it is not agreed on; a
    child's dose never exceeds an adult's most.
    """

    code: str
    chinese: str
    english: str
    groups: frozenset[str] = frozenset()
    adult: tuple[Decimal, Decimal] | None = None
    child: tuple[Decimal, Decimal] | None = None


def _drug(code: str, chinese: str, english: str, adult: str = "", child: str = "", groups: str = "") -> Ingredient:
    return Ingredient(code, chinese, english, frozenset(groups.split()), _span(adult), _span(child))


def _span(text: str) -> tuple[Decimal, Decimal] | None:
    least, _, most = text.partition("-")
    return (Decimal(least), Decimal(most)) if text else None


FORMULARY = MappingProxyType(
    {
        drug.code: drug
        for drug in (
            _drug("amlodipine", "氨氯地平", "amlodipine", "2.5-10"),
            _drug("metformin", "二甲双胍", "metformin", "500-2550"),
            _drug("ferrous_succinate", "琥珀酸亚铁", "ferrous succinate", "100-600"),
            _drug("paracetamol", "对乙酰氨基酚", "paracetamol", "300-2000", "10-60"),
            _drug("ibuprofen", "布洛芬", "ibuprofen", "200-2400", "5-40", "nsaid"),
            _drug("aspirin", "阿司匹林", "aspirin", "75-3000", "", "nsaid"),
            _drug("loratadine", "氯雷他定", "loratadine", "10-10"),
            _drug("ambroxol", "氨溴索", "ambroxol", "60-90", "1.2-1.6"),
            _drug("amoxicillin", "阿莫西林", "amoxicillin", "750-4000", "20-90", "penicillin"),
            _drug("cefaclor", "头孢克洛", "cefaclor", "750-4000", "20-40", "cephalosporin"),
            _drug("cefixime", "头孢克肟", "cefixime", "100-400", "3-6", "cephalosporin"),
            _drug("clarithromycin", "克拉霉素", "clarithromycin", "500-1000", "15-15", "macrolide"),
            _drug("azithromycin", "阿奇霉素", "azithromycin", "250-500", "5-12", "macrolide"),
            _drug("sulfamethoxazole", "磺胺甲噁唑", "sulfamethoxazole", "800-1920", "", "sulfonamide"),
            _drug("simvastatin", "辛伐他汀", "simvastatin", "5-40"),
            _drug("warfarin", "华法林", "warfarin", "1-10"),
            _drug("enalapril", "依那普利", "enalapril", "2.5-40"),
            _drug("potassium_chloride", "氯化钾", "potassium chloride", "500-6000"),
        )
    }
)

# Two ingredients or groups that do not go together without a second thought, and why.
INTERACTIONS: tuple[tuple[frozenset[str], str, str], ...] = (
    (frozenset({"warfarin", "nsaid"}), "出血风险增加", "more bleeding"),
    (frozenset({"warfarin", "macrolide"}), "抗凝作用增强", "stronger anticoagulation"),
    (frozenset({"warfarin", "sulfonamide"}), "抗凝作用增强", "stronger anticoagulation"),
    (frozenset({"simvastatin", "clarithromycin"}), "横纹肌溶解风险", "risk of rhabdomyolysis"),
    (frozenset({"enalapril", "potassium_chloride"}), "高血钾风险", "risk of high potassium"),
    (frozenset({"enalapril", "nsaid"}), "降压作用减弱，肾功能受影响", "weaker effect, kidneys at risk"),
)


def ingredients_of(name: str) -> tuple[Ingredient, ...]:
    """Return the ingredients that a written name contains, in Chinese or English; none for what the formulary lacks."""
    written = name.casefold()
    return tuple(i for i in FORMULARY.values() if i.chinese in written or i.english in written)


# A day's dose

_DOSE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(mg|毫克|g|克)")
_NUMBERS = MappingProxyType({"一": 1, "1": 1, "两": 2, "二": 2, "2": 2, "三": 3, "3": 3, "四": 4, "4": 4})
_TIMES = re.compile(r"[每一][天日]\s*([一二两三四1-4])\s*次")
_EVERY = re.compile(r"(?:间隔|每隔?|every)\s*([0-9]{1,2})\s*(?:小时|hours?)", re.IGNORECASE)
_SPELLED = MappingProxyType(
    {
        "once a day": 1, "every evening": 1, "每晚": 1, "每晨": 1, "睡前": 1, "twice a day": 2, "three times a day": 3,
        "four times a day": 4, "qd": 1, "bid": 2, "tid": 3, "qid": 4,
    }
)  # fmt: skip


def milligrams(dose: str) -> Decimal | None:
    """Return a written dose in mg, `0.5 g` as 500; None for tablets, drops, millilitres and everything else."""
    found = _DOSE.search(dose.casefold())
    if found is None:
        return None
    return Decimal(found[1]) * (1000 if found[2] in ("g", "克") else 1)


def times_a_day(frequency: str) -> int | None:
    """Return how often a day a written frequency means at most; None where it does not say."""
    if found := _TIMES.search(frequency):
        return _NUMBERS[found[1]]
    if (found := _EVERY.search(frequency)) and 0 < int(found[1]) <= 24:
        return 24 // int(found[1])
    written = frequency.casefold()
    return next((times for words, times in _SPELLED.items() if words in written), None)


# The checks


class Check(StrEnum):
    """What was looked at."""

    ALLERGY = "allergy"
    DUPLICATE = "duplicate"
    DOSE_HIGH = "dose_high"
    DOSE_LOW = "dose_low"
    DOSE_UNKNOWN = "dose_unknown"
    INTERACTION = "interaction"


@dataclass(frozen=True)
class Allergy:
    """An allergy as the checks need it: the substance's code and what was written besides."""

    substance: str
    note: str = ""


@dataclass(frozen=True)
class Person:
    """What a dose depends on."""

    age_years: int | None
    weight_kg: Decimal | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that a pharmacist should look at. `line` counts the prescription's lines from 0; the words say
    with what, or how much against how much."""

    check: Check
    line: int
    chinese: str
    english: str

    @property
    def is_warning(self) -> bool:
        return self.check is not Check.DOSE_UNKNOWN


def check(
    lines: Sequence[PrescriptionLine],
    allergies: Iterable[Allergy],
    active: Iterable[PrescriptionLine],
    person: Person,
) -> tuple[Finding, ...]:
    """Return what is found about `lines`, by line: allergies, duplicates, doses, then interactions.

    `active` are the lines of prescriptions in force. A name that the formulary lacks is checked against the free text of
    allergies and the names of other lines alone.
    """
    allergies, active = tuple(allergies), tuple(active)
    found: list[Finding] = []
    for number, line in enumerate(lines):
        found += _against_allergies(number, line, allergies)
        found += _twice(number, line, [*lines[:number], *active])
        dose = _dose(number, line, person)
        found += [dose] if dose else []
        found += _together(number, line, [*lines[:number], *active])
    return tuple(found)


def _against_allergies(number: int, line: PrescriptionLine, allergies: Sequence[Allergy]) -> list[Finding]:
    contained = ingredients_of(line.name)
    has = {code for i in contained for code in (i.code, *i.groups)}
    found = []
    for allergy in allergies:
        chinese, english, forbids = SUBSTANCES[allergy.substance]
        is_named = any(i.chinese in allergy.note or i.english in allergy.note.casefold() for i in contained)
        if forbids & has or is_named:
            found.append(Finding(Check.ALLERGY, number, allergy.note or chinese, allergy.note or english))
    return found


def _twice(number: int, line: PrescriptionLine, others: Sequence[PrescriptionLine]) -> list[Finding]:
    mine = {i.code for i in ingredients_of(line.name)}
    for other in others:
        same = mine & {i.code for i in ingredients_of(other.name)}
        if same or (not mine and line.name.casefold() == other.name.casefold()):
            return [Finding(Check.DUPLICATE, number, other.name, other.name)]
    return []


def _dose(number: int, line: PrescriptionLine, person: Person) -> Finding | None:
    """Return what there is to say of a line's dose; None where it lies within the usual of a day."""
    contained = ingredients_of(line.name)
    each, times = milligrams(line.dose), times_a_day(line.frequency)
    if len(contained) != 1 or each is None or times is None or person.age_years is None:
        return Finding(Check.DOSE_UNKNOWN, number, "", "")
    ingredient, a_day = contained[0], each * times
    span = ingredient.adult
    if person.age_years < ADULT_FROM_YEARS:
        if ingredient.child is None or person.weight_kg is None:
            return Finding(Check.DOSE_UNKNOWN, number, "", "")
        least, most = (limit * person.weight_kg for limit in ingredient.child)
        span = (least, min(most, ingredient.adult[1])) if ingredient.adult else (least, most)
    if span is None:
        return Finding(Check.DOSE_UNKNOWN, number, "", "")
    if span[0] <= a_day <= span[1]:
        return None
    said = (
        f"{_plain(a_day)} mg > {_plain(span[1])} mg"
        if a_day > span[1]
        else f"{_plain(a_day)} mg < {_plain(span[0])} mg"
    )
    return Finding(Check.DOSE_HIGH if a_day > span[1] else Check.DOSE_LOW, number, said, said)


def _plain(number: Decimal) -> str:
    """Return a number without the zeroes that a product leaves: `60`, not `60.0`."""
    return f"{number.normalize():f}"


def _together(number: int, line: PrescriptionLine, others: Sequence[PrescriptionLine]) -> list[Finding]:
    mine = {code for i in ingredients_of(line.name) for code in (i.code, *i.groups)}
    found = []
    for other in others:
        theirs = {code for i in ingredients_of(other.name) for code in (i.code, *i.groups)}
        for pair, chinese, english in INTERACTIONS:
            one, two = sorted(pair)
            if (one in mine and two in theirs) or (two in mine and one in theirs):
                found.append(Finding(Check.INTERACTION, number, f"{other.name}：{chinese}", f"{other.name}: {english}"))
    return found
