"""Every route with how to ask for it, for the tests that try each as everybody and look for its event.

A value that begins with `$` names an object of the scene: the owner's whose things are tried, or the house's. A new route
without a row fails `tests/test_matrix.py`; the defaults of `expected` make most rows one line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.services import clinics, codes, proofs, queueing, screens
from tests.people import with_check
from tests.scene import ABSENT, PATIENTS, ROLE, Scene, seen

OK = 200  # stands for 2xx, and for 303 to anywhere but a sign-in
SIGN_IN = 401  # stands for 401, and for 303 to the door's sign-in
NEW_CHILD = with_check("11010520190607002")
NEW_PHONE = "+8613900000001"

Objects = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Row:
    """How one route is asked. `owned`: whose objects it shows or changes, by who may reach them besides "a"."""

    args: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Scene], Objects] | None = None
    owned: str = ""  # "": nobody's · "link": the account's own alone · "person": also a child's guardian's
    owners: tuple[str, ...] = ("a",)
    but: Mapping[str, int] = field(default_factory=dict)
    to_sign_in: bool = False  # that it leads to the sign-in means that it went well
    tells: tuple[
        str, ...
    ] = ()  # strangers of `tests/test_matrix.py` who are none to this row; "*": it tells whoever may ask
    by: str = ""  # who drives it for its events; by default the first whom it is for

    def resolve(
        self, values: Mapping[str, Any], scene: Scene, owner: str, more: Objects, *, absent: bool = False
    ) -> Any:
        def one(value: Any) -> Any:
            if isinstance(value, list):
                return [one(v) for v in value]
            if not (isinstance(value, str) and value.startswith("$")):
                return value
            name = value[1:]
            if absent and name in scene.objects["a"]:
                return ABSENT
            for found in (more.get(owner, {}), more.get("", {})):
                if name in found:
                    return found[name]
            return scene.of(owner, name)

        return {name: one(value) for name, value in values.items()}

    def driver(self, audience: frozenset[str]) -> str:
        firsts = {"public": "anonymous", "patient": "a", "desk": "desk", "doctor": "chen", "lab": "lab", "pharmacist": "pharmacist", "auditor": "auditor",
                  "admin": "admin", "screen": "screen", "app": "app", "share": "share_holder"}  # fmt: skip
        return self.by or next(actor for role, actor in firsts.items() if role in audience)


def expected(row: Row, audience: frozenset[str], actor: str, owner: str) -> int:
    """Return what an actor gets, by the audience that the view states, unless the row says something else."""
    same = (
        (f"lin/{owner}", "lin") if actor == "ma" else ()
    )  # what doctor Lin is refused without a ground, doctor Ma is too
    for name in (f"{actor}/{owner}", actor, *same, "*"):
        if name in row.but and (name != "*" or _default(row, audience, actor, owner) == OK):
            return row.but[name]
    return _default(row, audience, actor, owner)


def _default(row: Row, audience: frozenset[str], actor: str, owner: str) -> int:
    if "public" in audience:
        return OK
    if "app" in audience:
        return OK if actor == "app" else SIGN_IN
    if "share" in audience:  # no sign-in leads there: who holds no link finds nothing
        return OK if actor == "share_holder" else 404
    if "patient" in audience:
        if actor not in PATIENTS:
            return SIGN_IN
        if not row.owned or actor == "a":
            return OK
        return OK if row.owned == "person" and owner == "child" and actor == "guardian" else 404
    if "screen" in audience:
        return OK if actor == "screen" else SIGN_IN
    if actor not in ROLE:
        return SIGN_IN
    return OK if ROLE[actor] in audience else 403


# What some rows need to have happened


def _slots(scene: Scene) -> Objects:
    ward = scene.ward
    with ward.house.reading_session() as session:
        day_on = clinics.session_of(session, ward.pool).day_on
        free = [slot.id for slot in clinics.slots(session, ward.pool, day_on, ward.now) if slot.is_free]
    return {"a": {"slot": free[0]}, "child": {"slot": free[1]}, "": {"day": day_on.isoformat()}}


def _claim_codes(scene: Scene) -> Objects:
    return {"": {"code": scene.ward.do(proofs.issue_claim_code, scene.ward.desk, scene.of("a", "person"))}}


def _phone_code(scene: Scene) -> Objects:
    with scene.ward.house.writing_session() as session:
        return {"": {"code": codes.issue(session, "sign_in", NEW_PHONE, scene.ward.now)}}


def _venue_codes(scene: Scene) -> Objects:
    return {"": {"venue_code": scene.ward.venue_code(), "short_code": scene.ward.short_code()}}


def _pairing(scene: Scene) -> Objects:
    return {"": {"code": scene.ward.do(screens.show_pairing_code, scene.ward.desk, scene.ward.clinic)}}


def _asked_before(scene: Scene) -> Objects:
    """Knock until it is known that nobody answers: no sequencer runs in the scene."""
    client = scene.app.test_client()
    deadline = time.monotonic() + 180
    while client.get("/readyz").status_code == OK:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return {}


def _called(scene: Scene) -> Objects:
    return {"": {"called": scene.ward.do(queueing.call_next, scene.ward.chen, scene.ward.expert).id}}


def _missed(scene: Scene) -> Objects:
    called = _called(scene)[""]["called"]
    scene.ward.do(queueing.pass_, scene.ward.chen, called)
    return {"": {"missed": called}}


def _in_room(scene: Scene) -> Objects:
    visit, ticket = seen(scene)
    return {"": {"open_visit": visit, "serving": ticket}}


PERSON: dict[str, Any] = {"owned": "person", "owners": ("a", "child")}
LINK: dict[str, Any] = {"owned": "link", "owners": ("a", "child")}
NOT_HERE = {"desk_elsewhere": 403}
NOT_MINE = {"lin": 403}
PENDING = {"*": 409}  # nothing is sealed in the scene: no sequencer runs
CHILD = {"relation": "guardian", "document": "resident_id", "name": "李小红", "number": NEW_CHILD}

ROWS: dict[str, Row] = {
    "health.healthz": Row(),
    "health.readyz": Row(prepare=_asked_before, but={"*": 503}),
    "language": Row({"lang": "en"}),
    # The patients' pages
    "patient.home": Row(),
    "patient.home_now": Row(),
    "patient.sign_in": Row(),
    "patient.wechat": Row(),
    "patient.wechat_callback": Row(query={"state": "state", "code": "code-of-newcomer"}),
    "patient.phone": Row(form={"phone": "13900000009"}),
    "patient.phone_code": Row(form={"phone": NEW_PHONE, "code": "$code"}, prepare=_phone_code),
    "patient.sign_out": Row(to_sign_in=True),
    "patient.me": Row(),
    "patient.new_person": Row(),
    "patient.bind_person": Row(form={**CHILD, "consent": "yes"}, by="b"),
    "patient.person": Row({"link_id": "$link"}, **LINK),
    "patient.ask_proof": Row({"link_id": "$claim"}, owned="link", but={"a": 404, "claimant": OK}, by="claimant"),
    "patient.prove": Row({"link_id": "$link"}, {"code": "$code"}, prepare=_claim_codes, owned="link"),
    "patient.unbind": Row({"link_id": "$link"}, **LINK),
    "patient.book": Row(),
    "patient.choose_department": Row(form={"department": "$department"}),
    "patient.book_times": Row(),
    "patient.hold": Row(form={"person": "$person", "slot": "$slot"}, prepare=_slots, **PERSON),
    "patient.visit": Row({"appointment_id": "$booked"}, **PERSON),
    "patient.visit_now": Row({"appointment_id": "$booked"}, **PERSON),
    "patient.confirm_visit": Row({"appointment_id": "$held"}, **PERSON),
    "patient.release_visit": Row({"appointment_id": "$held"}, **PERSON),
    "patient.cancel_visit": Row({"appointment_id": "$far"}, **PERSON),
    "patient.arrive": Row({"code": "$venue_code"}, prepare=_venue_codes),
    "patient.check_in": Row(),
    "patient.take_check_in": Row(form={"appointment": "$booked"}, **PERSON),
    "patient.type_code": Row(
        form={"code": "$short_code"}, prepare=_venue_codes, but={"b": 400, "former": 400, "claimant": 400}
    ),
    "patient.queue": Row(),
    "patient.queue_now": Row(),
    "patient.records": Row(),
    "patient.record": Row({"visit_id": "$visit"}, **PERSON),
    "patient.other_records": Row({"record_id": "$record"}, **PERSON),
    "patient.receipts": Row(),
    "patient.receipts_part": Row(),
    "patient.receipt": Row({"event_id": "$event"}, **PERSON),
    "patient.receipt_waiting": Row({"event_id": "$event"}, **PERSON),
    "patient.receipts_complete": Row(),
    "patient.receipts_whole": Row(),
    "patient.receipt_paper": Row({"event_id": "$event"}, **PERSON, but=PENDING),
    "patient.receipt_file": Row({"event_id": "$event"}, **PERSON, but=PENDING),
    # The mini-program
    "api.openapi": Row(),
    "api.login": Row(form={"code": "code-of-newcomer"}),
    "api.logout": Row(),
    "api.me": Row(),
    "api.list_people": Row(),
    "api.bind_person": Row(form={**CHILD, "consent": True}, by="b"),
    "api.ask_proof": Row({"link_id": "$claim"}, owned="link", but={"a": 404, "claimant": OK}, by="claimant"),
    "api.prove": Row({"link_id": "$link"}, {"code": "$code"}, prepare=_claim_codes, owned="link"),
    "api.unbind": Row({"link_id": "$link"}, **LINK),
    "api.departments": Row(),
    "api.days": Row({"department_id": "$department"}),
    "api.sessions": Row(query={"department": "$department", "day": "$day"}, prepare=_slots),
    "api.slots": Row(query={"session": "$session", "day": "$day"}, prepare=_slots),
    "api.appointments": Row(),
    "api.hold": Row(form={"person": "$person", "slot": "$slot"}, prepare=_slots, **PERSON),
    "api.confirm": Row({"appointment_id": "$held"}, **PERSON),
    "api.release": Row({"appointment_id": "$held"}, **PERSON),
    "api.cancel": Row({"appointment_id": "$far"}, **PERSON),
    "api.check_in": Row(form={"code": "$venue_code", "appointments": ["$booked"]}, prepare=_venue_codes, **PERSON),
    "api.tickets": Row(),
    "api.ticket": Row({"ticket_id": "$ticket"}, **PERSON),
    "api.records": Row(),
    "api.visit_record": Row({"visit_id": "$visit"}, **PERSON),
    "api.receipts": Row(),
    "api.receipt": Row({"event_id": "$event"}, **PERSON),
    # Staff
    "staff.sign_in": Row(),
    "staff.take_sign_in": Row(form={"login": "admin", "password": "twelve letters"}),
    "staff.sign_out": Row(to_sign_in=True),
    "staff.home": Row(),
    "desk.screen_list": Row(),
    "desk.show_code": Row(form={"clinic": "$clinic"}, but={"desk_elsewhere": 404}),
    "desk.unpair": Row({"screen_ref": "$screen"}, but=NOT_HERE),
    "claims.look_up": Row(),
    # Whoever shows a document is served at any desk of the hospital, with an event in their own log.
    "claims.open_document": Row(form={"document": "resident_id", "number": "$number"}, tells=("desk_elsewhere",)),
    "claims.claim_code": Row({"patient_ref": "$person"}, tells=("desk_elsewhere",)),
    "claims.verify_guardian": Row({"link_id": "$asking"}, {"papers": "birth_certificate"}),
    "doctor.queue": Row(),
    "doctor.queue_now": Row(),
    "doctor.call_next": Row({"session_id": "$session"}, but=NOT_MINE),
    "doctor.recall": Row({"ticket_id": "$called"}, prepare=_called, but=NOT_MINE),
    "doctor.pass_over": Row({"ticket_id": "$called"}, prepare=_called, but=NOT_MINE),
    "doctor.put_back": Row({"ticket_id": "$missed"}, prepare=_missed, but=NOT_MINE),
    "doctor.start": Row({"ticket_id": "$called"}, prepare=_called, but=NOT_MINE),
    "doctor.finish": Row({"ticket_id": "$serving"}, prepare=_in_room, but=NOT_MINE),
    "doctor.visit": Row({"visit_id": "$open_visit"}, prepare=_in_room, but={"lin": 404}),
    "doctor.sign_diagnosis": Row({"visit_id": "$open_visit"}, {"code": "J06.9"}, prepare=_in_room, but={"lin": 404}),
    "doctor.sign_advice": Row({"visit_id": "$open_visit"}, {"advice": "多喝水"}, prepare=_in_room, but={"lin": 404}),
    "doctor.sign_prescription": Row(
        {"visit_id": "$open_visit"},
        {"name": "氨氯地平片", "dose": "5mg", "frequency": "每日一次", "days": "14"},
        prepare=_in_room,
        but={"lin": 404},
    ),
    "doctor.sign_results": Row(
        {"visit_id": "$open_visit"}, {"analyte": "15074-8", "value": "5.6"}, prepare=_in_room, but={"lin": 404}
    ),
    "admin.people": Row(),
    "admin.create": Row(
        form={"login": "new", "name_zh": "新同事", "name_en": "New", "role": "desk", "clinic": "$clinic"}
    ),
    "admin.disable": Row({"staff_ref": "$leaving"}),
    "auditor.events": Row(),
    "auditor.event": Row({"event_id": "$event"}),
    "auditor.event_file": Row({"event_id": "$house_event"}, but=PENDING),
    # The waiting room and the ledger
    "screen.pair": Row(),
    "screen.take_pairing": Row(form={"code": "$code"}, prepare=_pairing),
    "screen.board": Row(),
    "screen.board_now": Row(),
    "log.ledger": Row(),
    "log.verify": Row(),
    "log.saved": Row(),
    "log.wall": Row(),
    "log.checkpoints": Row(),
    "log.worker": Row(),
    "log.keys": Row(),
    "log.policy": Row(but={"*": 404}),
    "log.program": Row(),
    "log.notice": Row({"nth": 0}, but={"*": 404}),
    "log.checkpoint": Row(but={"*": 404}),
    "log.frozen": Row({"nth": 1}, but={"*": 404}),
    "log.frozen_file": Row({"nth": 1, "file": "successor"}, but={"*": 404}),
    "log.frozen_notice": Row({"nth": 1, "which": "0"}, but={"*": 404}),
    "log.frozen_tile": Row({"nth": 1, "path": "0/000"}, but={"*": 404}),
    "log.tile": Row({"path": "0/000"}, but={"*": 404}),
}

# The rows of single slices, which take Row from here.
from tests.rows_access import ROWS as ACCESS_ROWS  # noqa: E402
from tests.rows_desk import ROWS as DESK_ROWS  # noqa: E402
from tests.rows_erasure import ROWS as ERASURE_ROWS  # noqa: E402
from tests.rows_fair import ROWS as FAIR_ROWS  # noqa: E402
from tests.rows_fhir import ROWS as FHIR_ROWS  # noqa: E402
from tests.rows_lab import ROWS as LAB_ROWS  # noqa: E402
from tests.rows_messages import ROWS as MESSAGE_ROWS  # noqa: E402
from tests.rows_people import ROWS as PEOPLE_ROWS  # noqa: E402
from tests.rows_queue import ROWS as QUEUE_ROWS  # noqa: E402
from tests.rows_records import ROWS as RECORD_ROWS  # noqa: E402
from tests.rows_share import ROWS as SHARE_ROWS  # noqa: E402
from tests.rows_staff import ROWS as STAFF_ROWS  # noqa: E402
from tests.rows_wait import ROWS as WAIT_ROWS  # noqa: E402
from tests.rows_ways import ROWS as WAYS_ROWS  # noqa: E402

ROWS |= ACCESS_ROWS
ROWS |= DESK_ROWS
ROWS |= ERASURE_ROWS
ROWS |= FAIR_ROWS
ROWS |= FHIR_ROWS
ROWS |= LAB_ROWS
ROWS |= PEOPLE_ROWS
ROWS |= QUEUE_ROWS
ROWS |= RECORD_ROWS
ROWS |= SHARE_ROWS
ROWS |= STAFF_ROWS
ROWS |= MESSAGE_ROWS
ROWS |= WAIT_ROWS
ROWS |= WAYS_ROWS
