"""Rules that are nothing but whole numbers, as JSON holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, asdict, fields
from typing import Any, ClassVar, Protocol, TypeVar

from app.domain.errors import RuleMalformed


class Numbers(Protocol):
    """A dataclass whose fields are whole numbers."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Rule = TypeVar("Rule", bound=Numbers)

MOST = 10_000


def format_numbers(rule: Numbers) -> dict[str, int]:
    """Return the rule as a flat dict that JSON can hold."""
    return asdict(rule)


def parse_numbers(kind: type[Rule], value: Mapping[str, object]) -> Rule:
    """Return the rule that `format_numbers` wrote. Raises RuleMalformed, naming the first field that is wrong."""
    known = {field.name for field in fields(kind)}
    if strange := value.keys() ^ known:
        raise RuleMalformed(min(strange))
    for name, number in value.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MOST:
            raise RuleMalformed(name)
    return kind(**value)
