"""Commands that set up a hospital: `flask --app wsgi create-clinic`, `create-department`, `create-room`, `create-staff`,
`plan-session`, and `office`, which lists what there is with the ids that the others take.

They act as the system and ask for nobody: who may run them may read the databases anyway. Each is an event without a subject.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.actor import SYSTEM
from app.domain.calendar import instant
from app.domain.errors import BadInput, NotFound, Refused
from app.domain.tickets import QUEUE_LETTERS
from app.models import Clinic, Department, Room, Staff
from app.services import clients, outbox, planning, screens, staff
from app.web.house import house

PASSWORD_BYTES = 12
ROLES = ("doctor", "desk", "lab", "pharmacist", "admin", "auditor")


@contextmanager
def office() -> Iterator[tuple[Session, datetime]]:
    """Open one transaction of the office, and say a refusal as a command does."""
    at_house = house()
    try:
        with at_house.writing_session() as session:
            yield session, at_house.clock()
    except BadInput:
        raise
    except NotFound:
        raise click.ClickException("There is no such clinic, department, room or staff: `office` lists them.") from None
    except Refused as refused:
        raise click.ClickException(f"Refused: {refused.code}.") from None
    at_house.bell.knock()


def init_office(app: Flask) -> None:
    @app.cli.command("messages")
    @click.option("--again", is_flag=True, help="Try the dead ones once more that are still worth sending.")
    def messages_command(again: bool) -> None:
        """Count the messages in each state, and say why some reached nobody. Names no person."""
        if again:
            with office() as (session, now):
                click.echo(f"{outbox.try_again(session, now)} are tried again.")
        with house().reading_session() as session:
            depth, troubles = outbox.depth(session), outbox.troubles(session)
        for state, count in sorted(depth.items()):
            click.echo(f"{count:7} {state}")
        for kind, state, reason, count in troubles:
            click.echo(f"{count:7} {state}: {kind} ({reason})")

    @app.cli.command("create-clinic")
    @click.argument("name_zh")
    @click.argument("name_en")
    def create_clinic(name_zh: str, name_en: str) -> None:
        """Make a clinic: a place with a desk, a waiting room and its screens. Prints its id."""
        with office() as (session, now):
            click.echo(planning.create_clinic(session, SYSTEM, name_zh, name_en, now))

    @app.cli.command("create-department")
    @click.argument("clinic")
    @click.argument("letter")
    @click.argument("name_zh")
    @click.argument("name_en")
    @click.option("--sensitive", is_flag=True, help="Numbers only, wherever others can read.")
    def create_department(clinic: str, letter: str, name_zh: str, name_en: str, sensitive: bool) -> None:
        """Make a department, whose tickets begin with LETTER. Prints its id."""
        if len(letter) != 1 or letter not in QUEUE_LETTERS:
            raise click.BadParameter(
                "one letter from A to Z, but for I and O, which read as digits", param_hint="LETTER"
            )
        with office() as (session, now):
            taken = select(Department.id).where(Department.clinic_id == clinic, Department.letter == letter)
            if session.scalar(taken) is not None:
                raise click.ClickException("Another department of this clinic has that letter.")
            click.echo(
                planning.create_department(
                    session, SYSTEM, clinic, name_zh, name_en, letter, now, is_sensitive=sensitive
                )
            )

    @app.cli.command("create-room")
    @click.argument("clinic")
    @click.argument("name_zh")
    @click.argument("name_en")
    @click.option("--area", nargs=2, metavar="ZH EN", help="Where its people wait: 2号候诊区 'waiting area 2'.")
    def create_room(clinic: str, name_zh: str, name_en: str, area: tuple[str, str] | None) -> None:
        """Make a room. Prints its id."""
        area_zh, area_en = area or (None, None)
        with office() as (session, now):
            click.echo(
                planning.create_room(session, SYSTEM, clinic, name_zh, name_en, now, area_zh=area_zh, area_en=area_en)
            )

    @app.cli.command("screen-names")
    @click.argument("clinic")
    @click.argument("policy", type=click.Choice(screens.NAMES))
    def screen_names(clinic: str, policy: str) -> None:
        """Say what a clinic's screens show of a name: none, or masked (never in sensitive departments)."""
        with office() as (session, now):
            screens.set_names(session, SYSTEM, clinic, policy, now)

    @app.cli.command("create-staff")
    @click.argument("clinic")
    @click.argument("role", type=click.Choice(ROLES))
    @click.argument("login")
    @click.argument("name_zh")
    @click.argument("name_en")
    def create_staff(clinic: str, role: str, login: str, name_zh: str, name_en: str) -> None:
        """Make a member of staff. Prints the first password, once; it is changed at the first sign-in."""
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        hashed = house().passwords.hash(password)
        with office() as (session, now):
            if session.get(Clinic, clinic) is None:
                raise NotFound()
            staff.create(
                session, SYSTEM, now, login=login, password_hash=hashed, name_zh=name_zh, name_en=name_en, role=role,
                clinic_id=clinic, must_change_password=True,
            )  # fmt: skip
        click.echo(password)

    @app.cli.command("add-client")
    @click.argument("name_zh")
    @click.argument("name_en")
    @click.argument("redirects", nargs=-1, required=True)
    def add_client(name_zh: str, name_en: str, redirects: tuple[str, ...]) -> None:
        """Register an application that may ask patients to let it read their record over FHIR; REDIRECTS are the addresses that
        codes are sent to, byte for byte. Prints its client_id."""
        try:
            with office() as (session, now):
                client_id = clients.register(session, SYSTEM, name_zh, name_en, redirects, now)
        except BadInput as wrong:
            raise click.BadParameter(
                "not of the form that it must have: see docs/fhir.md", param_hint=wrong.field
            ) from None
        click.echo(client_id)

    @app.cli.command("disable-client")
    @click.argument("client_id")
    def disable_client(client_id: str) -> None:
        """Take an application out of use: its tokens open nothing from now on."""
        with office() as (session, now):
            clients.disable(session, SYSTEM, client_id, now)

    @app.cli.command("reset-second-factor")
    @click.argument("login")
    def reset_second_factor(login: str) -> None:
        """Take away the second factor of LOGIN, for a hospital whose only admin lost the phone; the next sign-in makes a new one."""
        with office() as (session, now):
            member = session.scalars(select(Staff).where(Staff.login == login)).first()
            if member is None:
                raise NotFound()
            staff.reset_second_factor(session, SYSTEM, member.ref, now)

    @app.cli.command("plan-session")
    @click.argument("department")
    @click.argument("login")
    @click.argument("room")
    @click.argument("day", type=click.DateTime(["%Y-%m-%d"]))
    @click.argument("starts", type=click.DateTime(["%H:%M"]))
    @click.argument("ends", type=click.DateTime(["%H:%M"]))
    @click.option("--slot-minutes", type=click.IntRange(1, 240), default=10, show_default=True)
    @click.option("--kind", type=click.Choice(("expert", "general")), default="expert", show_default=True)
    def plan_session(
        department: str,
        login: str,
        room: str,
        day: datetime,
        starts: datetime,
        ends: datetime,
        slot_minutes: int,
        kind: str,
    ) -> None:
        """Let the doctor LOGIN sit in ROOM on DAY (YYYY-MM-DD) from STARTS to ENDS (HH:MM, the hospital's clock)."""
        begins_at, ends_at = instant(day.date(), starts.time()), instant(day.date(), ends.time())
        if ends_at <= begins_at:
            raise click.BadParameter("a session ends after it begins, on the same day", param_hint="ENDS")
        with office() as (session, now):
            owning = session.get(Department, department)
            doctor = session.scalars(select(Staff).where(Staff.login == login, Staff.disabled_at.is_(None))).first()
            if owning is None or doctor is None:
                raise NotFound()
            click.echo(
                planning.plan_session(
                    session, SYSTEM, owning.clinic_id, department, doctor.ref, room, begins_at, ends_at, slot_minutes, kind,
                    now,
                )
            )  # fmt: skip

    @app.cli.command("office")
    def list_office() -> None:
        """List clinics, departments, rooms and staff with their ids and logins."""
        with house().reading_session() as session:
            for clinic in session.scalars(select(Clinic).order_by(Clinic.name_en)):
                click.echo(f"clinic      {clinic.id}  {clinic.name_zh} {clinic.name_en}")
                for row in session.scalars(select(Department).where(Department.clinic_id == clinic.id)):
                    click.echo(f"department  {row.id}  {row.letter} {row.name_zh} {row.name_en}")
                for room in session.scalars(select(Room).where(Room.clinic_id == clinic.id)):
                    click.echo(f"room        {room.id}  {room.name_zh} {room.name_en}")
            for member in staff.all_staff(session):
                state = " (disabled)" if member.is_disabled else ""
                click.echo(
                    f"staff       {member.login}  {' '.join(member.roles)} {member.name_zh} {member.name_en}{state}"
                )
