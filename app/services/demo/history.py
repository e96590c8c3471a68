"""The visits that the demo's people have had: planned, booked, checked in, called, written and signed, each in its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy.orm import Session

from app.domain import attachments as papers
from app.domain import calendar, clinical
from app.domain import problems as problem_rules
from app.domain.actor import SYSTEM, Actor
from app.domain.checkin import Presence
from app.domain.clinical import Kind
from app.ports import WeChatIdentity
from app.services import (
    accounts,
    attachments,
    booking,
    checkin,
    clinics,
    guardianship,
    lab,
    orders,
    people,
    pharmacy,
    planning,
    problems,
    proofs,
    queueing,
    records,
)
from app.services.demo.cast import PLAYERS, Player
from app.services.demo.house import DemoHouse
from app.services.demo.papers import letter, tracing


@dataclass(frozen=True)
class PastVisit:
    """One visit: days ago, who saw them, what was found and written. `values` are (analyte, value).

    `panel` is what the laboratory measured, `measured` what it signed first and `amended` what it signed after that;
    `allergy` is (substance, note), `problem` (code, years since it began), `vaccines` are (vaccine, lot), `papers` (title, kind,
    bytes).
    """

    days_ago: int
    diagnosis: str
    advice: str
    drugs: tuple[tuple[str, str, str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    report: tuple[str, str] = ("检验报告", "Laboratory report")
    panel: str = ""
    measured: tuple[tuple[str, str], ...] = ()
    amended: tuple[tuple[str, str], ...] = ()
    allergy: tuple[str, str] = ("", "")
    problem: tuple[str, int] = ("", 0)
    vaccines: tuple[tuple[str, str], ...] = ()
    papers: tuple[tuple[str, str, bytes], ...] = ()


VISITS: dict[str, PastVisit] = {
    "pressure-1": PastVisit(
        300, "I10", "少盐，每天早晚量血压并记下来。一个月后复诊。",
        (("氨氯地平片", "5 mg", "每天一次，早晨", "28"),), (("8480-6", "162"), ("2093-3", "5.6")),
        allergy=("penicillin", "皮疹"), problem=("I10", 8),
    ),
    "pressure-2": PastVisit(
        180, "I10", "血压比上次好，药继续吃。", (("氨氯地平片", "5 mg", "每天一次，早晨", "28"),), (("8480-6", "148"), ("2093-3", "5.1")),
        vaccines=(("influenza", "F26A01"), ("pneumo", "P26B07")), problem=("E78.5", 1),
    ),
    "pressure-3": PastVisit(
        40, "I10", "血压已平稳，坚持散步，三个月后复诊。", (("氨氯地平片", "5 mg", "每天一次，早晨", "84"),), (("8480-6", "136"),),
        papers=(("心电图", "picture", tracing()), ("心电图报告", "report", letter())),
    ),
    "glucose-1": PastVisit(
        350, "E11.9", "控制主食，每周运动五天。学会自己测血糖。",
        (("二甲双胍片", "0.5 g", "每天两次，随餐", "28"),), (("15074-8", "9.8"), ("4548-4", "8.6")),
        problem=("E11.9", 2),
    ),
    "glucose-2": PastVisit(
        240, "E11.9", "血糖在下降，继续。", (("二甲双胍片", "0.5 g", "每天两次，随餐", "56"),), (("15074-8", "8.1"), ("4548-4", "7.7")),
    ),
    "glucose-3": PastVisit(
        130, "E11.9", "空腹血糖还偏高，晚饭后走半小时。", (("二甲双胍片", "0.5 g", "每天两次，随餐", "56"),), (("15074-8", "7.2"), ("4548-4", "7.1")),
    ),
    "glucose-4": PastVisit(
        28, "E11.9", "控制得很好。三个月后查糖化血红蛋白。", (("二甲双胍片", "0.5 g", "每天两次，随餐", "84"),), (("15074-8", "6.0"), ("4548-4", "6.4")),
    ),
    "anaemia-1": PastVisit(
        120, "D50.9", "多吃红肉和深色蔬菜。", (("琥珀酸亚铁片", "0.1 g", "每天三次，饭后", "28"),), (("718-7", "98"),),
    ),
    "anaemia-2": PastVisit(
        60, "D50.9", "血红蛋白已回升，再吃一个月。", (("琥珀酸亚铁片", "0.1 g", "每天三次，饭后", "28"),), panel="58410-2",
        measured=(("6690-2", "5.2"), ("789-8", "4.3"), ("718-7", "112"), ("777-3", "231")),
        amended=(("6690-2", "5.2"), ("789-8", "4.3"), ("718-7", "121"), ("777-3", "231")),
    ),
    "cold-1": PastVisit(95, "J06.9", "多喝水，多休息。高热三天不退再来。", (("对乙酰氨基酚片", "0.5 g", "发热时一片，间隔 6 小时", "3"),)),
    "stomach-1": PastVisit(33, "A09.9", "清淡饮食，补充水分。", (("口服补液盐", "1 袋", "每次腹泻后", "3"),), (("6690-2", "10.8"),)),
    "allergy-1": PastVisit(50, "L50.9", "停用可疑的食物，观察两周。", (("氯雷他定片", "10 mg", "每天一次", "7"),), allergy=("seafood", "")),
    "child-1": PastVisit(150, "J06.9", "多喝水，体温高于 38.5 度再吃退热药。", (("布洛芬混悬液", "6 ml", "发热时一次，间隔 6 小时", "3"),)),
    "child-2": PastVisit(20, "J20.9", "拍背排痰，三天后复诊。", (("氨溴索口服溶液", "5 ml", "每天两次", "5"),), (("6690-2", "9.9"),)),
    "back-1": PastVisit(80, "M54.5", "两周内不要负重，按示范做拉伸。"),
    "check-en": PastVisit(
        15, "Z00.0", "All values are normal. Come again in a year.", (), (("15074-8", "5.1"), ("718-7", "138"), ("2093-3", "4.6")),
    ),
    "allergy-en": PastVisit(
        50, "L50.9", "Leave out the food you suspect and watch for two weeks.",
        (("氯雷他定片 Loratadine", "10 mg", "Once a day", "7"),), allergy=("seafood", ""),
    ),
    "check-1": PastVisit(15, "Z00.0", "各项正常，明年再查。", (), (("15074-8", "5.1"), ("718-7", "138"), ("2093-3", "4.6"))),
}  # fmt: skip


def enrol(session: Session, players_identity: dict[str, WeChatIdentity], now: datetime) -> dict[str, tuple[Actor, str]]:
    """Make the accounts and bind the people; return for each player (who acts for them, their ref)."""
    found: dict[str, tuple[Actor, str]] = {}
    desk_only = [p for p in PLAYERS if not p.wechat]
    for player in (p for p in PLAYERS if p.wechat):
        account = accounts.account_for_wechat(session, players_identity[player.wechat], now)
        actor = Actor("patient", account, "patient", "demo")
        _bind(session, actor, player, now, "self")
        found[player.key] = (actor, _ref_of(session, actor, "self"))
        for child in (c for c in desk_only if c.key == player.guardian_of):
            _bind(session, actor, child, now, "guardian")
            found[child.key] = (actor, _ref_of(session, actor, "guardian"))
    return found


def _bind(session: Session, actor: Actor, player: Player, now: datetime, relation) -> None:  # type: ignore[no-untyped-def]
    people.bind(session, actor, player.document, player.name, now, relation=relation, has_consented=True)
    if player.phone and relation == "self":
        people.put_phone_on_file(session, _ref_of(session, actor, "self"), player.phone)


def _ref_of(session: Session, actor: Actor, relation: str) -> str:
    return next(v.patient_ref for v in people.links_of(session, str(actor.ref)) if v.relation == relation)


def prove(session: Session, house: DemoHouse, player: Player, actor: Actor, ref: str, now: datetime) -> None:
    """Let the desk see the papers: of a guardian, or of those who are proven already."""
    link = next(v for v in people.links_of(session, str(actor.ref)) if v.patient_ref == ref)
    if link.relation == "guardian" and link.state == "pending":
        guardianship.verify_guardianship(session, house.desk, link.id, now)
    elif player.is_proven and link.proof == "none":
        code = proofs.issue_claim_code(session, house.desk, ref, now)
        proofs.prove(session, actor, link.id, code, now)


def live_through(
    session: Session,
    house: DemoHouse,
    player: Player,
    actor: Actor,
    ref: str,
    visit: PastVisit,
    turn: int,
    now: datetime,
) -> None:
    """Let a person live one past visit, from the booking the day before to the finish."""
    day_on = calendar.hospital_day(now - timedelta(days=visit.days_ago))
    department = house.children if player.key == "yu" else house.internal
    doctor = house.doctors["doctor.liu" if player.key == "yu" else "doctor.zhang"]
    starts_at = calendar.instant(day_on, time(8 + turn % 4, 0))
    booked_at = starts_at - timedelta(hours=20)
    sitting = planning.plan_session(
        session, SYSTEM, house.clinic, department, str(doctor.ref), house.rooms[2 if player.key == "yu" else 0],
        starts_at, starts_at + timedelta(minutes=30), 15, "expert", booked_at,
    )  # fmt: skip
    slot = clinics.slots(session, sitting, day_on, booked_at)[0]
    appointment = booking.confirm(session, actor, booking.hold(session, actor, ref, slot.id, booked_at).id, booked_at)
    arrived_at = starts_at - timedelta(minutes=12)
    checkin.check_in(session, actor, appointment.id, Presence(house.clinic, arrived_at), arrived_at)
    called = queueing.call_next(session, doctor, sitting, starts_at)
    if called is None:
        raise LookupError("nobody waits in a session that somebody just checked in to")
    visit_id = queueing.start(session, doctor, called.id, starts_at + timedelta(minutes=2))
    records.open_history(session, doctor, ref, starts_at + timedelta(minutes=3), beside=visit_id)
    write(session, doctor, visit_id, visit, starts_at + timedelta(minutes=9))
    order_id = _order(session, doctor, visit_id, visit, starts_at + timedelta(minutes=10))
    queueing.finish(session, doctor, called.id, starts_at + timedelta(minutes=12))
    _review(session, house, visit_id, starts_at + timedelta(minutes=15))
    if order_id:
        _measure(session, house, order_id, visit, starts_at + timedelta(minutes=20))


def write(session: Session, doctor: Actor, visit_id: str, visit: PastVisit, at: datetime) -> None:
    """Write and sign what a visit found."""
    records.sign(session, doctor, visit_id, Kind.DIAGNOSIS, clinical.diagnosis(visit.diagnosis), at)
    records.sign(session, doctor, visit_id, Kind.ADVICE, {"text": visit.advice}, at)
    if visit.allergy[0]:
        records.sign(session, doctor, visit_id, Kind.ALLERGY, clinical.allergy(*visit.allergy), at)
    _list(session, doctor, visit_id, visit, at)
    if visit.drugs:
        lines = [clinical.prescription_line(*drug) for drug in visit.drugs]
        records.sign(session, doctor, visit_id, Kind.PRESCRIPTION, clinical.prescription(lines), at)
    if visit.values:
        values = [clinical.observation(code, value) for code, value in visit.values]
        records.sign_results(session, doctor, visit_id, *visit.report, values, at)


def _list(session: Session, doctor: Actor, visit_id: str, visit: PastVisit, at: datetime) -> None:
    """Write what a visit put into the person's lists, and the documents that it took in."""
    day_on = calendar.hospital_day(at)
    if visit.problem[0]:
        began_on = day_on.replace(year=day_on.year - visit.problem[1], day=1).isoformat()
        payload = problem_rules.problem(visit.problem[0], onset=began_on, today_on=day_on)
        problems.record_problem(session, doctor, visit_id, payload, at)
    for vaccine, lot in visit.vaccines:
        given = problem_rules.immunization(vaccine, lot=lot)
        problems.record_immunization(session, doctor, visit_id, given, day_on, at)
    for title, kind, data in visit.papers:
        attachments.attach(session, doctor, visit_id, papers.document(title, kind, data), data, at)


def _order(session: Session, doctor: Actor, visit_id: str, visit: PastVisit, at: datetime) -> str:
    """Return the order that the doctor placed; an empty text where there was none."""
    return orders.place(session, doctor, visit_id, [visit.panel], at) if visit.panel else ""


def _measure(session: Session, house: DemoHouse, order_id: str, visit: PastVisit, at: datetime) -> None:
    """Let the laboratory take the sample, sign, and amend where it had to."""
    lab.collect(session, house.lab, order_id, at)
    lab.sign(session, house.lab, order_id, dict(visit.measured), at + timedelta(hours=2), is_final=True)
    if visit.amended:
        late = at + timedelta(hours=5)
        lab.amend(session, house.lab, order_id, dict(visit.amended), "typing", "", late)


def _review(session: Session, house: DemoHouse, visit_id: str, at: datetime) -> None:
    """Let the pharmacist accept what was prescribed, and hand it over."""
    for record_id in pharmacy.waiting_of(session, visit_id):
        pharmacy.accept(session, house.pharmacist, record_id, at)
        pharmacy.dispense(session, house.pharmacist, record_id, at + timedelta(minutes=10))
