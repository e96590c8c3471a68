"""Rules that are nothing but whole numbers, as JSON holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, TypeVar

from app.domain.errors import RuleMalformed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Rule = TypeVar("Rule", bound=DataclassInstance)
else:
    Rule = TypeVar("Rule")

MOST = 10_000


def format_numbers(rule: DataclassInstance) -> dict[str, int]:
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
