"""The words of events: what a person reads for each type, field and value that `app.domain.events` and its services write.

The same words stand on the lists, on a receipt's page and in the check that runs in the browser. Texts are lazy: they speak
the language of the page that shows them. A type, role, purpose or rule without words fails `tests/web/test_event_words.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.web import access_words, erasure_words, fair_words, queue_words, rule_words, share_words, smart_words
from app.web.i18n import language_tag, moment

Words = Any  # a lazy text, or a text

TYPES: Mapping[str, Words] = {
    "account.created": lazy_gettext("建立账号"),
    "session.signed_in": lazy_gettext("登录账号"),
    "session.signed_out": lazy_gettext("退出账号"),
    "staff.signed_in": lazy_gettext("工作人员登录"),
    "staff.signed_out": lazy_gettext("工作人员退出"),
    "staff.sign_in_failed": lazy_gettext("工作人员登录没有成功"),
    "staff.switched": lazy_gettext("换人操作"),
    "staff.locked": lazy_gettext("锁屏"),
    "staff.unlocked": lazy_gettext("解锁"),
    "staff.sitting_ended": lazy_gettext("结束自己的一次登录"),
    "staff.password_changed": lazy_gettext("修改密码"),
    "staff.pin_set": lazy_gettext("设置 PIN"),
    "totp.enrolled": lazy_gettext("启用动态口令"),
    "totp.recovery_used": lazy_gettext("使用了恢复码"),
    "totp.reset": lazy_gettext("清除动态口令"),
    "code.sent": lazy_gettext("向留存的手机发送验证码"),
    "consent.given": lazy_gettext("同意处理敏感个人信息"),
    "person.bound": lazy_gettext("绑定就诊人"),
    "person.bind_requested": lazy_gettext("有账号申请绑定此人"),
    "person.claimed": lazy_gettext("就诊人身份核对通过"),
    "person.superseded": lazy_gettext("本人核对后，原有绑定失效"),
    "person.unbound": lazy_gettext("解除绑定"),
    "claim_code.issued": lazy_gettext("前台发出核对码"),
    "guardianship.requested": lazy_gettext("申请监护人身份"),
    "guardianship.verified": lazy_gettext("监护人身份核对通过"),
    "guardianship.revoked": lazy_gettext("监护或家人关系取消"),
    "person.registered": lazy_gettext("前台登记就诊人"),
    "person.verified": lazy_gettext("前台核对就诊人证件"),
    "appointment.held": lazy_gettext("选号，暂时保留"),
    "appointment.released": lazy_gettext("保留的号放回"),
    "appointment.booked": lazy_gettext("预约成功"),
    "appointment.walked_in": lazy_gettext("现场挂号"),
    "slip.printed": lazy_gettext("打印了小票"),
    "appointment.cancelled": lazy_gettext("预约取消"),
    "appointment.checked_in": lazy_gettext("到院签到"),
    "ticket.called": lazy_gettext("叫号"),
    "ticket.recalled": lazy_gettext("再次叫号"),
    "ticket.passed": lazy_gettext("叫号未到"),
    "ticket.requeued": lazy_gettext("过号后重新排队"),
    "ticket.no_show": lazy_gettext("未到诊"),
    "visit.started": lazy_gettext("就诊开始"),
    "visit.finished": lazy_gettext("就诊结束"),
    "record.signed": lazy_gettext("医生签署病历"),
    "order.placed": lazy_gettext("医生开出检验"),
    "order.cancelled": lazy_gettext("检验取消"),
    "sample.collected": lazy_gettext("采样完成"),
    "report.signed": lazy_gettext("检验报告签发"),
    "report.amended": lazy_gettext("检验报告修改"),
    "report.released": lazy_gettext("医生开放检验报告"),
    "prescription.signed": lazy_gettext("医生签署处方"),
    "prescription.reviewed": lazy_gettext("药师审核通过，处方生效"),
    "prescription.returned": lazy_gettext("药师退回处方"),
    "prescription.dispensed": lazy_gettext("药房发药"),
    "allergy.recorded": lazy_gettext("登记过敏史"),
    "problem.recorded": lazy_gettext("登记健康问题"),
    "problem.changed": lazy_gettext("健康问题有变化"),
    "immunization.recorded": lazy_gettext("登记接种"),
    "document.added": lazy_gettext("病历中加入文档"),
    "document.withdrawn": lazy_gettext("撤下误传的文档"),
    "record.imported": lazy_gettext("导入病历"),
    "record.opened": lazy_gettext("打开了病历"),
    "identity.opened": lazy_gettext("查看身份资料"),
    "act.refused": lazy_gettext("操作被拒绝"),
    "board.opened": lazy_gettext("打开工作看板"),
    "screen.paired": lazy_gettext("候诊屏配对"),
    "screen.unpaired": lazy_gettext("候诊屏取消配对"),
    "screen.code_shown": lazy_gettext("生成候诊屏配对码"),
    "staff.created": lazy_gettext("添加工作人员"),
    "staff.disabled": lazy_gettext("停用工作人员"),
    "staff.role_granted": lazy_gettext("授予角色"),
    "staff.role_ended": lazy_gettext("收回角色"),
    "staff.enabled": lazy_gettext("恢复工作人员"),
    "staff.password_reset": lazy_gettext("重设初始密码"),
    "rules.changed": lazy_gettext("修改规则"),
    "day.closed": lazy_gettext("结束一天"),
    "clinic.created": lazy_gettext("设立门诊部"),
    "department.created": lazy_gettext("设立科室"),
    "room.created": lazy_gettext("设立诊室"),
    "session.planned": lazy_gettext("排班"),
    "log.healed": lazy_gettext("账本从副本补全"),
    "log.succeeded": lazy_gettext("账本由新的接续"),
    "log.key_rotated": lazy_gettext("账本更换签名密钥"),
    **access_words.TYPES,
    **erasure_words.TYPES,
    **smart_words.TYPES,
    **share_words.TYPES,
    **queue_words.TYPES,
    **fair_words.TYPES,
}

FIELDS: Mapping[str, Words] = {
    "lost": lazy_gettext("未能恢复的事件数"),
    "old_origin": lazy_gettext("原账本"),
    "successor": lazy_gettext("接着写的账本"),
    "old_size": lazy_gettext("原账本条数"),
    "old_root": lazy_gettext("原账本根哈希"),
    "old_key": lazy_gettext("原公钥"),
    "new_key": lazy_gettext("新公钥"),
    "board": lazy_gettext("看板"),
    "by": lazy_gettext("由谁"),
    "calls": lazy_gettext("呼叫次数"),
    "changed": lazy_gettext("改动的项目数"),
    "cause": lazy_gettext("原因"),
    "count": lazy_gettext("份数"),
    "document": lazy_gettext("证件"),
    "door": lazy_gettext("入口"),
    "ends_at": lazy_gettext("结束时间"),
    "fields": lazy_gettext("项目"),
    "held_until": lazy_gettext("保留到"),
    "kept_unverified": lazy_gettext("未核对的份数"),
    "letter": lazy_gettext("队列字母"),
    "member": lazy_gettext("工作人员编号"),
    "method": lazy_gettext("方式"),
    "within_m": lazy_gettext("距诊所不超过（米）"),
    "papers": lazy_gettext("看过的材料"),
    "part": lazy_gettext("内容"),
    "passes": lazy_gettext("过号次数"),
    "places": lazy_gettext("后移位数"),
    "proof": lazy_gettext("凭据"),
    "purpose": lazy_gettext("用途"),
    "reason": lazy_gettext("理由"),
    "consent": lazy_gettext("所依据的同意"),
    "relation": lazy_gettext("关系"),
    "revision": lazy_gettext("第几版"),
    "role": lazy_gettext("岗位"),
    "room": lazy_gettext("诊室"),
    "round": lazy_gettext("第几次签署"),
    "rule": lazy_gettext("规则"),
    "of": lazy_gettext("哪里的"),
    "before": lazy_gettext("原来"),
    "after": lazy_gettext("现在"),
    "sample": lazy_gettext("标本号"),
    "slots": lazy_gettext("号源数"),
    "came": lazy_gettext("签到人数"),
    "seen": lazy_gettext("看完人数"),
    "digest": lazy_gettext("当天表格的指纹"),
    "status": lazy_gettext("报告状态"),
    "starts_at": lazy_gettext("开始时间"),
    "ticket": lazy_gettext("排队号"),
    "until": lazy_gettext("有效期到"),
    "valid_days": lazy_gettext("有效天数"),
    "valid_minutes": lazy_gettext("有效分钟数"),
    "way": lazy_gettext("登录方式"),
    "wording": lazy_gettext("文本版本"),
    **access_words.FIELDS,
    **erasure_words.FIELDS,
    **smart_words.FIELDS,
    **share_words.FIELDS,
    **queue_words.FIELDS,
    **fair_words.FIELDS,
}

ROLES: Mapping[str, Words] = {
    "patient": lazy_gettext("患者"),
    "doctor": lazy_gettext("医生"),
    "desk": lazy_gettext("前台"),
    "lab": lazy_gettext("检验"),
    "pharmacist": lazy_gettext("药师"),
    "admin": lazy_gettext("管理员"),
    "auditor": lazy_gettext("审计员"),
    "screen": lazy_gettext("候诊屏"),
    "app": lazy_gettext("应用"),
    "system": lazy_gettext("系统"),
}

KINDS: Mapping[str, Words] = {
    "patient": lazy_gettext("患者的账号"),
    "staff": lazy_gettext("医院工作人员"),
    "screen": lazy_gettext("候诊屏"),
    "app": lazy_gettext("经授权的应用"),
    "share": lazy_gettext("拿着分享链接的人"),
    "system": lazy_gettext("系统"),
    "anonymous": lazy_gettext("未登录的人"),
}

PURPOSES: Mapping[str, Words] = {
    "own_access": lazy_gettext("本人查看"),
    "treatment": lazy_gettext("诊疗"),
    "document_check": lazy_gettext("证件核对"),
    "laboratory": lazy_gettext("检验"),
    "sample_check": lazy_gettext("核对标本是谁的"),
    "prescription_review": lazy_gettext("处方审核"),
    "desk_board": lazy_gettext("前台办理"),
    "sensitive_data": lazy_gettext("处理敏感个人信息"),
    "claim": lazy_gettext("核对就诊人身份"),
    "appeal": lazy_gettext("处理申诉"),
    "correction": lazy_gettext("处理更正申请"),
    **access_words.PURPOSES,
    **smart_words.PURPOSES,
    **share_words.PURPOSES,
}

RULES: Mapping[str, Words] = {
    "not_found": lazy_gettext("不属于这个账号，或不存在"),
    "not_allowed": lazy_gettext("不由这个身份办理"),
    "conflict": lazy_gettext("情况已经变化"),
    "problem_status_same": lazy_gettext("问题已经是这个状态"),
    "check_in_too_early": lazy_gettext("还没到签到时间"),
    "check_in_too_late": lazy_gettext("签到时间已过"),
    "venue_code_unknown": lazy_gettext("签到码已失效"),
    "presence_needed": lazy_gettext("人还没有到候诊区"),
    "slot_taken": lazy_gettext("号已被约走"),
    "slot_past": lazy_gettext("时间已过"),
    "slot_too_far": lazy_gettext("还没有开放预约"),
    "slot_stopped": lazy_gettext("医生停诊"),
    "already_booked": lazy_gettext("已有未完成的预约"),
    "hold_expired": lazy_gettext("保留时间已过"),
    "cancel_too_late": lazy_gettext("已过网上取消的时间"),
    "appointment_moved": lazy_gettext("预约的状态已经变化"),
    "ticket_moved": lazy_gettext("号的状态已经变化"),
    "pairing_code_unknown": lazy_gettext("配对码不对或已失效"),
    "room_busy": lazy_gettext("诊室里还有人"),
    "order_moved": lazy_gettext("检验单的状态已经变化"),
    "prescription_moved": lazy_gettext("处方的状态已经变化"),
    "visit_closed": lazy_gettext("就诊已经结束"),
    "already_bound": lazy_gettext("这个账号已有同一关系的人"),
    "not_a_child": lazy_gettext("已满十八岁"),
    "consent_missing": lazy_gettext("没有勾选同意"),
    "people_full": lazy_gettext("这个账号的就诊人已满"),
    "not_grown_up": lazy_gettext("未满十八岁"),
    "name_differs": lazy_gettext("姓名和医院的记录不一致"),
    "sitting_over": lazy_gettext("医生今天的门诊已结束"),
    "no_phone_on_file": lazy_gettext("没有留存可用的手机号"),
    "check_in_window": lazy_gettext("签到时间规则"),
    "check_in_place": lazy_gettext("定位围栏"),
    **rule_words.GROUPS,
    "way_not_used": lazy_gettext("科室不用这种签到办法"),
    "place_too_far": lazy_gettext("手机不在诊所附近"),
    "already_enrolled": lazy_gettext("已启用动态口令"),
    "day_not_over": lazy_gettext("还有人没有结束"),
    "day_ahead": lazy_gettext("这一天还没有到"),
    "day_closed": lazy_gettext("这一天已经结束过了"),
    **access_words.RULES,
    **erasure_words.RULES,
    **share_words.RULES,
    **queue_words.RULES,
    **fair_words.RULES,
}

VALUES: Mapping[str, Mapping[str, Words]] = {
    "actor": KINDS,
    "role": ROLES,
    "purpose": PURPOSES,
    "rule": RULES,
    "board": {
        "desk": lazy_gettext("前台看板"),
        "doctor": lazy_gettext("叫号与接诊"),
        "audit": lazy_gettext("审计"),
        "lab": lazy_gettext("检验"),
        "pharmacy": lazy_gettext("处方审核"),
    },
    "by": {
        "patient": lazy_gettext("患者"),
        "desk": lazy_gettext("前台"),
        "clinic": lazy_gettext("医院"),
        "doctor": lazy_gettext("医生"),
        "passes": lazy_gettext("多次叫号未到"),
        "lab": lazy_gettext("检验"),
    },
    **access_words.VALUES,
    **erasure_words.VALUES,
    **queue_words.VALUES,
    **fair_words.VALUES,
    "reason": {**queue_words.VALUES["reason"], **access_words.BASES, **erasure_words.LEGAL_REASONS},
    "why": {**fair_words.VALUES["why"], **access_words.REASONS},
    "kind": {**fair_words.VALUES["kind"], **erasure_words.KINDS},
    "undone": TYPES,
    "document": {"resident_id": lazy_gettext("居民身份证"), "passport": lazy_gettext("护照")},
    "cause": {
        "button": lazy_gettext("按了锁屏"),
        "idle": lazy_gettext("一段时间没有操作"),
        **smart_words.CAUSES,
        **share_words.CAUSES,
    },
    "way": {
        "password": lazy_gettext("密码"),
        "password_code": lazy_gettext("密码和动态口令"),
        "recovery": lazy_gettext("密码和恢复码"),
        "code": lazy_gettext("动态口令"),
        "pin": lazy_gettext("PIN"),
        "demo": lazy_gettext("演示页"),
    },
    "door": {
        "wechat": lazy_gettext("微信"),
        "phone": lazy_gettext("手机验证码"),
        "mini_program": lazy_gettext("微信小程序"),
    },
    "fields": {
        "name": lazy_gettext("姓名"),
        "document": lazy_gettext("证件"),
        "birth_on": lazy_gettext("出生日期"),
        "sex": lazy_gettext("性别"),
        "phone": lazy_gettext("手机号"),
        "name birth_on sex": lazy_gettext("姓名、出生日期、性别"),
        "name document birth_on sex": lazy_gettext("姓名、证件、出生日期、性别"),
    },
    "method": {
        "venue": lazy_gettext("扫候诊区的码"),
        "place": lazy_gettext("手机定位"),
        "own_code": lazy_gettext("出示自己的签到码"),
        "desk": lazy_gettext("前台办理"),
    },
    "kinds": {**smart_words.KINDS, **share_words.KINDS},
    "part": {"visit_note": lazy_gettext("就诊记录"), "results": lazy_gettext("检查检验结果")},
    "proof": {
        "none": lazy_gettext("还没有"),
        "phone": lazy_gettext("留存手机收到的验证码"),
        "desk": lazy_gettext("前台看过证件"),
    },
    "papers": {
        "household_register": lazy_gettext("户口簿"),
        "birth_certificate": lazy_gettext("出生医学证明"),
        "guardianship_papers": lazy_gettext("监护证明或判决书"),
    },
    "status": {"preliminary": lazy_gettext("初步结果"), "final": lazy_gettext("正式报告")},
    "relation": {
        "self": lazy_gettext("本人"),
        "guardian": lazy_gettext("监护人"),
        "family": lazy_gettext("家人"),
    },
}


class Line(Protocol):
    """What it takes to say who did something."""

    @property
    def is_mine(self) -> bool: ...
    @property
    def actor_kind(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def who_zh(self) -> str: ...
    @property
    def who_en(self) -> str: ...


def type_words(event_type: str) -> str:
    """Return what an event of this type is called; the type itself where nobody named it."""
    return str(TYPES.get(event_type, event_type))


def role_words(role: str) -> str:
    return str(ROLES.get(role, role))


def kind_words(kind: str) -> str:
    return str(KINDS.get(kind, kind))


def value_words(field: str, value: object) -> str:
    """Return a detail value as people read it: instants on the hospital's clock, codes in words, the rest as it is."""
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if not isinstance(value, str):
        return str(value)
    if field == "room" and (numbered := re.fullmatch(r"(\d+) ?诊室", value)):
        return _("%(number)s 诊室", number=numbered[1])  # recorded under its Chinese name
    known = VALUES.get(field, {}).get(value)
    if known is not None:
        return str(known)
    parts = [VALUES.get(field, {}).get(part) for part in value.split()]
    if len(parts) > 1 and all(parts):
        return _("、").join(str(part) for part in parts)
    if value.endswith("Z"):
        try:
            return moment(datetime.fromisoformat(value))
        except ValueError:
            return value
    return value


def detail_words(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (label, words) of each detail field that has a value, in the catalogue's own order of writing."""
    return [
        (str(FIELDS.get(field, field)), value_words(field, value))
        for field, value in detail.items()
        if value not in (None, "")
    ]


def who_words(line: Line) -> str:
    """Return who did it: oneself, a role with the public name of who holds it, or what kind of actor."""
    if line.is_mine:
        return _("您自己")
    if line.actor_kind == "staff" and line.role:
        name = line.who_en if language_tag() == "en" and line.who_en else line.who_zh
        return f"{role_words(line.role)} {name}".strip()
    if line.actor_kind == "app" and line.who_zh:
        return f"{role_words('app')} {line.who_en if language_tag() == 'en' and line.who_en else line.who_zh}"
    if line.actor_kind == "share" and line.who_zh:
        return _("拿着分享链接的人，自称：%(who)s", who=line.who_zh)
    if line.actor_kind == "patient":
        return _("另一个账号")
    return kind_words(line.actor_kind)


def for_check() -> tuple[dict[str, str], dict[str, str]]:
    """Return the words for the check in the browser: {type: words} and {field: words, "field=value": words}."""
    fields = {name: str(words) for name, words in FIELDS.items()}
    for field, values in VALUES.items():
        fields.update({f"{field}={value}": str(words) for value, words in values.items()})
    return {name: str(words) for name, words in TYPES.items()}, fields
