"""What a hostile client sends in any field of any route, the new ones of every slice with them: a refusal in words, never a fault."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from werkzeug.routing import Rule

from app.web.limits import limiter
from tests.rows import ROWS, expected
from tests.scene import Scene, routes

NASTY = (
    "a\U0001f600\u202e",
    "\ud800'\"><script>alert(1)</script>",
    "x" * 30_000,
    "9" * 4500,
    "-0",
    "nan",
    "0001-01-01",
)
JSON_ONLY = (None, True, 1e9, 10**30, ["x"], {"x": [None]})
EVERYWHERE = ("a\U0001f600\u202e", "9" * 500, "0001-01-01")
FAULT = re.compile(r"Traceback|<script>alert")
FIELD = re.compile(r"request\.(?:form|values|args)(?:\.get|\.getlist)?[(\[]\s*\"([a-z_]+)\"")


def fields_of_the_house() -> tuple[str, ...]:
    """Return every name that any view reads by itself."""
    found = {name for path in Path("app/web").rglob("*.py") for name in FIELD.findall(path.read_text("utf-8"))}
    return tuple(sorted(found - {"csrf_token", "idempotency_key"}))


NAMES = fields_of_the_house()


def clean(value):
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if isinstance(value, str) else value


TAKES = [endpoint for endpoint, row in ROWS.items() if row.form or row.query or row.args]


def address(scene: Scene, rule: Rule, args: dict[str, str], name: str, value: str) -> str:
    """Return the route's address with `value` in one place; where only a number fits it is put there all the same."""
    try:
        return scene.path(rule, {**args, name: value})
    except ValueError:
        return scene.path(rule, args).replace(f"/{args[name]}/", f"/{quote(value)}/", 1)


@pytest.mark.parametrize("endpoint", TAKES)
def test_no_field_of_any_route_makes_a_fault(scene: Scene, endpoint: str) -> None:
    row = ROWS[endpoint]
    method, rule, view = next(r for r in routes(scene.app) if r[1].endpoint == endpoint)
    actor, owner = row.driver(view.audience), row.owners[0]
    may_fail = expected(row, view.audience, actor, owner) >= 500
    scene.fresh()
    more = row.prepare(scene) if row.prepare else {}
    args, form, query = (row.resolve(v, scene, owner, more) for v in (row.args, row.form, row.query))
    path = scene.path(rule, args)
    is_api = path.startswith("/api/")
    wrong = []

    def ask(what: object, at: str, sent: dict[str, object], asked: dict[str, object]) -> None:
        limiter.reset()
        answer = scene.open(actor, method, at, form=sent, query_string=asked)
        if (answer.status_code >= 500 and not may_fail) or FAULT.search(answer.data.decode("utf-8", "replace")):
            wrong.append((what, answer.status_code))

    for nasty in (*NASTY, *(JSON_ONLY if is_api else ())):
        value = nasty if is_api else clean(nasty)
        for name in sorted(form):
            ask((name, nasty), path, {**form, name: value}, query)
        for name in sorted(query):
            ask((name, nasty), path, form, {**query, name: clean(str(nasty))})
    for nasty in EVERYWHERE:
        others: dict[str, object] = dict.fromkeys(NAMES, clean(nasty))
        ask(("every field", nasty), path, others, others)
        ask(("every other field", nasty), path, {**others, **form}, {**others, **query})
        for name in args:
            ask(("address", name, nasty), address(scene, rule, args, name, clean(nasty)), form, query)
    assert wrong == []
