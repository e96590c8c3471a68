"""One hospital with everybody in it, for the guards that try every route as every actor.

Li Ming (a) holds herself and her child; her objects and the child's are what everybody tries to reach. `fresh` puts the
databases back as they were, so that each row of a table begins in the same hospital.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask import session as flask_session
from sqlalchemy import func, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import create_app
from app.domain import clinical
from app.domain.actor import SYSTEM, Actor
from app.domain.clinical import Kind
from app.domain.documents import parse_resident_id
from app.domain.fhir.write import fhir_id
from app.domain.ids import new_ref
from app.domain.smart import TYPES
from app.models import ClinicalRecord, Event, Patient
from app.ports import WeChatIdentity
from app.services import (
    accounts,
    booking,
    checkin,
    clients,
    clinics,
    guardianship,
    identity,
    oauth_grants,
    oauth_tokens,
    people,
    planning,
    queueing,
    records,
    screens,
    staff,
)
from app.services.sealing import seal_next
from app.web.browser import csrf_token
from app.web.limits import limiter
from tests.calling import with_pretend_wechat
from tests.fixtures_visit import Person, Ward, build_ward
from tests.people import CHILD_ID
from tests.smart import REDIRECT, VERIFIER, challenge_of

PATIENTS = ("a", "b", "guardian", "former", "claimant")
APPS = ("app",)  # an application that Li let read her record
# Doctor Chen treats Li Ming; doctor Lin sits elsewhere and is who a row gives a ground, such as a consent; doctor Ma never has one.
STAFF = ("desk", "desk_elsewhere", "chen", "lin", "ma", "lab", "lab_elsewhere", "pharmacist", "auditor", "admin")
# Strangers with a link that Li gave them, in force or revoked. To every other route they are nobody: a row of a shared thing
# says what they get by `but`, and its `prepare` hands each their own link under their own name.
SHARE_HOLDERS = ("share_holder", "share_revoked")
ACTORS = ("anonymous", *PATIENTS, *STAFF, "screen", *APPS, *SHARE_HOLDERS)
ROLE = {
    "desk": "desk",
    "desk_elsewhere": "desk",
    "chen": "doctor",
    "lin": "doctor",
    "ma": "doctor",
    "lab": "lab",
    "lab_elsewhere": "lab",
    "pharmacist": "pharmacist",
    "auditor": "auditor",
    "admin": "admin",
}
DATABASES = ("mingzhen.db", "keyring.db", "sms.db")
BROWSER = "browser-of-the-guards"
ABSENT = "AAAAAAAAAAAAAAAAAAAAAA"
PHONE_ON_FILE = "+8613811112222"

Objects = dict[str, str]


@dataclass
class Scene:
    """The hospital, its objects by owner ("a", "child", and "" for the house's own), and the way in for every actor."""

    app: Flask
    clock: Any
    ward: Ward
    kept: Path
    var: Path
    objects: dict[str, Objects] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    name: str = ""  # Li Ming's

    def fresh(self, source: Path | None = None) -> None:
        """Put everything back as it was after the hospital was built, or take the databases of `source`."""
        self.app.extensions["mingzhen"].close()
        for name in DATABASES:
            for left in self.var.glob(f"{name}*"):
                left.unlink()
            if ((source or self.kept) / name).exists():
                shutil.copy((source or self.kept) / name, self.var / name)
        self.ward.house = self.app.extensions["mingzhen"]()
        with_pretend_wechat(self.app)
        limiter.reset()

    def of(self, owner: str, name: str) -> str:
        found = self.objects.get(owner, {})
        return found[name] if name in found else self.objects[""][name]

    def client(self, actor: str, *, is_api: bool = False) -> Any:
        """Return a browser, or a mini-program, of this actor's. Everybody has scanned the clinic's code."""
        client = self.app.test_client()
        with client.session_transaction() as kept:
            kept["id"] = BROWSER
            kept["presence"] = [self.ward.clinic, self.ward.now.isoformat(), "venue", None]
            kept["department"] = self.ward.department
            kept["oauth"] = {"state": "state", "next": "/", "at": self.ward.now.timestamp()}
        kind = "patient" if actor in PATIENTS else "screen" if actor == "screen" else "staff"
        if actor not in ("anonymous", *APPS, *SHARE_HOLDERS) and not is_api:
            path = {"patient": "/", "staff": "/staff", "screen": "/screen"}[kind]
            client.set_cookie(f"mz_{kind}", self.tokens[kind, actor], path=path)
        return client

    def open(
        self,
        actor: str,
        method: str,
        path: str,
        *,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> TestResponse:
        """Ask for a path as an actor does: a page with its cookie and form token, a call with the bearer token that it has, were it
        another door's: staff try theirs at the API and at FHIR, patients theirs at FHIR, an application its own at the API."""
        is_api, is_fhir = path.startswith("/api/"), path.startswith("/fhir/")
        client = self.client(actor, is_api=is_api or is_fhir)
        sent = dict(headers or {})
        if is_api:
            token = self.token(actor, "api")
            sent |= {"Authorization": f"Bearer {token}"} if token else {}
            return client.open(path, method=method, headers=sent, json=form if method == "POST" else None, **how)
        if is_fhir:
            token = self.token(actor, "fhir")
            sent |= {"Authorization": f"Bearer {token}"} if token else {}
            is_json = path.startswith("/fhir/shl/")  # as SMART Health Links are asked
            body = {"json" if is_json else "data": form} if method == "POST" else {}
            return client.open(path, method=method, headers=sent, **body, **how)
        data = None
        if method == "POST":
            data = {**(form or {}), "csrf_token": self.form_token()}
        return client.open(path, method=method, headers=sent, data=data, **how)

    def token(self, actor: str, door: str) -> str | None:
        """Return what an actor carries to a door of calls: the token made for it, else any other that they have."""
        kinds = (door, "api", "fhir", "staff", "screen", "patient")
        return next((self.tokens[kind, actor] for kind in kinds if (kind, actor) in self.tokens), None)

    def form_token(self) -> str:
        with self.app.test_request_context():
            flask_session["id"] = BROWSER
            return csrf_token()

    def path(self, rule: Rule, args: Mapping[str, str]) -> str:
        return self.app.url_map.bind("localhost").build(rule.endpoint, dict(args), method=_method(rule))

    def last_serial(self) -> int:
        with self.ward.house.reading_session() as session:
            return session.scalar(select(func.max(Event.serial))) or 0

    def types_since(self, serial: int) -> list[str]:
        with self.ward.house.reading_session() as session:
            return list(session.scalars(select(Event.type).where(Event.serial > serial).order_by(Event.serial)))


def _method(rule: Rule) -> str:
    return "GET" if "GET" in (rule.methods or ()) else "POST"


def routes(app: Flask) -> list[tuple[str, Rule, Callable[..., Any]]]:
    """Return (method, rule, view) of every route but the static files, by address."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            found.extend((method, rule, app.view_functions[rule.endpoint]) for method in methods)
    return sorted(found, key=lambda route: (route[1].rule, route[0]))


def build_scene(var: Path, kept: Path, settings: Any, clock: Any) -> Scene:
    """Return the hospital, built through the services; `kept` gets a copy of its databases."""
    app = create_app(settings, clock)
    ward = build_ward(app.extensions["mingzhen"](), clock)
    scene = Scene(app, clock, ward, kept, var)
    a, b, guardian, former, asking = (ward.person() for _ in range(5))
    _staff(scene)
    _more_sessions(scene)
    scene.name = a.name
    child = _child(scene, a, guardian, former, asking)
    owners = (("a", a.ref), ("child", child))
    for owner, ref in owners:
        scene.objects[owner]["visit"] = _past_visit(scene, a.actor, ref)
    for owner, ref in owners:
        scene.objects[owner] |= _objects(scene, a.actor, ref)
    scene.actors |= {"a": a.actor, "b": b.actor, "guardian": guardian.actor, "former": former.actor}
    scene.actors["claimant"] = _claimant(scene, a.ref)
    for name in PATIENTS:
        scene.tokens["patient", name] = ward.token("patient", scene.actors[name].ref)
        scene.tokens["api", name] = ward.token("api", scene.actors[name].ref)
    for name in STAFF:
        scene.tokens["staff", name] = ward.token("staff", scene.actors[name].ref)
    with ward.house.reading_session() as session:
        own, of_child = people.links_of(session, str(a.actor.ref))
        scene.objects["a"]["link"], scene.objects["child"]["link"] = own.id, of_child.id
        for owner in ("a", "child"):
            query = select(Event.id).where(Event.subject_ref == scene.objects[owner]["person"])
            scene.objects[owner]["event"] = (
                session.scalars(query.where(Event.type == "appointment.booked")).first() or ""
            )
    _house_objects(scene)
    _let_app_in(scene, a)
    app.extensions["mingzhen"].close()
    for name in DATABASES:
        if (var / name).exists():
            shutil.copy(var / name, kept / name)
    return scene


def _staff(scene: Scene) -> None:
    ward = scene.ward
    elsewhere = ward.do(planning.create_clinic, SYSTEM, "东院", "East clinic")
    scene.objects[""] = {"clinic": ward.clinic, "clinic_elsewhere": elsewhere}
    for name, role, clinic in (
        ("desk_elsewhere", "desk", elsewhere), ("auditor", "auditor", ward.clinic), ("admin", "admin", ward.clinic),
        ("leaving", "doctor", ward.clinic), ("lab", "lab", ward.clinic), ("lab_elsewhere", "lab", elsewhere),
        ("pharmacist", "pharmacist", ward.clinic),
    ):  # fmt: skip
        with ward.house.writing_session() as session:
            ref = staff.create(
                session, SYSTEM, ward.now, login=name, password_hash=ward.house.passwords.hash("twelve letters"),
                name_zh="同事", name_en="Colleague", role=role, clinic_id=clinic,
            )  # fmt: skip
        scene.actors[name] = Actor("staff", ref, role, f"sitting-{name}", frozenset({clinic}))  # type: ignore[arg-type]
    for name in ("desk", "chen", "lin", "ma"):
        scene.actors[name] = getattr(ward, name)


def _more_sessions(scene: Scene) -> None:
    """Plan three more departments with doctor Chen, so that one person may have several appointments."""
    ward = scene.ward
    hours = ward.now.replace(hour=1, minute=0), ward.now.replace(hour=4, minute=0)
    for name, letter in (("near", "C"), ("kept", "D"), ("far", "E")):
        department = ward.do(planning.create_department, SYSTEM, ward.clinic, f"科{letter}", f"Dept {letter}", letter)
        room = ward.do(planning.create_room, SYSTEM, ward.clinic, f"室{letter}", f"Room {letter}")
        planned = ward.do(
            planning.plan_session, SYSTEM, ward.clinic, department, ward.chen.ref, room, *hours, 10, "expert"
        )
        scene.objects[""][f"session_{name}"] = planned


def _child(scene: Scene, a: Person, guardian: Person, former: Person, asking: Person) -> str:
    """Bind one child to three accounts, and let a fourth ask; the desk verified three, and one has ended."""
    ward = scene.ward
    document = parse_resident_id(CHILD_ID, ward.now.date())

    def bind(who: Person) -> str:
        with ward.house.writing_session() as session:
            return people.bind(
                session, who.actor, document, "李小明", ward.now, relation="guardian", has_consented=True
            )

    for who in (a, guardian, former):
        ward.do(guardianship.verify_guardianship, ward.desk, bind(who))
    with ward.house.reading_session() as session:
        ended = people.links_of(session, str(former.actor.ref))[1].id
        child = people.links_of(session, str(a.actor.ref))[1].patient_ref
    ward.do(people.unbind, former.actor, ended)
    scene.objects[""]["asking"] = bind(asking)
    scene.objects["a"], scene.objects["child"] = {"person": a.ref}, {"person": child}
    return child


def _claimant(scene: Scene, ref: str) -> Actor:
    """Return an account that typed Li Ming's name and ID and waits for a proof; her phone is on file."""
    ward = scene.ward
    with ward.house.writing_session() as session:
        who = identity.read_identity(session, session.get_one(Patient, ref))
        people.put_phone_on_file(session, ref, PHONE_ON_FILE)
        account = accounts.account_for_wechat(session, WeChatIdentity("wxdemo", "claimant"), ward.now)
        actor = Actor("patient", account, "patient", "sitting-claimant")
        document = parse_resident_id(who.number, ward.now.date())
        link = people.bind(session, actor, document, who.name, ward.now, relation="self", has_consented=True)
    scene.objects[""] |= {"claim": link, "number": who.number}
    return actor


def _book(scene: Scene, actor: Actor, ref: str, session_id: str, *, is_last: bool = False) -> str:
    """Return a booked appointment in the first free slot of a session, or the last."""
    ward = scene.ward
    with ward.house.reading_session() as session:
        day_on = clinics.session_of(session, session_id).day_on
        free = [slot.id for slot in clinics.slots(session, session_id, day_on, ward.now) if slot.is_free]
    held = ward.do(booking.hold, actor, ref, free[-1 if is_last else 0])
    return str(ward.do(booking.confirm, actor, held.id).id)


def _past_visit(scene: Scene, actor: Actor, ref: str) -> str:
    """Return a visit that doctor Chen finished, nobody else being in the line."""
    ward = scene.ward
    arrived = _book(scene, actor, ref, ward.expert)
    ward.do(checkin.check_in_at_desk, ward.desk, arrived)
    visit, ticket = seen(scene)
    ward.do(queueing.finish, ward.chen, ticket)
    return visit


def _objects(scene: Scene, actor: Actor, ref: str) -> Objects:
    """Return one of everything else that a person has: appointments in each state, a ticket, a record of no visit."""
    ward, of_house = scene.ward, scene.objects[""]
    arrived = _book(scene, actor, ref, ward.expert)
    issued = ward.do(checkin.check_in_at_desk, ward.desk, arrived)
    with ward.house.writing_session() as session:
        row = ClinicalRecord(
            id=new_ref(), patient_ref=ref, visit_id=None, kind=Kind.OBSERVATION.value, status="final",
            effective_at=ward.now, recorded_at=ward.now, author_ref=None, source="import",
        )  # fmt: skip
        seal_next(session, row, clinical.observation("15074-8", "6.4"))
        record_id = row.id
    return {
        "arrived": arrived,
        "ticket": issued.ticket_id,
        "booked": _book(scene, actor, ref, of_house["session_near"]),
        "held": str(ward.do(booking.hold, actor, ref, ward.free_slot(of_house["session_kept"])).id),
        "far": _book(scene, actor, ref, of_house["session_far"], is_last=True),
        "record": record_id,
    }


def seen(scene: Scene) -> tuple[str, str]:
    """Let doctor Chen call whoever is next and see them; return the visit, with a diagnosis and a value, and the ticket."""
    ward = scene.ward
    ticket_id = ward.do(queueing.call_next, ward.chen, ward.expert).id
    visit = str(ward.do(queueing.start, ward.chen, ticket_id))
    ward.do(records.sign, ward.chen, visit, Kind.DIAGNOSIS, clinical.diagnosis("I10"))
    values = [clinical.observation("15074-8", "6.1")]
    with ward.house.writing_session() as session:
        records.sign_results(session, ward.chen, visit, "检验结果", "Results", values, ward.now)
    return visit, ticket_id


def _let_app_in(scene: Scene, a: Person) -> None:
    """Let an application read everything of Li Ming's, with a token to read with."""
    ward = scene.ward
    with ward.house.writing_session() as session:
        app = clients.register(session, SYSTEM, "步数日记", "Step diary", [REDIRECT], ward.now)
        grant = oauth_grants.give(session, a.actor, app, a.ref, TYPES, "year", ward.now, is_lasting=True)
        code = oauth_tokens.issue_code(session, grant, REDIRECT, challenge_of(VERIFIER), ward.now)
        session.flush()
        issued = oauth_tokens.redeem(session, app, code, REDIRECT, VERIFIER, ward.now)
        scene.objects["a"] |= {"grant": grant.id, "measured": fhir_id(scene.objects["a"]["record"])}
        scene.objects[""] |= {"app": app, "app_token": issued.refresh}
        scene.actors["app"] = oauth_tokens.app_actor(grant)
    scene.tokens["fhir", "app"] = issued.access


def _house_objects(scene: Scene) -> None:
    ward = scene.ward
    code = ward.do(screens.show_pairing_code, ward.desk, ward.clinic)
    with ward.house.writing_session() as session:
        token, actor = screens.pair(session, code, ward.now)
        house_event = session.scalars(select(Event.id).where(Event.type == "clinic.created")).first()
    scene.tokens["screen", "screen"] = token
    scene.actors["screen"] = actor
    scene.objects[""] |= {
        "session": ward.expert,
        "department": ward.department,
        "screen": str(actor.ref),
        "leaving": str(scene.actors["leaving"].ref),
        "house_event": str(house_event),
    }
