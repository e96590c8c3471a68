"""What somebody did with one's record, in plain words: for the list 谁看过, its file, a receipt's page, and a complaint.

The receipt itself holds codes and numbers, which the check in the browser shows as they stand (`event_words`); here the same is
said to somebody who never saw either. Nothing is added to what the event holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.web import event_words
from app.web.messages import minutes_words

# Why somebody else was not let, by the rule's code; a rule that is not here says the same to everybody.
REFUSED_OTHERS: Mapping[str, Any] = {
    "not_allowed": lazy_gettext("没有在为您看病或办理，也没有您的授权"),
    "not_found": lazy_gettext("不是对方可以看的，什么也没有看到"),
    "grant_over": lazy_gettext("您给的授权已经结束，什么也没有看到"),
}

# What a look showed, by the kinds of `services.looked_at`.
CONTENTS: Mapping[str, Any] = {
    "visit": lazy_gettext("就诊"),
    "diagnosis": lazy_gettext("诊断"),
    "advice": lazy_gettext("医嘱"),
    "prescription": lazy_gettext("处方"),
    "report": lazy_gettext("检验结果"),
    "observation": lazy_gettext("检验结果"),
    "lab_order": lazy_gettext("检验申请"),
    "allergy": lazy_gettext("过敏史"),
    "problem": lazy_gettext("健康问题"),
    "immunization": lazy_gettext("接种"),
    "document": lazy_gettext("文档"),
}


class Look(Protocol):
    """What it takes to say what was done with a record."""

    @property
    def type(self) -> str: ...
    @property
    def is_mine(self) -> bool: ...
    @property
    def purpose(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def detail(self) -> Mapping[str, Any]: ...
    @property
    def contents(self) -> Sequence[str]: ...


def what_words(look: Look) -> str:
    """Return what was done; of what somebody else was refused, that it came to nothing."""
    if _is_refused_other(look):
        return _("想看或想办，被拒绝了")
    return event_words.type_words(look.type)


def fact_words(look: Look) -> list[tuple[str, str]]:
    """Return (label, words): what for, on what ground, and what the event says besides. Nothing without a value."""
    said = [
        (_("用途"), event_words.value_words("purpose", look.purpose)),
        (_("根据"), event_words.value_words("reason", look.reason)),
    ]
    for field, value in look.detail.items():
        if field == "rule" and _is_refused_other(look):
            said.append(
                (_("为什么被拒绝"), str(REFUSED_OTHERS.get(str(value)) or event_words.value_words(field, value)))
            )
        elif field == "count" and look.type == "record.opened":
            said.append((_("看了"), opened_words(look.contents, value)))
        elif field == "minutes" and look.type == "break_glass.opened":
            said.append((_("最长"), minutes_words(value)))
        else:
            said += event_words.detail_words({field: value})
    return [(label, words) for label, words in said if words]


def opened_words(contents: Sequence[str], count: Any) -> str:
    """Return what an opening showed: its kinds, and how many things; of what was erased since, how many."""
    kinds = _("、").join(str(CONTENTS[kind]) for kind in contents)
    how_many = _("%(n)s 项内容", n=count)
    return _("%(kinds)s，共 %(n)s 项", kinds=kinds, n=count) if kinds else how_many


def _is_refused_other(look: Look) -> bool:
    return look.type == "act.refused" and not look.is_mine
