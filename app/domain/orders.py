"""Laboratory orders: their life, the tests there are with their ranges, and who sees a result first.

The catalogue is data: codes are LOINC's as they occur in the HL7 R4 examples, units are UCUM. Ranges are those of WS/T 405-2012
and WS/T 404 (adults) and WS/T 779-2021 (children), critical limits what hospitals commonly agree on; a laboratory puts its own
here before it works with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from app.domain.documents import Sex
from app.domain.errors import BadInput, Conflict
from app.domain.lab import LabValue, ReferenceRange, parse_range, parse_value


class OrderMoved(Conflict):
    """The order is in another state by now. `state` is the present one."""

    code = "order_moved"


class State(StrEnum):
    """Where an order is."""

    ORDERED = "ordered"
    COLLECTED = "collected"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.ORDERED: frozenset({State.COLLECTED, State.CANCELLED}),
        State.COLLECTED: frozenset({State.PRELIMINARY, State.FINAL, State.CANCELLED}),
        State.PRELIMINARY: frozenset({State.PRELIMINARY, State.FINAL}),
        State.FINAL: frozenset({State.AMENDED}),
        State.AMENDED: frozenset({State.AMENDED}),
        State.CANCELLED: frozenset(),
    }
)
OPEN = frozenset({State.ORDERED, State.COLLECTED, State.PRELIMINARY})
SIGNED = frozenset({State.PRELIMINARY, State.FINAL, State.AMENDED})


def require_move(old: State, new: State) -> None:
    """Raise OrderMoved, with the present state, unless `new` may follow `old`."""
    if new not in TRANSITIONS[old]:
        raise OrderMoved(state=old.value)


def format_sample(number: int) -> str:
    """Return the sample's number as it stands on the tube: `S0001`."""
    return f"S{number:04d}"


# Samples, tests, panels

SAMPLES = MappingProxyType(
    {
        "edta": ("抗凝静脉血（紫管）", "Venous blood, EDTA (purple tube)"),
        "serum": ("静脉血（黄管）", "Venous blood, serum (yellow tube)"),
        "fluoride": ("静脉血（灰管）", "Venous blood, fluoride (grey tube)"),
    }
)

NEGATIVE, POSITIVE = "negative", "positive"
CHOICES = MappingProxyType({NEGATIVE: ("阴性", "Negative"), POSITIVE: ("阳性", "Positive")})


@dataclass(frozen=True)
class Band:
    """A reference range for one sex (None: both) from an age on, up to and without another."""

    range: ReferenceRange
    sex: Sex | None = None
    from_years: int = 0
    below_years: int = 200


@dataclass(frozen=True)
class Analyte:
    """One thing that is measured. `is_choice`: the result is one of `CHOICES`, and positive is out of range."""

    code: str
    chinese: str
    english: str
    unit: str
    bands: tuple[Band, ...] = ()
    critical_low: Decimal | None = None
    critical_high: Decimal | None = None
    is_choice: bool = False


@dataclass(frozen=True)
class Panel:
    """What a doctor orders by one tick. `release` names the rule in `RELEASES` by which the person sees it."""

    code: str
    chinese: str
    english: str
    sample: str
    tests: tuple[str, ...]
    release: str = "at_once"


def _test(
    code: str,
    chinese: str,
    english: str,
    unit: str,
    bands: str,
    critical: tuple[str | None, str | None] = (None, None),
) -> Analyte:
    low, high = (None if limit is None else Decimal(limit) for limit in critical)
    return Analyte(code, chinese, english, unit, tuple(_band(text) for text in bands.split("; ") if text), low, high)


def _band(text: str) -> Band:
    """Read `3.9-6.1`, `m 130-175`, `f18- 115-150`, `6-12 118-156`: sex, ages from and to (years, both included), range."""
    who, _, written = text.rpartition(" ")
    sex = {"m": Sex.MALE, "f": Sex.FEMALE}.get(who[:1])
    first, _, last = who.lstrip("mf").partition("-")
    return Band(parse_range(written), sex, int(first or 0), int(last) + 1 if last else 200)


ANALYTES = MappingProxyType(
    {
        test.code: test
        for test in (
            _test(
                "718-7", "血红蛋白", "Haemoglobin", "g/L",
                "2-5 112-149; 6-12 118-156; m13-17 129-172; f13-17 114-154; m18- 130-175; f18- 115-150", ("60", "200"),
            ),
            _test(
                "6690-2", "白细胞计数", "White blood cells", "10*9/L", "2-5 4.4-11.9; 6-12 4.3-11.3; 13-17 4.1-11.0; 18- 3.5-9.5",
                ("1.5", "30"),
            ),
            _test(
                "777-3", "血小板计数", "Platelets", "10*9/L", "2-5 188-472; 6-12 167-453; 13-17 150-407; 18- 125-350", ("30", "1000"),
            ),
            _test(
                "789-8", "红细胞计数", "Red blood cells", "10*12/L",
                "2-5 4.0-5.5; 6-12 4.2-5.7; m13-17 4.5-5.9; f13-17 3.9-5.3; m18- 4.3-5.8; f18- 3.8-5.1",
            ),
            _test("15074-8", "空腹血糖", "Fasting glucose", "mmol/L", "3.9-6.1", ("2.8", "22.2")),
            _test("35200-5", "总胆固醇", "Total cholesterol", "mmol/L", "<5.2"),
            _test("35217-9", "甘油三酯", "Triglycerides", "mmol/L", "<1.7"),
            _test("2823-3", "钾", "Potassium", "mmol/L", "3.5-5.3", ("2.8", "6.2")),
            _test("2951-2", "钠", "Sodium", "mmol/L", "137-147", ("120", "160")),
            _test("14682-9", "肌酐", "Creatinine", "umol/L", "m18-59 57-97; f18-59 41-73; m60- 57-111; f60- 41-81", (None, "530")),
            _test("1742-6", "丙氨酸氨基转移酶", "Alanine aminotransferase", "U/L", "m18- 9-50; f18- 7-40"),
            _test("1920-8", "天门冬氨酸氨基转移酶", "Aspartate aminotransferase", "U/L", "m18- 15-40; f18- 13-35"),
            Analyte("20507-0", "梅毒非特异性抗体（RPR）", "Reagin antibody (RPR)", "", is_choice=True),
        )
    }
)  # fmt: skip

PANELS = MappingProxyType(
    {
        panel.code: panel
        for panel in (
            Panel("58410-2", "血常规", "Blood count", "edta", ("6690-2", "789-8", "718-7", "777-3")),
            Panel("15074-8", "空腹血糖", "Fasting glucose", "fluoride", ("15074-8",)),
            Panel("24331-1", "血脂", "Lipids", "serum", ("35200-5", "35217-9")),
            Panel("24323-8", "肾功能和电解质", "Kidney and electrolytes", "serum", ("14682-9", "2823-3", "2951-2")),
            Panel("1742-6", "肝功能（转氨酶）", "Liver enzymes", "serum", ("1742-6", "1920-8")),
            Panel("20507-0", "梅毒筛查", "Syphilis screening", "serum", ("20507-0",), release="doctor_first"),
        )
    }
)

# Who sees a result first: how long after it was signed the person sees it by themselves, unless the doctor opens it earlier.
RELEASES = MappingProxyType({"at_once": timedelta(0), "doctor_first": timedelta(days=3)})


def parse_panels(codes: list[str]) -> tuple[Panel, ...]:
    """Return the panels that were ticked, in the catalogue's order. Raises BadInput without one and for an unknown one."""
    if not codes or not set(codes) <= set(PANELS):
        raise BadInput("panel")
    return tuple(panel for panel in PANELS.values() if panel.code in codes)


def analytes_of(panels: list[str]) -> tuple[Analyte, ...]:
    """Return what is measured for these panels, each once, in order."""
    return tuple(ANALYTES[code] for code in dict.fromkeys(code for panel in panels for code in PANELS[panel].tests))


def samples_of(panels: list[str]) -> tuple[str, ...]:
    """Return the kinds of sample that these panels need, each once."""
    return tuple(dict.fromkeys(PANELS[panel].sample for panel in panels))


def shown_from(panels: list[str], signed_at: datetime) -> datetime:
    """Return from when the person sees the result of these panels: the strictest of their rules holds for the report."""
    return signed_at + max(RELEASES[PANELS[panel].release] for panel in panels)


# Judging a value


def range_for(test: Analyte, sex: Sex, age_years: int | None) -> ReferenceRange:
    """Return the range for a person; the open one where none is agreed on for them, or where sex or age is not known and
    the test asks for it."""
    for band in test.bands:
        by_age = band.from_years > 0 or band.below_years < 200
        if band.sex not in (None, sex) or (by_age and age_years is None):
            continue
        if not by_age or band.from_years <= (age_years or 0) < band.below_years:
            return band.range
    return ReferenceRange()


def flag(test: Analyte, value: Decimal, reference: ReferenceRange) -> str | None:
    """Return LL, L, N, H or HH; None where nothing judges the value. Critical limits hold at every age."""
    if test.critical_low is not None and value < test.critical_low:
        return "LL"
    if test.critical_high is not None and value > test.critical_high:
        return "HH"
    if reference == ReferenceRange():
        return None
    return LabValue(value, test.unit, reference).flag.value


def result(test: Analyte, typed: str, sex: Sex, age_years: int | None) -> dict[str, object]:
    """Return a typed result as an observation's payload: value, unit, range and flag for this person.

    Raises LabValueUnreadable, or BadInput for a choice that is none; both name the test's code as the field.
    """
    said: dict[str, object] = {
        "code": test.code, "name_zh": test.chinese, "name_en": test.english, "unit": test.unit, "low": None, "high": None,
    }  # fmt: skip
    if test.is_choice:
        if typed not in CHOICES:
            raise BadInput(test.code)
        return {
            **said,
            "value": CHOICES[typed][0],
            "value_en": CHOICES[typed][1],
            "flag": "N" if typed == NEGATIVE else "A",
        }
    value = parse_value(typed, test.code)
    reference = range_for(test, sex, age_years)
    low, high = reference.low, reference.high
    return {
        **said,
        "value": str(value),
        "low": None if low is None else str(low),
        "high": None if high is None else str(high),
        "flag": flag(test, value, reference),
    }


# Amending

AMEND_REASONS = MappingProxyType(
    {
        "typing": ("录入错误", "Mistyped"),
        "wrong_sample": ("标本弄错", "Samples were mixed up"),
        "instrument": ("仪器故障后复测", "Measured again after an instrument fault"),
        "dilution": ("稀释或单位换算有误", "Wrong dilution or conversion"),
        "repeat": ("复测结果不同", "A repeat gave another result"),
    }
)
CANCEL_REASONS = MappingProxyType(
    {
        "not_needed": ("不再需要", "Not needed any more"),
        "haemolysed": ("标本溶血", "Sample haemolysed"),
        "too_little": ("标本量不足", "Too little of the sample"),
        "patient_declined": ("患者不做", "The patient declined"),
    }
)


@dataclass(frozen=True)
class Change:
    """One value that an amendment changed."""

    code: str
    old: str
    new: str


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Change, ...]:
    """Return the tests whose value is another one now, in the order of `new`; a value is compared as it was written."""
    return tuple(Change(code, old.get(code, ""), value) for code, value in new.items() if old.get(code) != value)
