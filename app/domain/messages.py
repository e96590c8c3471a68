"""What the hospital tells people's phones, as data: which event or hour brings which message, its words, and WeChat's templates.

A phone's lock screen is read by others. The words therefore say "your visit" and name a ticket, a room or a time; never a
department, a doctor or anything of health. What a template's field may hold: developers.weixin.qq.com, "订阅消息参数值内容限制说明".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from types import MappingProxyType

from app.domain.calendar import ONE_DAY, format_clock, hospital_day, instant

Facts = Mapping[str, str | int]

THING_CHARACTERS = 20
TEXT_CHARACTERS = 32
SIGNATURE = "【明诊】"


@dataclass(frozen=True)
class Kind:
    """One kind of message. `zh` and `en` are its sentence, `bare_zh` and `bare_en` the same where the room must not be told.

    `lasts` is how long it is worth sending, `page` where it leads. `is_health` goes only to who may read the record.
    """

    template: str
    lasts: timedelta
    page: str
    zh: str
    tip: str
    en: str
    bare_zh: str = ""
    bare_en: str = ""
    is_health: bool = False


_SOON = timedelta(minutes=10)
_HOURS = timedelta(hours=6)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "reminder-eve": Kind("visit", timedelta(hours=4), "home", "明天 {time} 您有一次就诊", "请带好证件，到院签到",
                             "You have a visit tomorrow at {time}."),
        "reminder-hour": Kind("visit", timedelta(minutes=45), "home", "今天 {time} 您有一次就诊", "请带好证件，到院签到",
                              "You have a visit today at {time}."),
        "near": Kind("queue", _SOON, "queue", "前面还有 {before} 人", "请回到候诊区",
                     "Ticket {ticket}: {before} before you. Come back to the waiting area."),
        "next": Kind("queue", _SOON, "queue", "下一位就是您", "请在候诊区等候",
                     "Ticket {ticket}: you are next. Wait in the waiting area."),
        "called": Kind("queue", _SOON, "queue", "现在轮到您：{room}", "请尽快前往",
                       "Ticket {ticket}: your turn now, {room}.",
                       bare_zh="现在轮到您", bare_en="Ticket {ticket}: your turn now."),
        "passed": Kind("queue", timedelta(minutes=30), "queue", "刚才叫过您，没有等到", "到前台说一声，号码不变",
                       "Ticket {ticket} was called and nobody came. Tell the desk; your number stays."),
        "no-show": Kind("queue", _HOURS, "queue", "您的就诊记为未到", "有疑问请到前台",
                        "Ticket {ticket} counts as not come. Ask at the desk."),
        "late": Kind("notice", timedelta(hours=1), "queue", "医生预计晚到 {minutes} 分钟", "您的号码和次序不变",
                     "The doctor is about {minutes} minutes late. Your number and place stay."),
        "moved": Kind("notice", _HOURS, "home", "您的就诊有变动", "请打开查看，由您决定",
                      "Your visit has to change. Open the page: you decide."),
        "moved-room": Kind("queue", timedelta(hours=1), "queue", "您换到 {room}", "号码和次序不变",
                           "Ticket {ticket}: you now wait for {room}. Your number and place stay.",
                           bare_zh="您换了一间诊室", bare_en="Ticket {ticket}: you now wait for another room."),
        "cancelled": Kind("notice", _HOURS, "home", "您的一次就诊已取消", "可以打开页面重新预约",
                          "A visit of yours was cancelled. You can book again."),
        "offer": Kind("notice", timedelta(minutes=30), "home", "您候补的号空出来了", "请在保留时间内确认",
                      "A time you are waiting for is free. Confirm it before the hold ends."),
        "results": Kind("notice", timedelta(hours=24), "records", "您的就诊有新内容", "请登录后查看",
                        "Something new came for your visit. Sign in to read it.", is_health=True),
        "strike": Kind("notice", timedelta(hours=24), "home", "您的预约记录有变化", "可以查看，也可以申诉",
                       "Your booking record has changed. You can read it and appeal."),
        "appeal": Kind("notice", timedelta(hours=24), "home", "您的申诉有了结果", "请打开查看",
                       "Your appeal was decided."),
        "break-glass": Kind("notice", timedelta(hours=24), "looks", "有医生紧急查看了您的资料", "请登录查看是谁、为什么",
                            "A doctor opened your record in an emergency. Sign in to see who and why."),
        "break-glass-reviewed": Kind("notice", timedelta(hours=24), "looks", "对紧急查看有了审核结论", "请登录查看",
                                     "The emergency look at your record was reviewed. Sign in to read it."),
        "complaint": Kind("notice", timedelta(hours=24), "looks", "您的投诉有了答复", "请登录查看",
                          "Your complaint was answered. Sign in to read it."),
        "share-opened": Kind("notice", timedelta(hours=24), "looks", "您分享的资料被打开了", "请登录查看是谁打开的",
                             "What you shared was opened. Sign in to see by whom.", is_health=True),
        "share-stopped": Kind("notice", timedelta(hours=24), "looks", "您的一个分享已自动停止", "口令错得太多，需要时再分享一次",
                              "A link that you shared was stopped: too many wrong passcodes. You can share again.",
                              is_health=True),
        "proof": Kind("notice", timedelta(hours=24), "home", "有人想关联您的档案", "不是您本人？请告诉前台",
                      "Somebody tries to link your record. Not you? Tell the desk."),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Tell:
    """Which message an event brings: its kind, the details that it quotes, and the details without which it brings none."""

    kind: str
    quotes: tuple[str, ...] = ()
    only_if: tuple[tuple[str, str], ...] = ()


TELLS: Mapping[str, Tell] = MappingProxyType(
    {
        "ticket.called": Tell("called", ("ticket", "room")),
        "ticket.recalled": Tell("called", ("ticket", "room")),
        "ticket.passed": Tell("passed", ("ticket",)),
        "ticket.no_show": Tell("no-show", ("ticket",)),
        "appointment.cancelled": Tell("cancelled", only_if=(("by", "desk"),)),
        "record.signed": Tell("results", only_if=(("part", "results"),)),
        "report.amended": Tell("results"),
        "waitlist.offered": Tell("offer"),
        "appointment.move_offered": Tell("moved"),
        "ticket.moved": Tell("moved-room", ("ticket", "room")),
        "strike.given": Tell("strike"),
        "appeal.upheld": Tell("appeal"),
        "appeal.denied": Tell("appeal"),
        "break_glass.opened": Tell("break-glass"),
        "break_glass.reviewed": Tell("break-glass-reviewed"),
        "complaint.answered": Tell("complaint"),
        "share.ended": Tell("share-stopped", only_if=(("cause", "passcodes"),)),
        "person.bind_requested": Tell("proof"),
        "code.sent": Tell("proof", only_if=(("purpose", "claim"),)),
    }
)
"""What brings a message by having happened, whoever did it and at which door."""


def told_by(event_type: str, detail: Mapping[str, str | int | bool | None]) -> tuple[str, dict[str, str | int]] | None:
    """Return the kind of message that an event brings, with its facts; None for an event that brings none."""
    tell = TELLS.get(event_type)
    if tell is None or any(detail.get(name) != value for name, value in tell.only_if):
        return None
    quoted = {name: detail[name] for name in tell.quotes}
    return tell.kind, {name: value for name, value in quoted.items() if isinstance(value, str | int) and value != ""}


# When the clock brings one

EVE_FROM, EVE_UNTIL = time(18, 0), time(21, 0)  # nobody's phone rings at night
HOUR_BEFORE, TOO_LATE_BEFORE = timedelta(minutes=60), timedelta(minutes=20)
NEAR = 3  # people before


def reminder_due(starts_at: datetime, booked_at: datetime, now: datetime) -> str | None:
    """Return which reminder of a visit is due now, if any. Who booked shortly before needs none: they know."""
    if TOO_LATE_BEFORE < starts_at - now <= HOUR_BEFORE:
        return "reminder-hour" if starts_at - booked_at > 2 * HOUR_BEFORE else None
    day_before = hospital_day(starts_at) - ONE_DAY
    eve_from, eve_until = instant(day_before, EVE_FROM), instant(day_before, EVE_UNTIL)
    return "reminder-eve" if eve_from <= now < eve_until and booked_at < eve_from else None


def nearness(before: int) -> str | None:
    """Return which message somebody with `before` people in front is due, if any."""
    if before == 0:
        return "next"
    return "near" if before <= NEAR else None


# Words


def spoken(kind: str, facts: Facts) -> tuple[str, str]:
    """Return the sentence of a message in Chinese and English. A fact that lacks (a room that must not be told) gives the
    bare sentence. Raises KeyError for a fact that a kind cannot do without: a mistake of ours."""
    words = KINDS[kind]
    if words.bare_zh and "room" not in facts:
        return words.bare_zh.format(**facts), words.bare_en.format(**facts)
    return words.zh.format(**facts), words.en.format(**_in_english(facts))


def _in_english(facts: Facts) -> Facts:
    """Return the facts for the English sentence: rooms are recorded under their Chinese names, 2 诊室 being room 2."""
    room = str(facts.get("room", ""))
    numbered = room.removesuffix("诊室").strip()
    return {**facts, "room": f"room {numbered}"} if room.endswith("诊室") and numbered.isdecimal() else facts


def sms_text(kind: str, facts: Facts, link: str) -> str:
    """Return a message as a text: signed, both languages, with the way on."""
    zh, en = spoken(kind, facts)
    return " ".join(part for part in (f"{SIGNATURE}您的就诊：{zh}。{KINDS[kind].tip}。", en, link) if part)


PAGES: Mapping[str, str] = MappingProxyType(
    {"home": "/", "queue": "/queue", "records": "/records", "looks": "/receipts?side=look"}
)
"""Where a message leads, on the site; in the mini-program the page of that name."""


def mini_page(kind: str) -> str:
    """Return the mini-program's page for a message."""
    return f"pages/{KINDS[kind].page}/index"


# WeChat's templates

FIELDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "queue": {"ticket": "character_string", "what": "thing", "tip": "thing"},
        "visit": {"what": "thing", "when": "time", "tip": "thing"},
        "notice": {"what": "thing", "tip": "thing"},
    }
)
"""The three templates a hospital applies for, and the type of each field in WeChat's words."""


class TemplatesUnusable(ValueError):
    """The file of templates does not say what is needed; the message is for the operator."""


@dataclass(frozen=True)
class Template:
    """A template as one hospital's console shows it: its id, and the numbered key of each of our fields (`thing1`)."""

    id: str
    keys: Mapping[str, str]


DEMO_TEMPLATES = """{
 "queue": {"id": "DemoQueue-hL2cS0x9dVt7wQm4kXz1uYp6nRb3eAf5gJi8o",
           "keys": {"ticket": "character_string1", "what": "thing2", "tip": "thing3"}},
 "visit": {"id": "DemoVisit-aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1zC3",
           "keys": {"what": "thing1", "when": "time2", "tip": "thing3"}},
 "notice": {"id": "DemoNotice-Z9yX8wV7uT6sR5qP4nM3lK2jH1gF0eD9cB8a",
            "keys": {"what": "thing1", "tip": "thing2"}}
}"""


def parse_templates(text: str) -> dict[str, Template]:
    """Return the templates of a configuration, all three. Raises TemplatesUnusable, saying which key is wrong."""
    try:
        given = json.loads(text)
    except ValueError:
        raise TemplatesUnusable("it is not JSON") from None
    if not isinstance(given, dict) or set(given) != set(FIELDS):
        raise TemplatesUnusable(f"it must have exactly {', '.join(sorted(FIELDS))}")
    found = {}
    for name, fields in FIELDS.items():
        one = given[name]
        keys = one.get("keys") if isinstance(one, dict) else None
        if not isinstance(keys, dict) or set(keys) != set(fields):
            raise TemplatesUnusable(f"{name}: keys must be exactly {', '.join(sorted(fields))}")
        if not re.fullmatch(r"[A-Za-z0-9_-]{20,64}", str(one.get("id", ""))):
            raise TemplatesUnusable(f"{name}: id is not a template id")
        for field, key in keys.items():
            if not re.fullmatch(rf"{fields[field]}[1-9][0-9]?", str(key)):
                raise TemplatesUnusable(f"{name}: the key of {field} must be {fields[field]} with its number")
        if len(set(keys.values())) != len(keys):
            raise TemplatesUnusable(f"{name}: two fields have one key")
        found[name] = Template(str(one["id"]), dict(keys))
    return found


def template_data(kind: str, facts: Facts, template: Template, now: datetime) -> dict[str, dict[str, str]]:
    """Return the `data` of a subscribe message, each value fitted to its key's type. `now` stands in for a missing time."""
    zh, _en = spoken(kind, facts)
    values = {
        "what": zh,
        "tip": KINDS[kind].tip,
        "ticket": str(facts.get("ticket", "")) or "-",
        "when": str(facts.get("time", "")) or format_clock(now),
    }
    fields = FIELDS[KINDS[kind].template]
    return {template.keys[field]: {"value": fitted(fields[field], values[field])} for field in fields}


def fitted(kind: str, value: str) -> str:
    """Return a value as a key of that type takes it. Raises ValueError for one that cannot be made to fit: ours to see."""
    flat = " ".join(value.split())
    if kind == "thing":
        flat = flat if len(flat) <= THING_CHARACTERS else flat[: THING_CHARACTERS - 1] + "…"
    elif kind == "character_string":
        flat = flat[:TEXT_CHARACTERS] if re.fullmatch(r"[!-~ ]+", flat) else ""
    elif kind == "time":
        flat = flat if re.fullmatch(r"([0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日 )?[0-2][0-9]:[0-5][0-9]", flat) else ""
    if not flat:
        raise ValueError(f"no value for a {kind}")
    return flat


# Trying again

MOST_TRIES = 6
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=15)
LEASE = timedelta(seconds=60)  # longer than any call to a provider may take


def wait_after(tries: int) -> timedelta:
    """Return how long to wait after the `tries`th failure: 10 s, 20 s, 40 s, and so on, a quarter of an hour at most."""
    return min(FIRST_WAIT * (1 << max(0, tries - 1)), LONGEST_WAIT)
