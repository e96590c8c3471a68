"""Every act leaves exactly the event that docs/events.md names, and whatever leaves none has its reason there (A2, A4)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app import ROOT, demo_data
from app.chores import jobs
from app.domain.checkin import venue_code
from app.domain.events import CATALOGUE
from app.models import Clinic
from app.services.demo.cast import WORKERS
from tests.calling import Caller
from tests.rows import ROWS
from tests.scene import Scene, routes

DOCUMENT = (ROOT / "docs" / "events.md").read_text("utf-8")
TOKEN = re.compile(r"`([a-z_.-]+)`")


@dataclass
class Documented:
    """What docs/events.md says: event -> its fields, and who makes it always or sometimes; and what is recorded by none."""

    fields: dict[str, frozenset[str]] = field(default_factory=dict)
    always: dict[str, set[str]] = field(default_factory=dict)
    sometimes: dict[str, set[str]] = field(default_factory=dict)
    none: set[str] = field(default_factory=set)

    def types_of(self, maker: str) -> tuple[set[str], set[str]]:
        return (
            {event for event, makers in self.always.items() if maker in makers},
            {event for event, makers in self.sometimes.items() if maker in makers} | {"act.refused"},
        )


def read_document() -> Documented:
    found = Documented()
    for line in DOCUMENT.splitlines():
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")] if line.startswith("|") else []
        if len(cells) == 5 and cells[0].startswith("`"):
            [event] = TOKEN.findall(cells[0])
            found.always[event] = set(TOKEN.findall(cells[1]))
            found.sometimes[event] = set(TOKEN.findall(cells[2]))
            found.fields[event] = frozenset(TOKEN.findall(re.sub(r": `.*?(?=, `|$)", "", cells[3])))
        elif len(cells) == 2:
            found.none |= set(TOKEN.findall(cells[0]))
    return found


DOCUMENTED = read_document()


def test_the_document_and_the_catalogue_name_the_same_events_and_fields() -> None:
    assert {event: kind.fields for event, kind in CATALOGUE.items()} == DOCUMENTED.fields


def makers() -> set[str]:
    return DOCUMENTED.none.union(*DOCUMENTED.always.values(), *DOCUMENTED.sometimes.values())


def test_every_route_and_command_that_the_document_names_exists(scene: Scene) -> None:
    endpoints = {rule.endpoint for _method, rule, _view in routes(scene.app)}
    assert makers() - endpoints - set(scene.app.cli.commands) - {job.name for job in jobs(is_demo=True)} == set()


def test_every_timer_stands_in_the_document() -> None:
    assert {job.name for job in jobs(is_demo=True)} - makers() == set()


def test_every_unsafe_route_every_disclosing_page_and_every_command_stands_in_the_document(scene: Scene) -> None:
    acting = {
        rule.endpoint
        for method, rule, view in routes(scene.app)
        if method == "POST" or getattr(view, "discloses", False)
    }
    assert (acting | set(scene.app.cli.commands)) - makers() == set()


@pytest.mark.parametrize("endpoint", ROWS)
def test_driven_once_a_route_leaves_exactly_the_events_of_the_document(scene: Scene, endpoint: str) -> None:
    row = ROWS[endpoint]
    method, rule, view = next(r for r in routes(scene.app) if r[1].endpoint == endpoint)
    always, sometimes = DOCUMENTED.types_of(endpoint)
    scene.fresh()
    more = row.prepare(scene) if row.prepare else {}
    before = scene.last_serial()
    actor = row.driver(view.audience)
    more = {**more, "a": {**more.get("a", {}), **more.get(actor, {})}}  # and what this actor holds of its own

    args, form, query = (row.resolve(values, scene, "a", more) for values in (row.args, row.form, row.query))
    response = scene.open(actor, method, scene.path(rule, args), form=form, query_string=query)

    found = set(scene.types_since(before))
    assert always <= found <= always | sometimes, f"{response.status_code}: {sorted(found)}"
    if method == "POST" and not always:
        assert endpoint in DOCUMENTED.none


def test_what_is_refused_leaves_its_own_event_in_the_log_of_whose_thing_it_was(scene: Scene) -> None:
    scene.fresh()
    before = scene.last_serial()
    for _ in range(2):
        response = scene.open("b", "GET", f"/visits/{scene.of('a', 'booked')}")
        assert response.status_code == 404
    assert scene.types_since(before) == ["act.refused"]


# Commands, and the routes of the demo


def agrees(maker: str, found: list[str]) -> bool:
    always, sometimes = DOCUMENTED.types_of(maker)
    return always <= set(found) <= always | sometimes


def test_the_demo_is_made_and_played_with_the_events_of_the_document(scene: Scene, pristine: Path) -> None:
    scene.fresh(pristine)
    at_house = scene.app.extensions["mingzhen"]()
    demo_data.bring_up(at_house, lambda account: f"code-of-{account}")
    found = scene.types_since(0)
    always = {event for event, by in DOCUMENTED.always.items() if "demo-data" in by}
    assert always <= set(found) <= always | DOCUMENTED.types_of("demo-data")[1]

    phone = Caller(scene.app).sign_in("code-of-li")
    ticket = check_in(scene, phone)
    client = scene.client("anonymous")
    client.get("/sign-in/wechat/callback?state=state&code=code-of-li")
    for endpoint, path in (
        ("demo.be_patient", "/demo/be/li"), ("demo.be_staff", f"/demo/work/{WORKERS[0].login}"), ("demo.be_screen", "/demo/screen"),
        ("demo.call_me", "/demo/call-me"), ("demo.see_me", "/demo/see-me"),
    ):  # fmt: skip
        before = scene.last_serial()
        response = client.post(path, data={"csrf_token": scene.form_token()})
        assert response.status_code in (303, 307), (endpoint, response.text[:300])
        assert agrees(endpoint, scene.types_since(before)), (endpoint, scene.types_since(before))
    # README: the doctor's reading of earlier visits stands under 谁看过.
    assert "record.opened" in scene.types_since(before)
    assert phone.get(f"/tickets/{ticket}")["state"] == "done"


def check_in(scene: Scene, phone: Caller) -> str:
    """Book the first free slot of the demo's day for the account's own person and check in; return the ticket."""
    person = phone.get("/people")[0]["patient_ref"]
    day = scene.clock().date().isoformat()
    sittings = [s for d in phone.get("/departments") for s in phone.get("/sessions", department=d["id"], day=day)]
    slots = [slot for s in sittings for slot in phone.get("/slots", session=s["id"], day=day) if slot["is_free"]]
    slot = min(slots, key=lambda one: one["starts_at"])
    held = phone.post("/appointments", {"person": person, "slot": slot["id"]})
    phone.post(f"/appointments/{held['id']}/confirm")
    with scene.app.extensions["mingzhen"]().reading_session() as session:
        clinic = session.get_one(Clinic, held["clinic_id"])
        code = venue_code(clinic.venue_secret, clinic.id, scene.clock())
    return str(phone.post("/check-in", {"code": code, "appointments": [held["id"]]})[0]["ticket_id"])


def test_migrating_leaves_no_event(scene: Scene) -> None:
    scene.fresh()
    before = scene.last_serial()
    assert run(scene, "migrate") == 0
    assert scene.types_since(before) == []


def test_an_import_leaves_one_event_for_each_person_and_none_the_second_time(scene: Scene, tmp_path: Path) -> None:
    scene.fresh()
    file = tmp_path / "patient.json"
    file.write_text(json.dumps({"resourceType": "Patient", "id": "p1", "name": [{"text": "赵一"}]}), "utf-8")
    for expected in (["record.imported"], []):
        before = scene.last_serial()
        assert run(scene, "import-fhir", str(file)) == 0
        assert scene.types_since(before) == expected


def run(scene: Scene, *command: str) -> int:
    return scene.app.test_cli_runner().invoke(args=list(command)).exit_code
