"""Cutting a person's records into portions, so that a transaction of an import stays bounded however much one person brings.

What belongs together comes together: a report with the values that it names, a visit with everything written at it. Nobody ever
sees a report without its values; and of a visit only part where that visit alone is more than a portion. Nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from app.domain.fhir.parse import BrokenFHIR, Found, Index
from app.domain.fhir.read import references
from app.services.fhir_gather import Group

DOCUMENT_WEIGHT = 20  # a document may have five megabytes; 300 of them in one transaction would be too much


def weight(some: Iterable[Found]) -> int:
    """Return how much of a portion these take, in resources."""
    return sum(DOCUMENT_WEIGHT if one.type == "DocumentReference" else 1 for one in some)


def cut(group: Group, index: Index, most: int) -> list[Group]:
    """Return a person's group in portions of `most` resources at most, in the order in which they are loaded; itself where it is one.

    The first has the Patient. One report with its values is never cut, and makes a portion larger where it must.
    """
    if 1 + weight(group.others) <= most:
        return [group]
    portions: list[list[Found]] = [[]]
    taken = 1  # the Patient
    for unit in _units(group.others, index, most):
        heavy = weight(unit)
        if portions[-1] and taken + heavy > most:
            portions.append([])
            taken = 0
        portions[-1] += unit
        taken += heavy
    first, *rest = portions
    return [Group(group.address, group.patient, first), *(Group(group.address, None, more, True) for more in rest)]


def _units(others: Sequence[Found], index: Index, most: int) -> Iterator[list[Found]]:
    """Yield what is loaded together: all that hangs on one visit; of a visit of more than a portion first itself, then piece by piece."""
    for tied in _tied(others, index, has_visits=True):
        if weight(tied) <= most:
            yield tied
            continue
        yield from ([one] for one in tied if one.type == "Encounter")
        yield from _tied([one for one in tied if one.type != "Encounter"], index, has_visits=False)


def _tied(some: Sequence[Found], index: Index, *, has_visits: bool) -> Iterator[list[Found]]:
    """Yield these in the sets that references tie together: reports to values, and with `has_visits` all to their visits."""
    above: dict[str, str] = {}

    def top(address: str) -> str:
        while (higher := above.get(address, address)) != address:
            above[address] = address = above.get(higher, higher)
        return address

    for found in some:
        for address in _named(found, index, has_visits=has_visits):
            above[top(address)] = top(found.address)
    sets: dict[str, list[Found]] = {}
    for found in some:
        sets.setdefault(top(found.address), []).append(found)
    yield from sets.values()


def _named(found: Found, index: Index, *, has_visits: bool) -> Iterator[str]:
    """Yield the addresses of the visits and values that a resource names. What cannot be read names none: loading it says so."""
    fields = ["result"] if found.type == "DiagnosticReport" else []
    if has_visits:
        fields += ["encounter", "context"]
    for field in fields:
        try:
            named = references(found.resource, field)
            if field == "context" and isinstance(found.resource.get(field), dict):
                named += references(found.resource[field], "encounter")
        except BrokenFHIR:
            continue
        for reference in named:
            target = index.resolve(reference, found)
            yield target.address if target else index.address_of(reference, found)
