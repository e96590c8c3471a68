"""The numbers of a clinic's rules in words: what each does, and what a rule as a whole means for somebody who comes at nine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.domain import booking, waitlist
from app.domain.rule_bounds import Wrong
from app.web.i18n import moment

Words = Any  # a lazy text

GROUPS: Mapping[str, Words] = {
    "booking": lazy_gettext("预约和取消"),
    "waitlist": lazy_gettext("候补"),
    "strikes": lazy_gettext("爽约"),
    "moving": lazy_gettext("停诊改约"),
    "waits": lazy_gettext("前台的等候提醒"),
    "break_glass": lazy_gettext("紧急查阅"),
    "screen_names": lazy_gettext("候诊屏上的姓名"),
    "room_area": lazy_gettext("诊室的候诊区"),
}

# Of each field: what it is called with its unit, and what it does where the name does not say it.
FIELDS: Mapping[str, Mapping[str, tuple[Words, Words]]] = {
    "booking": {
        "days_ahead": (lazy_gettext("可以提前几天约"), lazy_gettext("0 是只能约当天。")),
        "hold_minutes": (lazy_gettext("选好的号保留几分钟"), lazy_gettext("这段时间里确认预约；过了，号放回。")),
        "holds_at_once": (lazy_gettext("一个账号同时保留几个号"), ""),
        "account_per_day": (lazy_gettext("一个账号同一天最多几个预约"), lazy_gettext("一家人合计。")),
        "device_per_day": (lazy_gettext("一部手机同一天最多几个预约"), lazy_gettext("几个账号合计，防代抢。")),
        "one_per": (lazy_gettext("同一个人同一天，不能重复约"), ""),
        "cancel_minutes_before": (lazy_gettext("开始前几分钟还能在网上取消"), ""),
        "cancel_days_before": (
            lazy_gettext("或者提前几天截止取消"),
            lazy_gettext("填了就按这一天，上面的分钟数不用；不用就留空。"),
        ),
        "cancel_until": (lazy_gettext("截止那天的几点"), lazy_gettext("填了上一项才用到，例如 15:00。")),
        "release_least_minutes": (lazy_gettext("退回的号最早几分钟后放出"), ""),
        "release_most_minutes": (
            lazy_gettext("最晚几分钟后放出"),
            lazy_gettext("在两者之间随机，抢号软件猜不到。候补的人先得到。"),
        ),
    },
    "waitlist": {
        "answer_minutes": (lazy_gettext("有号后，几分钟内接受"), ""),
        "least_answer_minutes": (
            lazy_gettext("临近就诊时，至少给几分钟"),
            lazy_gettext("快到时间时只给剩下时间的六分之一，但不少于这么多。"),
        ),
        "stop_minutes": (lazy_gettext("就诊前几分钟内不再候补"), lazy_gettext("来不及赶到。")),
        "most_waiting": (lazy_gettext("一个科室一天最多几人候补"), ""),
        "per_account": (lazy_gettext("一个账号最多同时候补几个"), ""),
    },
    "strikes": {
        "count": (lazy_gettext("几次爽约后暂停网上预约"), lazy_gettext("0 是从不暂停。前台始终可以约。")),
        "period_days": (lazy_gettext("几天之内的爽约算在一起"), lazy_gettext("过了这么多天，一次爽约不再计。")),
        "ban_days": (lazy_gettext("暂停几天"), lazy_gettext("从最后一次算起。")),
        "late_cancel_minutes": (lazy_gettext("就诊前不到几分钟取消，算迟取消"), ""),
        "free_late_cancels": (lazy_gettext("几次迟取消不计"), ""),
        "late_cancel_days": (lazy_gettext("几天之内的迟取消算在一起"), ""),
        "clinician_late_minutes": (lazy_gettext("医生晚到几分钟起，没来的人不计爽约"), ""),
    },
    "moving": {
        "answer_minutes": (lazy_gettext("改约的号为患者保留几分钟"), ""),
        "notice_minutes": (lazy_gettext("最晚保留到新时间前几分钟"), ""),
    },
    "waits": {
        "long_minutes": (lazy_gettext("等几分钟起标“等得久”"), ""),
        "very_long_minutes": (lazy_gettext("等几分钟起标“等得很久”"), lazy_gettext("只在前台看板上显示，不改变顺序。")),
    },
    "break_glass": {
        "minutes": (
            lazy_gettext("打开几分钟"),
            lazy_gettext("从医生打开算起；患者马上收到通知，审计员逐一审核。"),
        ),
    },
}

SCOPES: Mapping[str, Words] = {
    "session": lazy_gettext("同一位医生的同一场门诊"),
    "department": lazy_gettext("同一个科室"),
}

NAMES: Mapping[str, tuple[Words, Words]] = {
    "none": (lazy_gettext("只显示号码"), lazy_gettext("屏上没有姓名。")),
    "masked": (lazy_gettext("号码和隐去一字的姓名"), lazy_gettext("例如 李*明；敏感科室始终只显示号码。")),
}


def wrong_words(group: str, wrong: Wrong) -> str:
    """Return what to type instead of what was typed."""
    if wrong.kind == "clock":
        return _("填 24 小时制的时间，例如 15:00。")
    if wrong.kind == "choice":
        return _("选一个。")
    if wrong.kind == "order":
        return _("不能小于“%(other)s”。", other=FIELDS[group][wrong.other][0])
    assert wrong.bound is not None  # noqa: S101 (a number has one)
    least, most = wrong.bound.least, wrong.bound.most
    if wrong.bound.may_be_empty:
        return _("填 %(least)s 到 %(most)s 的整数，或者留空。", least=least, most=most)
    return _("填 %(least)s 到 %(most)s 的整数。", least=least, most=most)


def effect_words(group: str, rule: Any, nine: datetime) -> str:
    """Return what a rule means, in a sentence or two; `nine` is an appointment's start."""
    return {
        "booking": _booking,
        "waitlist": _waitlist,
        "strikes": _strikes,
        "moving": _moving,
        "waits": _waits,
        "break_glass": _break_glass,
    }[group](rule, nine)


def _booking(rule: Any, nine: datetime) -> str:
    until = moment(booking.cancel_ends_at(rule, nine))
    return _(
        "%(nine)s 的就诊最早提前 %(days)s 天可约，选好后 %(hold)s 分钟内确认，最晚 %(until)s 在网上取消；退回的号 %(least)s 到 %(most)s 分钟后放出。",
        nine=moment(nine), days=rule.days_ahead, hold=rule.hold_minutes, until=until,
        least=rule.release_least_minutes, most=rule.release_most_minutes,
    )  # fmt: skip


def _waitlist(rule: Any, nine: datetime) -> str:
    asked = nine - timedelta(hours=1)
    ends = waitlist.offer_ends_at(rule, nine, asked)
    stops = _(
        "%(nine)s 的就诊，%(stop)s 起不再候补。",
        nine=moment(nine),
        stop=moment(nine - timedelta(minutes=rule.stop_minutes)),
    )
    if ends is None:
        return stops
    return _("就诊前一小时空出的号，为候补的人保留到 %(ends)s。", ends=moment(ends)) + stops


def _strikes(rule: Any, nine: datetime) -> str:
    if rule.count < 1:
        return _("爽约只记录，不暂停网上预约。")
    return _(
        "%(period)s 天内爽约 %(count)s 次，网上预约暂停 %(ban)s 天。%(days)s 天内第 %(late)s 次迟取消起算爽约；%(nine)s 的就诊，%(from_at)s 以后取消算迟取消。",
        period=rule.period_days, count=rule.count, ban=rule.ban_days, days=rule.late_cancel_days,
        late=rule.free_late_cancels + 1, nine=moment(nine),
        from_at=moment(nine - timedelta(minutes=rule.late_cancel_minutes)),
    )  # fmt: skip


def _moving(rule: Any, nine: datetime) -> str:
    return _(
        "停诊时给患者的新号保留 %(answer)s 分钟；新时间是 %(nine)s 的，最晚 %(until)s 答复。",
        answer=rule.answer_minutes, nine=moment(nine), until=moment(nine - timedelta(minutes=rule.notice_minutes)),
    )  # fmt: skip


def _waits(rule: Any, _nine: datetime) -> str:
    return _("等 %(a)s 分钟变黄，等 %(b)s 分钟变红。", a=rule.long_minutes, b=rule.very_long_minutes)


def _break_glass(rule: Any, nine: datetime) -> str:
    return _(
        "%(nine)s 紧急打开的病历，%(until)s 自动关上。",
        nine=moment(nine), until=moment(nine + timedelta(minutes=rule.minutes)),
    )  # fmt: skip
