"""The words of access: consents to read, emergencies, complaints, and what a look rests on, as every page and receipt says them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

Words = Any  # a lazy text
Facts = dict[str, Any]

TYPES: Mapping[str, Words] = {
    "permit.given": lazy_gettext("授权查看病历"),
    "permit.withdrawn": lazy_gettext("撤回授权"),
    "break_glass.opened": lazy_gettext("紧急查阅病历"),
    "break_glass.ended": lazy_gettext("紧急查阅结束"),
    "break_glass.read": lazy_gettext("审核紧急查阅"),
    "break_glass.reviewed": lazy_gettext("紧急查阅有了审核结论"),
    "audit.opened": lazy_gettext("审计员查看了一条记录"),
    "complaint.made": lazy_gettext("对一次查看提出投诉"),
    "complaint.opened": lazy_gettext("查看投诉"),
    "complaint.answered": lazy_gettext("投诉有了答复"),
}

FIELDS: Mapping[str, Words] = {
    "parts": lazy_gettext("范围"),
    "reader": lazy_gettext("给谁"),
    "verdict": lazy_gettext("结论"),
    "outcome": lazy_gettext("答复"),
}

BASES: Mapping[str, Words] = {
    "self": lazy_gettext("本人"),
    "self_unproven": lazy_gettext("本人（身份还没有核对）"),
    "guardian": lazy_gettext("监护人"),
    "family": lazy_gettext("本人同意的家人"),
    "treating": lazy_gettext("正在接诊：您挂了这位医生的号"),
    "own_session": lazy_gettext("自己的门诊"),
    "consent": lazy_gettext("您给的授权"),
    "break_glass": lazy_gettext("紧急查阅：没有您的授权"),
    "clinic": lazy_gettext("您在这个门诊部办理，由当班人员处理"),
    "office": lazy_gettext("岗位职责，看不到您是谁"),
}
"""What a look rests on, said to the person whose record it is."""

BASES_FOR_STAFF: Mapping[str, Words] = {
    "treating": lazy_gettext("正在接诊"),
    "consent": lazy_gettext("患者的授权"),
    "break_glass": lazy_gettext("紧急查阅"),
    "own_session": lazy_gettext("自己的门诊"),
    "clinic": lazy_gettext("当班办理"),
    "office": lazy_gettext("岗位职责"),
}
"""The same, said to whoever works here: the doctor who reads, the auditor who judges."""

PURPOSES: Mapping[str, Words] = {
    "second_opinion": lazy_gettext("听听第二位医生的意见"),
    "follow_up": lazy_gettext("慢病随访"),
    "emergency": lazy_gettext("紧急救治"),
    "audit_review": lazy_gettext("审计"),
    "complaint": lazy_gettext("处理投诉"),
}

PARTS: Mapping[str, Words] = {
    "all": lazy_gettext("全部病历"),
    "visits": lazy_gettext("就诊、诊断和医嘱"),
    "medicines": lazy_gettext("处方用药"),
    "results": lazy_gettext("检查检验结果"),
    "allergies": lazy_gettext("过敏史"),
    "vaccines": lazy_gettext("疫苗接种"),
    "documents": lazy_gettext("文件和图片"),
}

REASONS: Mapping[str, Words] = {
    "unconscious": lazy_gettext("患者昏迷或说不出话"),
    "life_threat": lazy_gettext("有生命危险，来不及问"),
    "cannot_ask": lazy_gettext("患者神志不清，家人不在"),
    "colleague_away": lazy_gettext("接诊医生联系不上，处理不能等"),
    "other": lazy_gettext("其他紧急情况"),
}

VERDICTS: Mapping[str, Words] = {
    "justified": lazy_gettext("理由成立"),
    "unjustified": lazy_gettext("理由不成立"),
}

OUTCOMES: Mapping[str, Words] = {
    "in_order": lazy_gettext("这次查看符合规定"),
    "not_in_order": lazy_gettext("这次查看不应该发生"),
    "unclear": lazy_gettext("现有记录还不能判断"),
}

VALUES: Mapping[str, Mapping[str, Words]] = {
    "parts": PARTS,
    "reader": {"doctor": lazy_gettext("一位医生"), "department": lazy_gettext("一个科室的医生")},
    "verdict": VERDICTS,
    "outcome": OUTCOMES,
}

RULES: Mapping[str, Words] = {
    "break_glass_not_needed": lazy_gettext("本来就可以查看"),
    "break_glass_over": lazy_gettext("紧急查阅已经结束"),
    "grant_over": lazy_gettext("授权已经结束"),
    "no_such_person": lazy_gettext("没有这份证件的记录"),
    "already_reviewed": lazy_gettext("已经审核过"),
    "already_answered": lazy_gettext("已经答复过"),
}


def refusals(said: Callable[..., Any]) -> dict[str, Callable[[Facts], Any]]:
    """Return the words of each refusal by its code; `said` makes one of a title and a next step."""
    return {
        "permits_full": lambda f: said(_("生效的授权已有 %(n)s 份", n=f.get("most")), _("先撤回一份不用的，再给新的。")),
        "choose_one_more": lambda f: said(_("这一项还没有选")),
        "break_glass_reason": lambda f: said(
            _("从列表里选一个原因") if f.get("field") == "reason" else _("写明是什么情况，至少几个字")
        ),
        "no_such_person": lambda f: said(
            _("医院没有这份证件的记录"), _("对照证件再输一次。没有病历也照常救治。")
        ),
        "break_glass_not_needed": lambda f: said(
            _("您现在就可以看这份病历"), _("不用紧急查阅：从叫号页面打开，或在“我能看的病历”里找。")
        ),
        "break_glass_over": lambda f: said(_("紧急查阅已经结束"), _("还需要查看，请重新说明原因再打开。")),
        "already_reviewed": lambda f: said(_("这一次已经有审核结论"), _("刷新看看现在的结论。")),
        "grant_over": lambda f: said(
            _("授权已经结束"), _("患者撤回了授权，或授权到期了。还需要看，请患者在手机上重新授权。")
        ),
        "words_missing": lambda f: said(_("写几个字说明情况")),
        "already_answered": lambda f: said(_("这份投诉已经答复过"), _("刷新看看现在的答复。")),
    }  # fmt: skip
