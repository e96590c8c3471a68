"""What the doctor of the demo writes today, for each of its people: one more visit of the story that they are in."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.models import Ticket
from app.services import people
from app.services.demo.cast import PLAYERS
from app.services.demo.history import PastVisit

TODAY: dict[str, PastVisit] = {
    "lin": PastVisit(0, "I10", "血压平稳，药照旧，三个月后复诊。", (("氨氯地平片", "5 mg", "每天一次，早晨", "84"),), (("8480-6", "132"),)),
    "wang": PastVisit(
        0, "E11.9", "控制得很好。三个月后查糖化血红蛋白。", (("二甲双胍片", "0.5 g", "每天两次，随餐", "84"),), (("15074-8", "5.9"), ("4548-4", "6.2")),
    ),
    "chen": PastVisit(
        0, "D50.9", "血红蛋白已经正常，铁剂再吃一个月就停。", (("琥珀酸亚铁片", "0.1 g", "每天三次，饭后", "28"),), (("718-7", "126"),),
    ),
    "li": PastVisit(
        0, "J06.9", "多喝水，多休息。高热三天不退再来。", (("对乙酰氨基酚片", "0.5 g", "发热时一片，间隔 6 小时", "3"),), (("6690-2", "7.4"),),
    ),
    "zhao": PastVisit(0, "L50.9", "疹子在退，药再吃一周，继续不吃海鲜。", (("氯雷他定片", "10 mg", "每天一次", "7"),), (("6690-2", "6.8"),)),
    "yu": PastVisit(0, "J20.9", "咳嗽在好转，药吃完就停。三天后还咳再来。", (("氨溴索口服溶液", "5 ml", "每天两次", "3"),), (("6690-2", "8.2"),)),
    "zhou": PastVisit(0, "M54.5", "疼就停下来休息，两周内不要负重。", (("布洛芬缓释胶囊", "0.3 g", "疼时一粒，每天最多两粒", "3"),)),
    "emma": PastVisit(
        0, "L50.9", "The rash has gone. Take one tablet if it comes back.", (("氯雷他定片 Loratadine", "10 mg", "Once a day, if needed", "7"),),
        (("6690-2", "6.1"),),
    ),
}  # fmt: skip


def note_for(session: Session, ticket: Ticket) -> PastVisit:
    """Return what is written for the holder of a ticket; whoever is nobody of the demo's has a cold, a child a cough."""
    for player in PLAYERS:
        document = player.document
        if people.find_by_document(session, document.kind, document.country, document.number) == ticket.patient_ref:
            return TODAY[player.key]
    return TODAY["li" if ticket.letter == "A" else "yu"]
