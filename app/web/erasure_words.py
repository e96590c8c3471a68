"""The words of erasing, correcting and keys, as pages and receipts say them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.web.i18n import moment

Words = Any  # a lazy text
Facts = dict[str, Any]

TYPES: Mapping[str, Words] = {
    "record.restricted": lazy_gettext("病历改为只依法保存"),
    "restricted.opened": lazy_gettext("依法打开只保存的病历"),
    "correction.asked": lazy_gettext("申请更正"),
    "correction.opened": lazy_gettext("查看更正申请"),
    "correction.answered": lazy_gettext("更正申请有了答复"),
    "erasure.begun": lazy_gettext("开始删除"),
    "erasure.completed": lazy_gettext("删除完成"),
    "keys.rotation_begun": lazy_gettext("开始更换主密钥"),
    "keys.rotated": lazy_gettext("主密钥更换完成"),
}

FIELDS: Mapping[str, Words] = {
    "law": lazy_gettext("法律依据"),
    "hours": lazy_gettext("小时"),
    "about": lazy_gettext("关于"),
    "answer": lazy_gettext("答复"),
    "list_digest": lazy_gettext("删除清单的指纹"),
    "rows": lazy_gettext("删除的记录数"),
    "events": lazy_gettext("删除的事件数"),
    "kept_until": lazy_gettext("依法保存到"),
    "backups_until": lazy_gettext("密钥备份过期"),
    "from_version": lazy_gettext("原版本"),
    "to_version": lazy_gettext("新版本"),
    "keys": lazy_gettext("重新包裹的密钥数"),
}

LAWS: Mapping[str, Words] = {
    "medical_records_29": lazy_gettext("《医疗机构病历管理规定（2013年版）》第二十九条"),
    "online_care_20": lazy_gettext("《互联网诊疗监管细则（试行）》第二十条"),
}

ABOUT: Mapping[str, Words] = {
    "identity": lazy_gettext("姓名、证件或出生日期"),
    "visit": lazy_gettext("就诊、诊断或医嘱"),
    "result": lazy_gettext("检查检验结果"),
    "prescription": lazy_gettext("处方"),
    "other": lazy_gettext("其他内容"),
}

ANSWERS: Mapping[str, Words] = {
    "amended": lazy_gettext("已更正"),
    "not_wrong": lazy_gettext("核对过，记录没有错"),
    "not_ours": lazy_gettext("不是本院的记录，请找原医院"),
    "needs_proof": lazy_gettext("需要证明材料，请带到前台"),
}

LEGAL_REASONS: Mapping[str, Words] = {
    "treatment": lazy_gettext("本人再次来就诊"),
    "copy": lazy_gettext("本人要求复制"),
    "authority": lazy_gettext("法院或主管机关依法调取"),
    "dispute": lazy_gettext("与这次诊疗有关的争议或理赔"),
}

STATES: Mapping[str, Words] = {
    "begun": lazy_gettext("数据已取走，正在销毁密钥"),
    "destroyed": lazy_gettext("密钥已销毁，正在收尾"),
    "completed": lazy_gettext("已经完成"),
}

KINDS: Mapping[str, Words] = {
    "now": lazy_gettext("按本人申请"),
    "final": lazy_gettext("保存期满"),
}

VALUES: Mapping[str, Mapping[str, Words]] = {"law": LAWS, "about": ABOUT, "answer": ANSWERS}

RULES: Mapping[str, Words] = {
    "correction_closed": lazy_gettext("更正申请已经答复"),
    "record_restricted": lazy_gettext("病历只依法保存，没有说明理由"),
}


def refusals(said: Callable[[str, str], Any]) -> dict[str, Callable[[Facts], Any]]:
    """Return the words of refusals by code."""
    return {
        "erasure_not_sure": lambda f: said(_("还没有勾选"), _("看清楚哪些会删除，勾选后再按一次。")),
        "erasure_visit_open": lambda f: said(
            _("还有没结束的预约"), _("%(at)s 的就诊结束或取消以后，再来删除。", at=_at(f.get("starts_at")))
        ),
        "correction_closed": lambda f: said(_("这份申请已经答复过了"), _("返回上一页看看答复。")),
        "record_restricted": lambda f: said(
            _("这份病历只依法保存"), _("本人已申请删除。要看，先在“只保存的病历”里选一个依法的理由。")
        ),
    }


def _at(at: object) -> str:
    return moment(at) if isinstance(at, datetime) else ""
