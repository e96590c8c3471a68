"""Who plays in the demo. Everybody is invented: the first six digits of each ID name no county (119999), the phones no one's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from app.domain.documents import Passport, ResidentID, Sex, check_character

NO_COUNTY = "119999"  # a Beijing code that was never given to a county


@dataclass(frozen=True)
class Player:
    """One person of the demo, who holds the pretend WeChat account `wechat`. `plan` names the visits they have had."""

    key: str
    wechat: str
    name: str
    document: ResidentID | Passport
    phone: str
    about_zh: str
    about_en: str
    plan: tuple[str, ...]
    guardian_of: str | None = None
    is_proven: bool = False


@dataclass(frozen=True)
class Worker:
    """One who works in the demo's clinic. `login` is also how the demo page names them."""

    login: str
    role: str
    name_zh: str
    name_en: str
    title_zh: str
    title_en: str


def resident_id(birth: date, sequence: int) -> ResidentID:
    """Return an ID of no county; an odd `sequence` is a man's."""
    body = f"{NO_COUNTY}{birth:%Y%m%d}{sequence:03d}"
    return ResidentID(body + check_character(body), birth, Sex.MALE if sequence % 2 else Sex.FEMALE)


PLAYERS = (
    Player(
        "lin", "lin", "林秀兰", resident_id(date(1954, 5, 12), 122), "+8613800000001",
        "72 岁，高血压，常来复诊", "72, high blood pressure, comes for follow-ups",
        ("pressure-1", "pressure-2", "pressure-3"), is_proven=True,
    ),
    Player(
        "wang", "wang", "王建国", resident_id(date(1968, 9, 3), 131), "+8613800000002",
        "58 岁，2 型糖尿病，血糖记录一年", "58, type 2 diabetes, a year of glucose values",
        ("glucose-1", "glucose-2", "glucose-3", "glucose-4"), is_proven=True,
    ),
    Player(
        "chen", "chen", "陈静", resident_id(date(1992, 1, 25), 144), "+8613800000003",
        "34 岁，缺铁性贫血", "34, iron deficiency anaemia", ("anaemia-1", "anaemia-2"),
    ),
    Player(
        "li", "li", "李明", resident_id(date(1985, 7, 30), 157), "+8613800000004",
        "41 岁，偶尔感冒", "41, a cold now and then", ("cold-1", "stomach-1"),
    ),
    Player(
        "zhao", "zhao", "赵敏", resident_id(date(1989, 11, 8), 166), "+8613800000005",
        "赵小雨的妈妈，已核对监护关系", "Mother of Xiaoyu, guardianship verified", ("cold-1", "allergy-1"), guardian_of="yu",
    ),
    Player(
        "yu", "", "赵小雨", resident_id(date(2018, 4, 17), 178), "",
        "8 岁，由妈妈办理", "8, her mother arranges", ("child-1", "child-2"),
    ),
    Player(
        "zhou", "zhou", "周强", resident_id(date(1997, 3, 14), 189), "+8613800000006",
        "29 岁，健身教练", "29, fitness coach", ("back-1", "check-1"),
    ),
    Player(
        "emma", "emma", "EMMA BROWN", Passport("GBR", "P9990001X", "EMMA BROWN", date(1990, 6, 21), Sex.FEMALE), "+447700900123",
        "在本地工作的外国人，用护照", "A foreigner who works in town, with a passport", ("check-en", "allergy-en"),
    ),
)  # fmt: skip

WORKERS = (
    Worker("doctor.zhang", "doctor", "张海燕", "Zhang Haiyan", "主任医师", "Chief physician"),
    Worker("doctor.sun", "doctor", "孙立", "Sun Li", "主治医师", "Attending physician"),
    Worker("doctor.liu", "doctor", "刘芳", "Liu Fang", "副主任医师", "Associate chief physician"),
    Worker("desk.he", "desk", "何佳", "He Jia", "护士", "Nurse"),
    Worker("lab.lu", "lab", "陆晨", "Lu Chen", "检验师", "Laboratory scientist"),
    Worker("pharmacy.pan", "pharmacist", "潘悦", "Pan Yue", "主管药师", "Senior pharmacist"),
    Worker("admin.tang", "admin", "唐宁", "Tang Ning", "", ""),
    Worker("audit.gu", "auditor", "顾平", "Gu Ping", "", ""),
)

SURNAMES = "钱郑吴冯褚卫蒋沈韩杨朱秦许吕施孔曹严金魏陶姜谢邹"
GIVEN = ("伟", "桂英", "娜", "秀芳", "磊", "洋", "淑珍", "军", "丽华", "超", "建平", "雪", "国栋")


def crowd(number: int) -> Player:
    """Return the `number`th person of those who wait."""
    name = SURNAMES[number % len(SURNAMES)] + GIVEN[number % len(GIVEN)]
    born = date(1940 + number * 7 % 65, 1 + number % 12, 1 + number % 28)
    return Player(f"crowd-{number}", "", name, resident_id(born, 200 + number % 700), "", "", "", ())
