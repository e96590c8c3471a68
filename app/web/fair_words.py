"""The words of fair booking: waiting for a slot, strikes and appeals, stopped sessions, as every page and receipt says them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.web.i18n import short_day

Words = Any  # a lazy text
Facts = dict[str, Any]

TYPES: Mapping[str, Words] = {
    "waitlist.joined": lazy_gettext("登记候补"),
    "waitlist.left": lazy_gettext("退出候补"),
    "waitlist.offered": lazy_gettext("候补有号了，为您保留"),
    "waitlist.accepted": lazy_gettext("候补成功，已预约"),
    "waitlist.lapsed": lazy_gettext("候补结束"),
    "appointment.no_show": lazy_gettext("预约未到"),
    "strike.given": lazy_gettext("记一次爽约"),
    "strike.excused": lazy_gettext("未到，但不计爽约"),
    "appeal.made": lazy_gettext("提出申诉"),
    "appeal.opened": lazy_gettext("查看申诉"),
    "appeal.upheld": lazy_gettext("申诉通过，爽约撤销"),
    "appeal.denied": lazy_gettext("申诉未通过"),
    "session.stopped": lazy_gettext("停诊"),
    "appointment.move_offered": lazy_gettext("停诊，提供改约"),
    "appointment.moved": lazy_gettext("改约成功"),
}
"""What each event of fair booking is called."""

FIELDS: Mapping[str, Words] = {
    "day": lazy_gettext("日期"),
    "place": lazy_gettext("第几位"),
    "why": lazy_gettext("原因"),
    "kind": lazy_gettext("类别"),
    "people": lazy_gettext("涉及人数"),
    "was_at": lazy_gettext("原来的时间"),
    "to_at": lazy_gettext("改到"),
    "evidence": lazy_gettext("依据的回执"),
}

STOP_REASONS: Mapping[str, Words] = {
    "clinician_away": lazy_gettext("医生临时有事"),
    "emergency": lazy_gettext("医生去抢救或会诊"),
    "equipment": lazy_gettext("设备故障"),
    "building": lazy_gettext("诊室不能使用"),
}

APPEAL_REASONS: Mapping[str, Words] = {
    "hospital_late": lazy_gettext("医院或医生晚了，我等不了"),
    "was_there": lazy_gettext("我到了，只是没有签到成功"),
    "urgent": lazy_gettext("突然有急事或生病"),
    "not_mine": lazy_gettext("这个号不是我约的"),
    "other": lazy_gettext("别的原因"),
}

DECISIONS: Mapping[str, Words] = {
    "shown": lazy_gettext("情况属实"),
    "hospitals_fault": lazy_gettext("是医院的原因"),
    "goodwill": lazy_gettext("首次，予以谅解"),
    "not_shown": lazy_gettext("没有查到相符的记录"),
    "repeated": lazy_gettext("近期多次未到"),
}

KINDS: Mapping[str, Words] = {
    "no_show": lazy_gettext("约了没有来"),
    "late_cancel": lazy_gettext("临近就诊才取消"),
}

EXCUSES: Mapping[str, Words] = {
    "stopped": lazy_gettext("医生停诊"),
    "clinician_late": lazy_gettext("医生晚到"),
}

VALUES: Mapping[str, Mapping[str, Words]] = {
    "kind": KINDS,
    "why": {
        **STOP_REASONS,
        **DECISIONS,
        **EXCUSES,
        "no_answer": lazy_gettext("时间到了没有确认"),
        "over": lazy_gettext("当天不会再有号"),
        "booked": lazy_gettext("已经约到别的号"),
    },
}

RULES: Mapping[str, Words] = {
    "booking_limit": lazy_gettext("预约数量已到上限"),
    "booking_paused": lazy_gettext("网上预约暂停"),
    "waitlist_not_needed": lazy_gettext("还有号，不用候补"),
    "waitlist_closed": lazy_gettext("离就诊太近，不再候补"),
    "waitlist_full": lazy_gettext("候补人数已满"),
    "offer_over": lazy_gettext("保留的号已过时间"),
    "appeal_closed": lazy_gettext("不能再申诉"),
    "already_stopped": lazy_gettext("已经停诊"),
    "move_over": lazy_gettext("改约的号已过时间"),
}


def refusals(said: Callable[..., Any]) -> dict[str, Callable[[Facts], Any]]:
    """Return the words of each refusal by its code; `said` makes one of a title and a next step."""
    return {
        "booking_limit": lambda f: _limit(said, f),
        "booking_paused": lambda f: said(
            _("网上预约暂停到 %(day)s", day=_day(f.get("until_at"))),
            _("最近几次约了没有来。急的话到前台，前台照样为您办理；有特殊情况可以在“约定与信用”里申诉。"),
        ),
        "waitlist_not_needed": lambda f: said(_("现在就有号"), _("不用候补，直接选一个时间。")),
        "waitlist_closed": lambda f: said(_("离就诊太近，不再候补"), _("选别的日子，或到前台问问。")),
        "waitlist_full": lambda f: said(
            _("候补的人已经满了"),
            _("一个账号最多候补 %(limit)s 个号。先退出一个。", limit=f.get("limit"))
            if f.get("scope") == "account"
            else _("选别的日子或别的医生，或到前台问问。"),
        ),
        "offer_over": lambda f: said(_("为您保留的号已过时间"), _("号给了下一位。可以再登记候补。")),
        "appeal_closed": lambda f: said(_("这一条不能再申诉"), _("还有疑问，请到前台。")),
        "already_stopped": lambda f: said(_("已经停诊，或已经结束"), _("刷新看看现在的状态。")),
        "move_over": lambda f: said(
            _("这个改约的号已过时间"), _("选“不改，取消”之后重新预约，不记爽约；或到前台办理。")
        ),
    }


def _limit(said: Callable[..., Any], facts: Facts) -> Any:
    limit = facts.get("limit")
    if facts.get("scope") == "holds":
        return said(_("还有 %(limit)s 个号等您确认", limit=limit), _("先在首页确认或放弃，再选新的。"))
    return said(
        _("这一天最多约 %(limit)s 个号", limit=limit), _("先取消不需要的，或选别的日子。家里人多，请到前台办理。")
    )


def _day(value: object) -> str:
    return short_day(value) if isinstance(value, datetime) else ""
