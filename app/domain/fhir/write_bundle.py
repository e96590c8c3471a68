"""Bundles, outcomes, and resources as text.

Sources: HL7 FHIR R4 2.36 Bundle, 2.28 OperationOutcome, 2.6 JSON (a decimal keeps its precision).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from app.domain.fhir.write import Frame, Resource, clean

_MARK = "\x00"  # stands in no text of ours: what is stored came through parsers that refuse it
_MARKED = re.compile(r'"\\u0000([-+0-9.eE]+)"')


def to_json(resource: Resource) -> str:
    """Return a resource as JSON in which decimals stand as they were measured."""
    text = json.dumps(resource, ensure_ascii=False, separators=(",", ":"), default=_marked)
    return _MARKED.sub(r"\1", text)


def _marked(value: Any) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return f"{_MARK}{value}"
    raise TypeError(f"no JSON for {type(value).__name__}")


def write_searchset(
    frame: Frame, matches: Iterable[Resource], links: Sequence[tuple[str, str]], total: int | None = None
) -> Resource:
    """Return the answer to a search. `links` are (relation, address); `total` only where it is known."""
    return clean(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": total,
            "link": [{"relation": relation, "url": url} for relation, url in links],
            "entry": [
                {"fullUrl": full_url(frame, resource), "resource": resource, "search": {"mode": "match"}}
                for resource in matches
            ],
        }
    )


def collection_in_pieces(frame: Frame, resources: Iterable[Resource]) -> Iterator[str]:
    """Yield a Bundle of resources, to be taken away, as JSON, a resource at a time. There is at least one."""
    before = '{"resourceType":"Bundle","type":"collection","entry":['
    for resource in resources:
        yield before + to_json(clean({"fullUrl": full_url(frame, resource), "resource": resource}))
        before = ","
    yield "]}"


def full_url(frame: Frame, resource: Resource) -> str:
    return f"{frame.base}/{resource['resourceType']}/{resource['id']}"


def write_outcome(code: str, words: str, *, severity: str = "error", expression: str = "") -> Resource:
    """Return why something was not done. `code` is of issue-type; `words` are for people and quote nothing that was sent."""
    issue = clean({"severity": severity, "code": code, "details": {"text": words}})
    if expression:
        issue["expression"] = [expression]
    return {"resourceType": "OperationOutcome", "issue": [issue]}
