"""Subscribe messages (订阅消息): templates, what one accepted, and what the phone shows.

developers.weixin.qq.com: subscribeMessage.send, getTemplateList, and the table of what each type of key may hold
(订阅消息参数值内容限制说明). One tap on "allow" is one message; order of the checks: token, body, openid, template, data, accepted.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.wechat_mock.accounts import openid_of
from app.wechat_mock.errors import Refusal
from app.wechat_mock.platform import App, Platform

MESSAGES_PER_DAY = 10_000_000
KEPT_MESSAGES = 500
STATES = ("developer", "trial", "formal")
LANGUAGES = ("zh_CN", "en_US", "zh_HK", "zh_TW")


@dataclass(frozen=True)
class Template:
    """A template as the console shows it: title, and (key, its label) in the order of the card."""

    id: str
    title: str
    fields: tuple[tuple[str, str], ...]

    @property
    def content(self) -> str:
        return "".join(f"{label}:{{{{{key}.DATA}}}}\n" for key, label in self.fields)


# What a hospital's account would have applied for. The ids are agreed with the demo's settings, as a console's would be.
TEMPLATES = {
    t.id: t
    for t in (
        Template(
            "DemoQueue-hL2cS0x9dVt7wQm4kXz1uYp6nRb3eAf5gJi8o",
            "排队到号通知",
            (("character_string1", "排队号"), ("thing2", "排队状态"), ("thing3", "温馨提示")),
        ),
        Template(
            "DemoVisit-aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY1zC3",
            "就诊提醒",
            (("thing1", "提醒内容"), ("time2", "就诊时间"), ("thing3", "温馨提示")),
        ),
        Template(
            "DemoNotice-Z9yX8wV7uT6sR5qP4nM3lK2jH1gF0eD9cB8a",
            "服务进度通知",
            (("thing1", "通知内容"), ("thing2", "温馨提示")),
        ),
    )
}

# type of key -> what its value must look like; lengths are checked apart, since they count characters of one kind
RULES = {
    "thing": re.compile(r"[^\r\n]{1,20}"),
    "number": re.compile(r"[0-9]{1,32}|[0-9]{1,30}\.[0-9]{1,2}"),
    "character_string": re.compile(r"[!-~ ]{1,32}"),
    "time": re.compile(
        r"(?:[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日 )?[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9])?(?:~[0-2]?[0-9]:[0-5][0-9])?"
    ),
    "phrase": re.compile(r"[一-鿿]{1,5}"),
}


@dataclass(frozen=True)
class Shown:
    """One message as the phone shows it. `fields` are (label, value)."""

    nickname: str
    account_id: str
    title: str
    fields: tuple[tuple[str, str], ...]
    page: str
    sent_at: datetime

    @property
    def leads_to(self) -> str:
        """Where a tap leads: in demos the mini-program's page `pages/queue/index` is the site's own `/queue`."""
        found = re.fullmatch(r"pages/([a-z]+)/index", self.page)
        return "" if found is None else "/" if found[1] == "home" else f"/{found[1]}"

    @property
    def clock(self) -> str:
        return (self.sent_at + timedelta(hours=8)).strftime("%m-%d %H:%M")


def accept(platform: Platform, app: App, openid: str, template_id: str) -> None:
    """Count one tap on "allow". Raises Refusal 40003 or 40037."""
    _account_of(platform, app, openid)
    if template_id not in TEMPLATES:
        raise Refusal(40037)
    with platform.tables.act() as connection:
        connection.execute(
            "INSERT INTO accepted VALUES (?, ?, ?, 1) ON CONFLICT (appid, openid, template) DO UPDATE SET count = count + 1",
            (app.appid, openid, template_id),
        )


def send(platform: Platform, app: App, body: dict[str, object], per_day: int = MESSAGES_PER_DAY) -> None:
    """Deliver a message to a phone. Raises Refusal 40003, 40037, 47003, 43101 or 45009."""
    openid = body.get("touser")
    account_id = _account_of(platform, app, openid if isinstance(openid, str) else "")
    template = TEMPLATES.get(str(body.get("template_id")))
    if template is None:
        raise Refusal(40037)
    values = _checked(template, body)
    day = int(platform.now() // 86400)
    with platform.tables.act() as connection:
        row = connection.execute("SELECT count FROM sent_on WHERE appid = ? AND day = ?", (app.appid, day)).fetchone()
        if row is not None and row["count"] >= per_day:
            raise Refusal(45009)
        taken = connection.execute(
            "UPDATE accepted SET count = count - 1 WHERE appid = ? AND openid = ? AND template = ? AND count > 0",
            (app.appid, openid, template.id),
        )
        if taken.rowcount != 1:
            raise Refusal(43101)
        connection.execute(
            "INSERT INTO sent_on VALUES (?, ?, 1) ON CONFLICT (appid, day) DO UPDATE SET count = count + 1",
            (app.appid, day),
        )
        connection.execute(
            "INSERT INTO message (account_id, template, fields, page, sent_at) VALUES (?, ?, ?, ?, ?)",
            (account_id, template.id, json.dumps(values), str(body.get("page") or ""), platform.now()),
        )
        connection.execute("DELETE FROM message WHERE id <= (SELECT max(id) FROM message) - ?", (KEPT_MESSAGES,))


def shown(platform: Platform, account_id: str | None = None, limit: int = 30) -> list[Shown]:
    """Return the newest messages of one phone, or of all, newest first."""
    with platform.tables.act() as connection:
        rows = connection.execute(
            "SELECT message.*, account.nickname FROM message JOIN account ON account.id = message.account_id"
            " WHERE ? IS NULL OR account_id = ? ORDER BY message.id DESC LIMIT ?",
            (account_id, account_id, limit),
        ).fetchall()
    found = []
    for row in rows:
        template, values = TEMPLATES[row["template"]], json.loads(row["fields"])
        fields = tuple((label, values[key]) for key, label in template.fields)
        sent_at = datetime.fromtimestamp(row["sent_at"], UTC)
        found.append(Shown(row["nickname"], row["account_id"], template.title, fields, row["page"], sent_at))
    return found


def _account_of(platform: Platform, app: App, openid: str) -> str:
    """Return whose openid it is at this app. Raises Refusal 40003."""
    with platform.tables.act() as connection:
        rows = connection.execute("SELECT id FROM account").fetchall()
    for row in rows:
        if openid_of(row["id"], app.appid) == openid:
            return str(row["id"])
    raise Refusal(40003)


def _checked(template: Template, body: dict[str, object]) -> dict[str, str]:
    """Return the values by key. Raises Refusal 47003, naming the first key that breaks its type's rule."""
    data = body.get("data")
    values: dict[str, str] = {}
    for key, _label in template.fields:
        given = data.get(key) if isinstance(data, dict) else None
        value = given.get("value") if isinstance(given, dict) else None
        rule = RULES[re.sub(r"[0-9]+$", "", key)]
        if not isinstance(value, str) or not value.strip() or not rule.fullmatch(value):
            raise Refusal(47003, more=f" data.{key}.value invalid")
        values[key] = value
    if body.get("miniprogram_state", "formal") not in STATES:
        raise Refusal(47003, more=" miniprogram_state invalid")
    if body.get("lang", "zh_CN") not in LANGUAGES:
        raise Refusal(47003, more=" lang invalid")
    return values
