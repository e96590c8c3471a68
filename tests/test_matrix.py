"""Every route as everybody: what each may open of Li Ming's and of her child's, and that nobody learns what exists (A1, S01)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from app import create_app
from tests.people import CHILD_ID
from tests.rows import OK, ROWS, SIGN_IN, Row, expected
from tests.scene import ABSENT, ACTORS, PATIENTS, Scene, routes

DEMO = ("demo.",)  # on a house with the demo's cast: tests/web/test_demo.py. They do not exist in production.
ONE_USE = re.compile(r'name="(csrf_token|idempotency_key)" value="[^"]*"')


def test_every_route_has_its_row_and_every_row_its_route(scene: Scene) -> None:
    endpoints = {rule.endpoint for _method, rule, _view in routes(scene.app) if not rule.endpoint.startswith(DEMO)}
    assert endpoints - set(ROWS) == set(), "a new route: add its row to tests/rows.py"
    assert set(ROWS) - endpoints == set(), "a route is gone: take its row away"


def got(response: TestResponse, row: Row) -> int:
    """Return the status, with everything that goes well as OK and everything that leads to a sign-in as SIGN_IN."""
    if (
        response.status_code == 303
        and not row.to_sign_in
        and re.search(r"/sign-in|/screen/pair", response.headers["Location"])
    ):
        return SIGN_IN
    return OK if response.status_code in (200, 201, 204, 303) else response.status_code


def ask(scene: Scene, endpoint: str, row: Row, actor: str, owner: str, more, *, absent: bool = False) -> TestResponse:
    method, rule, _view = next(r for r in routes(scene.app) if r[1].endpoint == endpoint)
    if actor in more:  # what this actor holds of its own
        more = {**more, owner: {**more.get(owner, {}), **more[actor]}}
    resolved = {
        name: row.resolve(values, scene, owner, more, absent=absent)
        for name, values in (("args", row.args), ("form", row.form), ("query", row.query))
    }
    path = scene.path(rule, resolved["args"])
    return scene.open(actor, method, path, form=resolved["form"], query_string=resolved["query"])


@pytest.mark.parametrize("endpoint", ROWS)
def test_everybody_gets_what_is_theirs_and_nothing_else(scene: Scene, endpoint: str) -> None:
    row = ROWS[endpoint]
    method, _rule, view = next(r for r in routes(scene.app) if r[1].endpoint == endpoint)
    cells = [(actor, owner, expected(row, view.audience, actor, owner)) for actor in ACTORS for owner in row.owners]
    cells.sort(key=lambda cell: cell[2] == OK)  # those who are refused come first: they change nothing
    scene.fresh()
    more = row.prepare(scene) if row.prepare else {}
    wrong = {}
    for number, (actor, owner, status) in enumerate(cells):
        if method == "POST" and number and cells[number - 1][2] == OK:
            scene.fresh()  # an act that went well may leave nothing to do for the next one
            more = row.prepare(scene) if row.prepare else {}
        before = scene.last_serial()
        response = ask(scene, endpoint, row, actor, owner, more)
        if got(response, row) != status:
            wrong[actor, owner] = f"{got(response, row)}, not {status}: {response.text[:160]!r}"
        elif leaks := told_of(scene, actor, response, row, owner, more):
            wrong[actor, owner] = f"tells of {leaks}"
        elif status in (SIGN_IN, 403, 404):
            left = set(scene.types_since(before)) - {"act.refused", "share.refused"}
            assert not left, f"{actor} was refused and still did {left}"
    assert wrong == {}


# To whom nothing of Li Ming's or her child's is anything, whichever page or call they open.
STRANGERS = (
    "anonymous",
    "b",
    "former",
    "desk_elsewhere",
    "lin",
    "ma",
    "lab_elsewhere",
    "screen",
    "admin",
    "share_revoked",
)
THEIRS = (
    "person",
    "visit",
    "arrived",
    "ticket",
    "booked",
    "held",
    "far",
    "record",
    "link",
    "event",
    "grant",
    "measured",
)


def told_of(scene: Scene, actor: str, response: TestResponse, row: Row, owner: str, more) -> list[str]:
    """Return what an answer to a stranger says of Li Ming and her child, beside what was asked for: ids, names and numbers."""
    if actor not in STRANGERS or {actor, "*"} & set(row.tells):
        return []
    sent = {
        str(one)
        for values in (row.args, row.form, row.query)
        for value in row.resolve(values, scene, owner, more).values()
        for one in (value if isinstance(value, list) else [value])
    }
    ids = {of: scene.objects[of] for of in ("a", "child")}
    private = {f"{of}/{name}": found[name] for of, found in ids.items() for name in THEIRS if name in found}
    private |= {
        "number": scene.of("", "number"),
        "child's number": CHILD_ID,
        "child's name": "李小明",
        "a/name": scene.name,
    }
    body = response.data.decode("utf-8", "replace") + str(response.headers)  # a file need not be text
    return [name for name, value in private.items() if value not in sent and value in body]


OWNED = [endpoint for endpoint, row in ROWS.items() if row.owned]


@pytest.mark.parametrize("endpoint", OWNED)
def test_what_is_somebody_elses_looks_exactly_like_what_does_not_exist(scene: Scene, endpoint: str) -> None:
    row = ROWS[endpoint]
    scene.fresh()
    more = row.prepare(scene) if row.prepare else {}
    for actor in ("b", "former"):
        for owner in row.owners:
            theirs = ask(scene, endpoint, row, actor, owner, more)
            nothing = ask(
                scene, endpoint, row, actor, owner, {"": more.get("", {}), owner: _no_slot(more, owner)}, absent=True
            )
            assert theirs.status_code == nothing.status_code == 404
            assert told(theirs, scene, row, owner, more) == told(nothing, scene, row, owner, more)


def _no_slot(more, owner: str) -> dict[str, str]:
    return dict(more.get(owner, {}))


def told(response: TestResponse, scene: Scene, row: Row, owner: str, more) -> tuple[str, dict[str, str]]:
    """Return body and headers without what each answer has of its own: tokens of forms, and the ids that were asked for."""
    text = ONE_USE.sub("", response.text)
    for values in (row.args, row.form):
        for value in row.resolve(values, scene, owner, more).values():
            if isinstance(value, str) and len(value) >= 16:
                text = text.replace(value, ABSENT)
    headers = {k: v for k, v in response.headers.items() if k not in ("Set-Cookie", "Content-Length")}
    return text, headers


def test_a_patients_cookie_is_nobodys_at_the_staffs_door_nor_at_the_screens(scene: Scene) -> None:
    scene.fresh()
    for actor in PATIENTS:
        token = scene.tokens["patient", actor]
        client = scene.app.test_client()
        client.set_cookie("mz_staff", token, path="/staff")
        client.set_cookie("mz_screen", token, path="/screen")
        assert client.get("/staff/").status_code == client.get("/screen/").status_code == 303


def test_in_production_the_demo_has_no_door(tmp_path: Path, pristine: Path) -> None:
    from tests.test_config import production

    app = create_app(production(tmp_path, pristine))
    assert [rule.rule for _m, rule, _v in routes(app) if rule.endpoint.startswith("demo.")] == []
    assert app.test_client().get("/demo", base_url="https://hospital.example").status_code == 404
    app.extensions["mingzhen"].close()
