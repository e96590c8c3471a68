"""The rows of the staff's own pages and of the admin's pages about staff: see tests/rows.py."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from app.models import Staff, StaffGrant, WebSession
from app.services import staff, totp
from tests.rows import Row
from tests.scene import STAFF, Scene

Objects = Mapping[str, Mapping[str, str]]
PASSWORD, NEW = "twelve letters", "seven kettles on a roof"


def _passwords(scene: Scene) -> Objects:
    """Let everybody have the same password."""
    with scene.ward.house.writing_session() as session:
        hashed = scene.ward.house.passwords.hash(PASSWORD)
        for name in STAFF:
            session.get_one(Staff, str(scene.actors[name].ref)).password_hash = hashed
    return {}


def _sitting(scene: Scene) -> Objects:
    with scene.ward.house.reading_session() as session:
        which = select(WebSession.ref).where(WebSession.owner_ref == str(scene.actors["desk"].ref))
        return {"": {"sitting": str(session.scalars(which).first())}}


def _held(scene: Scene) -> Objects:
    with scene.ward.house.reading_session() as session:
        which = select(StaffGrant.id).where(StaffGrant.staff_ref == scene.of("", "leaving"))
        return {"": {"grant": str(session.scalars(which).first())}}


def _disabled(scene: Scene) -> Objects:
    scene.ward.do(staff.disable, scene.actors["admin"], scene.of("", "leaving"))
    return {}


def _enrolled(scene: Scene) -> Objects:
    with scene.ward.house.writing_session() as session:
        totp.begin(session, scene.of("", "leaving"), scene.ward.now)
    return {}


LEAVING = {"staff_ref": "$leaving"}
ROWS: dict[str, Row] = {
    "staff.step": Row(to_sign_in=True),
    "staff.take_step": Row(to_sign_in=True),
    "staff.lock_page": Row(to_sign_in=True),
    "staff.lock": Row(),
    "staff.unlock": Row(to_sign_in=True, but=dict.fromkeys(STAFF, 400)),  # nothing was typed
    "staff.active": Row(),
    "staff.me": Row(),
    "staff.end_sitting": Row(
        {"sitting_ref": "$sitting"}, prepare=_sitting, but={name: 404 for name in STAFF if name != "desk"}
    ),
    "staff.change_password": Row(form={"current": PASSWORD, "password": NEW, "again": NEW}, prepare=_passwords),
    "staff.set_pin": Row(form={"pin": "2580"}, but={"admin": 403, "auditor": 403}),
    "staff.begin_totp": Row(),
    "staff.confirm_totp": Row(form={"code": "000000"}, but={"*": 404}),  # nothing was begun
    "admin.person": Row(LEAVING),
    "admin.grant": Row(LEAVING, {"role": "desk", "clinic": "$clinic"}),
    "admin.end_grant": Row({**LEAVING, "grant_id": "$grant"}, prepare=_held),
    "admin.enable": Row(LEAVING, prepare=_disabled),
    "admin.reset_password": Row(LEAVING),
    "admin.reset_totp": Row(LEAVING, prepare=_enrolled),
}
