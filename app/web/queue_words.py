"""The words of the queue: priority classes with their marks and grounds, as every page, screen and receipt says them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.domain.priorities import grantable_by

Words = Any  # a lazy text

CLASSES: Mapping[str, Words] = {
    "emergency": lazy_gettext("急诊"),
    "returning": lazy_gettext("回诊"),
    "elder": lazy_gettext("80 岁以上老人"),
    "child": lazy_gettext("6 岁以下幼儿"),
    "soldier": lazy_gettext("军人"),
    "care": lazy_gettext("需要照顾"),
}

MARKS: Mapping[str, Words] = {
    "emergency": lazy_gettext("急"),
    "returning": lazy_gettext("回诊"),
    "elder": lazy_gettext("老人"),
    "child": lazy_gettext("幼儿"),
    "soldier": lazy_gettext("军人"),
    "care": lazy_gettext("照顾"),
}

REASONS: Mapping[str, Words] = {
    "triage": lazy_gettext("分诊判断"),
    "doctor_asked": lazy_gettext("医生要求"),
    "back_from_tests": lazy_gettext("检查检验回来"),
    "document_seen": lazy_gettext("看过证件"),
    "cannot_stand_long": lazy_gettext("不便久等"),
    "with_infant": lazy_gettext("带着婴儿"),
    "hospital_error": lazy_gettext("医院安排有误"),
    "other": lazy_gettext("其他（写明）"),
}


TYPES: Mapping[str, Words] = {
    "ticket.priority_granted": lazy_gettext("给予优先"),
    "ticket.priority_withdrawn": lazy_gettext("优先取消了"),
    "priority_note.opened": lazy_gettext("查看优先的说明"),
    "ticket.away": lazy_gettext("去做检查检验，号码保留"),
    "ticket.returned": lazy_gettext("检查检验回来，继续排队"),
    "ticket.left": lazy_gettext("离开，不再等候"),
    "ticket.moved": lazy_gettext("换了诊室，号码不变"),
    "ticket.transferred": lazy_gettext("转到另一个科室"),
    "ticket.undone": lazy_gettext("上一步撤销了"),
    "visit.resumed": lazy_gettext("回诊开始"),
    "session.late": lazy_gettext("医生晚到"),
}
"""What each event of the queue is called."""

FIELDS: Mapping[str, Words] = {
    "from": lazy_gettext("原诊室"),
    "minutes": lazy_gettext("分钟"),
    "priority": lazy_gettext("优先类别"),
    "to": lazy_gettext("新的排队号"),
    "undone": lazy_gettext("撤销的是"),
}

RULES: Mapping[str, Words] = {
    "priority_not_due": lazy_gettext("年龄不符合这个优先类别"),
    "no_priority": lazy_gettext("没有优先可以取消"),
    "cannot_undo": lazy_gettext("没有可以撤销的一步"),
    "move_elsewhere": lazy_gettext("不是同一个队列"),
    "move_nowhere": lazy_gettext("那边不接着看了，或已经在那里"),
}

VALUES: Mapping[str, Mapping[str, Words]] = {"priority": CLASSES, "reason": REASONS}


def class_words(code: str) -> str:
    """Return what a class is called."""
    return str(CLASSES[code])


def mark_words(code: str) -> str:
    """Return the mark that stands beside a number of this class."""
    return str(MARKS[code])


def reason_words(code: str) -> str:
    """Return a ground in words."""
    return str(REASONS[code])


def choices_for(role: str | None) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Return (code, words, its grounds as (code, words)) of each class that a role may grant."""
    return [
        (known.code, class_words(known.code), [(reason, reason_words(reason)) for reason in known.reasons])
        for known in grantable_by(role)
    ]


def overtaken_words(counts: Iterable[tuple[str, int]]) -> str:
    """Return who came in out of turn, in counts and classes: "回诊 1 人，80 岁以上老人 1 人". Empty where nobody did."""
    said = [_("%(who)s %(count)s 人", who=class_words(code), count=count) for code, count in counts]
    return _("，").join(said)
