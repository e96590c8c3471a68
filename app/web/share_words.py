"""The words of links that a person hands out: their events, states and refusals, and what the viewer says in the reader's browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

Words = Any  # a lazy text
Facts = dict[str, Any]

TYPES: Mapping[str, Words] = {
    "share.made": lazy_gettext("做了一个分享链接"),
    "share.opened": lazy_gettext("打开了您分享的资料"),
    "share.refused": lazy_gettext("想打开您分享的资料，没有打开"),
    "share.ended": lazy_gettext("分享结束"),
}

FIELDS: Mapping[str, Words] = {
    "passcode": lazy_gettext("要口令"),
    "follows": lazy_gettext("随病历更新"),
    "remaining": lazy_gettext("口令还能试几次"),
}

PURPOSES: Mapping[str, Words] = {"share_access": lazy_gettext("按您的分享打开")}

RULES: Mapping[str, Words] = {
    "share_passcode": lazy_gettext("口令不对"),
    "share_over": lazy_gettext("链接已经停止或到期"),
}

KINDS: Mapping[str, Words] = {
    "medications": lazy_gettext("正在用的药"),
    "allergies": lazy_gettext("过敏"),
    "problems": lazy_gettext("健康问题"),
    "immunizations": lazy_gettext("接种记录"),
    "results": lazy_gettext("检查检验结果"),
}

CAUSES: Mapping[str, Words] = {"passcodes": lazy_gettext("口令错了太多次")}

STATES: Mapping[str, tuple[Words, str]] = {
    "in_force": (lazy_gettext("可以打开"), "go"),
    "over": (lazy_gettext("已到期"), "off"),
    "stopped": (lazy_gettext("已停止"), "off"),
    "passcodes": (lazy_gettext("已失效：口令错了太多次"), "warn"),
}
"""State of a share -> its words and tone."""

LASTING: Mapping[str, Words] = {
    "hour": lazy_gettext("一小时"),
    "day": lazy_gettext("一天"),
    "week": lazy_gettext("七天"),
    "month": lazy_gettext("三十天"),
}


def refusals(said: Callable[[str, str], Any]) -> dict[str, Callable[[Facts], Any]]:
    """Return the words of refusals by code."""
    return {
        "shares_full": lambda f: said(_("正在分享的链接太多了"), _("先停止一个不再用的，再做新的。")),
        "share_passcode": lambda f: said(_("口令不对"), _("向给您链接的人问清楚，再输入一次。")),
        "share_unreadable": lambda f: said(_field(str(f.get("field", ""))), ""),
    }


def _field(name: str) -> str:
    return {
        "kinds": _("至少选一项要分享的内容。"),
        "lasting": _("选一个期限。"),
        "passcode": _("口令要有 6 到 32 个字符，最好是 6 位以上的数字。"),
        "label": _("说明最多 80 个字。"),
        "direct": _("“直接下载”的链接不能设口令，二选一。"),
    }.get(name, _("这一项用不了，请改一改。"))


def viewer_words() -> dict[str, str]:
    """Return what the viewer's script says, by name. `{n}` and the like are filled in there."""
    return {
        "no_link": _("这一页要从分享链接打开。请让对方重新发一次链接，或扫对方手机上的二维码。"),
        "bad_link": _("这个链接不完整，可能复制时少了一截。请让对方重新发一次，或扫二维码。"),
        "newer": _("这个链接是更新的版本，这一页还看不懂。"),
        "elsewhere": _("这个链接是别的机构发出的，请用那家机构给的查看网页打开。"),
        "no_crypto": _(
            "这个浏览器在这个地址上不能解密。请用 https:// 开头的地址打开，或换一个新的浏览器；在本机试用时用 localhost。"
        ),
        "asking": _("正在打开…"),
        "over": _("对方已停止分享，或者链接已到期"),
        "run_out": _("这个链接已经到期"),
        "over_again": _("想看的话，请联系对方再分享一次。"),
        "over_more": _("内容已经从这一页收起。还需要看，请联系对方再分享一次。"),
        "wrong": _("口令不对。还能试 {n} 次。"),
        "wrong_last": _("口令错了太多次，这个链接已经失效。请联系对方。"),
        "who_missing": _("请写上您是谁。"),
        "passcode_missing": _("请输入口令。"),
        "unreadable": _("收到的内容解不开：链接可能少了一截，或者内容被改过。"),
        "away": _("连不上医院，请过一会儿再试。"),
        "too_many": _("打开得太频繁了，请过一会儿再试。"),
        "lost": _("连不上医院，没法确认对方是否还在分享。内容先收起，连上以后自己回来。"),
        "until": _("{at} 前可以打开"),
        "made": _("{at} 的内容"),
        "born": _("出生日期"),
        "sex": _("性别"),
        "male": _("男"),
        "female": _("女"),
        "unknown": _("未知"),
        "patient": _("患者"),
        "medicines": _("正在用的药"),
        "allergies": _("过敏"),
        "problems": _("健康问题"),
        "past": _("以前的健康问题"),
        "immunizations": _("接种"),
        "results": _("检查检验结果"),
        "vitals": _("生命体征"),
        "withheld": _("对方没有选择分享这一项。没有列出不等于没有。"),
        "unavailable": _("这家医院没有记录。没有记录不等于没有。"),
        "dose": _("怎么用"),
        "since": _("从"),
        "to": _("到"),
        "intended": _("还没有取药"),
        "reaction": _("反应"),
        "severe": _("严重"),
        "range": _("参考范围"),
        "item": _("项目"),
        "value": _("结果"),
        "high": _("偏高"),
        "low": _("偏低"),
        "very_high": _("很高，危急值"),
        "very_low": _("很低，危急值"),
        "abnormal": _("异常"),
        "normal": _("正常"),
        "conclusion": _("结论"),
        "lot": _("批号"),
        "not_checked": _("没有确认"),
        "ended_one": _("已结束"),
        "on": _("日期"),
    }
