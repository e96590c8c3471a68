"""Read and search: one resource, a page of them, each a disclosure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from flask_babel import gettext as _

from app.domain.errors import NotAllowed, NotFound
from app.domain.fhir.search import PARAMETERS, OtherPatient, Search, SearchUnreadable, parse_search
from app.domain.fhir.write import FHIR_ID, Resource, fhir_id
from app.domain.fhir.write_bundle import to_json, write_searchset
from app.services import fhir_read
from app.services.fhir_read import OF_THE_HOUSE, Page
from app.web.disclosing import disclosing
from app.web.fhir import bp
from app.web.fhir.calls import app_required, json_wanted, standing
from app.web.house import house
from app.web.outcomes import fhir_response, frame, outcome_response
from app.web.transaction import opening, reading


@bp.get("/R4/<kind>/<its_id>")
@app_required
@disclosing
@json_wanted
def read(kind: str, its_id: str) -> Any:
    """One resource in its present version; 304 where the client has that one."""
    if kind not in PARAMETERS:
        return _unknown_type()
    who, at = standing(), frame()
    if not FHIR_ID.fullmatch(its_id):
        raise NotFound()
    if kind in OF_THE_HOUSE:
        with reading() as session:
            resource = fhir_read.read(session, who, at, kind, its_id, house().clock())
    else:
        resource = opening(lambda session, _actor, now: fhir_read.read(session, who, at, kind, its_id, now))
    response = fhir_response(resource)
    response.set_etag(_tag(resource), weak=True)
    response.make_conditional(request)
    return response


@bp.get("/R4/<kind>")
@app_required
@disclosing
@json_wanted
def search(kind: str) -> Any:
    """A page of what matches the query."""
    return _search(kind, request.args.items(multi=True))


@bp.post("/R4/<kind>/_search")
@app_required
@json_wanted
def search_by_post(kind: str) -> Any:
    """The same with the parameters in the body, for clients that keep them out of addresses."""
    if request.mimetype != "application/x-www-form-urlencoded":
        return outcome_response(415, _("参数要放在表单里。"))
    return _search(kind, [*request.args.items(multi=True), *request.form.items(multi=True)])


def _search(kind: str, pairs: Iterable[tuple[str, str]]) -> Response:
    if kind not in PARAMETERS:
        return _unknown_type()
    who, at, now = standing(), frame(), house().clock()
    is_lenient = "handling=lenient" in request.headers.get("Prefer", "").replace(" ", "").lower()
    try:
        asked = parse_search(kind, pairs, fhir_id(who.patient), now, is_lenient=is_lenient)
    except SearchUnreadable as wrong:
        return outcome_response(400, f"{wrong.parameter}: {wrong.why}", code=wrong.code, expression=wrong.parameter)
    except OtherPatient:
        with reading():  # where a refusal is recorded (A6); whether there is such a person, nobody looks
            raise NotAllowed(about=who.patient, rule="app_scope") from None
    page = opening(lambda session, _actor, now: fhir_read.search(session, who, at, asked, now))
    return fhir_response(write_searchset(at, page.resources, _links(asked, page), page.total))


def _links(asked: Search, page: Page) -> list[tuple[str, str]]:
    """Return the addresses of this page and the next. A cursor is an id, which says nothing to who cannot read it."""
    address = f"{frame().base}/{asked.kind}"
    here = [*asked.used, *([("_cursor", asked.cursor)] if asked.cursor else [])]
    links = [("self", f"{address}?{urlencode(here)}" if here else address)]
    if page.cursor:
        links.append(("next", f"{address}?{urlencode([*asked.used, ('_cursor', page.cursor)])}"))
    return links


def _tag(resource: Resource) -> str:
    """Return the version of a resource; of what has none, a digest of what it says."""
    version = resource.get("meta", {}).get("versionId")
    return str(version) if version else hashlib.sha256(to_json(resource).encode()).hexdigest()[:22]


def _unknown_type() -> Response:
    return outcome_response(404, _("这里没有这一类资源。"), code="not-supported")
