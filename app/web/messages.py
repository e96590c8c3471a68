"""The words for each refusal: what happened, and what to do next.

Words are found by the refusal's `code`. Facts are formatted here and nowhere else; a code without words of its own gets
those of the error page for its status. A test asks for the words of every class of refusal in both languages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app.domain.calendar import local
from app.domain.errors import Refused


@dataclass(frozen=True)
class Said:
    """What a refusal says: `title` what happened, `next_step` what to do."""

    title: str
    next_step: str = ""


def clock_time(value: object) -> str:
    """Return an instant as the hospital's wall clock shows it, 09:30."""
    return local(value).strftime("%H:%M") if isinstance(value, datetime) else ""


Facts = dict[str, Any]
WORDS: dict[str, Callable[[Facts], Said]] = {
    "not_found": lambda f: Said(_("没有找到"), _("它可能已经取消，或不属于这个账号。回到首页再进一次，或到前台询问。")),
    "not_allowed": lambda f: Said(_("这一项不由您的身份办理"), _("如果工作需要，请管理员为您添加相应角色。")),
    "sign_in_needed": lambda f: Said(_("先登录再继续"), _("登录后会回到这里。")),
    "conflict": lambda f: Said(_("情况刚刚变了"), _("别人或另一台设备刚处理过。返回上一页看看现在的状态。")),
    "key_reused": lambda f: Said(_("这次提交和上一次不一样"), _("返回上一页刷新后再提交一次。")),
    "form_expired": lambda f: Said(_("这个页面放得太久了"), _("返回上一页，刷新后再按一次。您填的内容还在。")),
    "too_many": lambda f: Said(_("操作太频繁了"), _("稍等一会儿再试。急的话请到前台办理。")),
    "check_in_too_early": lambda f: Said(
        _("还没到签到时间"),
        _("%(time)s 开始签到，还有 %(minutes)s 分钟。到时候再按一次就行。", time=clock_time(f.get("opens_at")), minutes=f.get("minutes")),
    ),
    "check_in_too_late": lambda f: Said(
        _("签到时间已过"),
        _("%(time)s 已停止签到，过了 %(minutes)s 分钟。请到前台，由前台为您安排。", time=clock_time(f.get("closed_at")), minutes=f.get("minutes")),
    ),
    "venue_code_unknown": lambda f: Said(_("这个签到码已经失效"), _("屏幕上的码每 30 秒换一次，重新扫一次就行；也可以到前台签到。")),
    "presence_needed": lambda f: Said(_("先扫候诊区屏幕上的码"), _("用微信或相机扫屏幕上的签到码，就知道您已经到了。也可以到前台签到。")),
    "slot_taken": lambda f: Said(_("这个号刚被别人约走了"), _("选旁边的时间，或看看别的医生。")),
    "slot_past": lambda f: Said(_("这个时间已经过了"), _("选一个后面的时间。")),
    "slot_too_far": lambda f: Said(_("这一天还没有开放预约"), _("过几天再来看看。")),
    "slot_stopped": lambda f: Said(_("医生这段时间停诊"), _("选别的时间或别的医生。")),
    "already_booked": lambda f: Said(_("这位就诊人已有一个未完成的预约"), _("先取消原来的预约，再约新的时间。")),
    "hold_expired": lambda f: Said(_("保留时间已过"), _("号可能还在，重新选一次就行。")),
    "cancel_too_late": lambda f: Said(_("已过网上取消的时间"), _("请打电话或到前台取消。")),
    "appointment_moved": lambda f: Said(_("这个预约的状态已经变了"), _("回到首页看看现在的状态。")),
    "pairing_code_unknown": lambda f: Said(_("配对码不对，或已经用过、过期"), _("请前台在工作台再生成一个配对码，10 分钟内输入。")),
    "room_busy": lambda f: Said(_("%(ticket)s 还在诊室", ticket=f.get("ticket", "")), _("先完成就诊，或按过号，再叫下一位。")),
    "ticket_moved": lambda f: Said(_("这个号的状态已经变了"), _("刷新队列看看现在的状态。")),
    # Signing in and binding
    "wechat_said_no": lambda f: Said(_("微信登录没有完成"), _("回到登录页再按一次，或改用手机号登录。")),
    "wechat_away": lambda f: Said(_("微信暂时没有回应"), _("过一会儿再试，或改用手机号登录。")),
    "snapshot_visitor": lambda f: Said(_("这是微信的预览页面"), _("按右上角“使用完整服务”后再登录。")),
    "already_bound": lambda f: Said(
        _("这个账号已经有孩子了。") if f.get("relation") == "guardian" else _("这个账号已经有本人了。"),
        _("其他成年人请用自己的手机登录；需要帮助请到前台。"),
    ),
    "not_a_child": lambda f: Said(_("满十四岁的孩子要自己登记。"), _("可以用孩子自己的手机，或带证件到前台办理。")),
    "consent_missing": lambda f: Said(_("还没有勾选同意"), _("勾选后才能继续。不同意也可以到前台办理。")),
    "no_phone_on_file": lambda f: Said(_("医院没有留存可用的手机号。"), _("请带证件到前台，前台核对后给您一个码。")),
    "login_taken": lambda f: Said(_("这个登录名已有人使用"), _("换一个登录名。")),
    # What is typed
    "document_length": lambda f: Said(_("身份证号是 18 位，现在是 %(n)s 位。", n=f.get("length"))),
    "document_characters": lambda f: Said(_("身份证号里只有数字，最后一位可以是 X。")),
    "document_area": lambda f: Said(_("身份证号开头两位不是任何省份，看看是不是输错了。")),
    "document_date": lambda f: Said(_("身份证号第 7 到 14 位不是一个日期，看看是不是输错了。")),
    "document_check_digit": lambda f: Said(_("身份证号有一位输错了，对照证件再看一遍。")),
    "document_disagrees": lambda f: Said(_("身份证号和填写的出生日期或性别不一致。")),
    "country_unknown": lambda f: Said(_("选一个签发国家或地区。")),
    "passport_number": lambda f: Said(_("护照号是 5 到 15 位字母和数字。")),
    "passport_name": lambda f: Said(_("按护照上印的拼音或英文字母填写姓名。")),
    "birth_date": lambda f: Said(_("看看出生日期是不是填错了。")),
    "bad_input": lambda f: Said(_("这一项还没有填好。")),
    "phone_unreadable": lambda f: Said(_("手机号是 11 位数字；国外号码以 + 和国家代码开头。")),
    "phone_not_mobile": lambda f: Said(_("这个号码收不到短信，填一个手机号。")),
    "name_empty": lambda f: Said(_("填写姓名，和证件上一样。")),
    "name_too_long": lambda f: Said(_("姓名最多 %(n)s 个字。", n=f.get("limit"))),
    "name_characters": lambda f: Said(_("姓名第 %(n)s 个字不能用，按证件重新填写。", n=f.get("position"))),
}  # fmt: skip


def words_for(refusal: Refused) -> Said:
    """Return what a refusal says; never its code, never an exception's text."""
    words = WORDS.get(refusal.code)
    if words is None:
        return Said("", "")
    return words(refusal.facts)
