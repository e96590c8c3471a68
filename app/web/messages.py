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


def not_allowed_words(rule: str) -> Said:
    """Say why not in the words of whoever asks: guardians meet other rules than staff."""
    if rule == "guardian_of_minor":
        return Said(_("孩子满十四岁后，病历由本人查看"), _("预约和签到仍可以由您办理。"))
    if rule == "guardian_of_adult":
        return Said(_("孩子已满十八岁，由本人办理"), _("本人可以用自己的手机登录。"))
    if rule in ("guardian_unverified", "guardian_age_unknown"):
        return Said(_("监护关系还没有核对"), _("带上您和孩子的证件到任一前台核对。"))
    return Said(_("这一项不由您的身份办理"), _("如果工作需要，请管理员为您添加相应角色。"))


Facts = dict[str, Any]
WORDS: dict[str, Callable[[Facts], Said]] = {
    "not_found": lambda f: Said(_("没有找到"), _("它可能已经取消，或不属于这个账号。回到首页再进一次，或到前台询问。")),
    "not_allowed": lambda f: not_allowed_words(str(f.get("rule", ""))),
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
    "receipt_pending": lambda f: Said(_("这份回执还在存证"), _("已经记下来了，等几秒再下载。")),
    # Records
    "visit_closed": lambda f: Said(_("这次就诊已经结束"), _("签过的内容保持不变。要补充，请在下一次就诊时写。")),
    "diagnosis_code": lambda f: Said(_("ICD-10 编码是一个字母加两位数字，后面可以有小数点，例如 J06.9。")),
    "lab_value": lambda f: Said(_("结果填一个数，例如 6.1。")),
    # What is typed
    "document_length": lambda f: Said(
        _("身份证号是 18 位，现在是 %(n)s 位。", n=f.get("length")) if f.get("length") else _("填写身份证号，18 位。")
    ),
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
    # Calls of the mini-program
    "body_unreadable": lambda f: Said(_("请求内容读不出来"), _("更新小程序后再试一次。")),
    "body_type": lambda f: Said(_("请求内容要用 JSON"), _("更新小程序后再试一次。")),
    "fields_wrong": lambda f: Said(_("有些内容需要修改"), _("看看这几项：%(fields)s。", fields=f.get("fields", ""))),
    "proof_wrong": lambda f: Said(_("这个码不对或已过期"), _("可以重新获取，或到前台再要一个。")),
    "login_code_wrong": lambda f: Said(_("微信登录没有完成"), _("再登录一次。")),
    "platform_away": lambda f: Said(_("微信或短信暂时没有回应"), _("过一会儿再试，或到前台办理。")),
}  # fmt: skip

STATUS_WORDS: dict[int, Callable[[], Said]] = {
    400: lambda: Said(_("这次提交没有被接受"), _("页面可能放得太久了。返回上一页，刷新后再试一次。")),
    401: lambda: Said(_("先登录再继续"), _("登录后会回到这里。")),
    403: lambda: Said(_("这一页不对您开放"), _("它可能属于另一个人，或需要另一种身份。可以回到首页，或到前台询问。")),
    404: lambda: Said(_("没有找到这一页"), _("链接可能已经过期，或少了几个字符。")),
    405: lambda: Said(_("这一页不能这样打开"), _("回到首页，从那里再进一次。")),
    409: lambda: Said(_("情况刚刚变了"), _("别人或另一台设备刚处理过。返回上一页看看现在的状态。")),
    413: lambda: Said(_("内容太大了"), _("缩小后再提交一次。")),
    422: lambda: Said(_("有些内容需要修改"), _("返回上一页，按提示修改后再提交。")),
    429: lambda: Said(_("操作太频繁了"), _("稍等一会儿再试。急的话请到前台办理。")),
    500: lambda: Said(_("我们这边出了问题"), _("您的操作没有完成，已有的预约和病历不受影响。过一分钟再试，或到前台办理。")),
    503: lambda: Said(_("系统暂时忙不过来"), _("稍等一会儿会自动恢复。急的话请到前台办理。")),
}  # fmt: skip


def status_words(status: int) -> Said:
    """Return what an error page of this status says where no rule of ours refused."""
    words = STATUS_WORDS.get(status) or STATUS_WORDS[500 if status >= 500 else 400]
    return words()


def words_for(refusal: Refused) -> Said:
    """Return what a refusal says; never its code, never an exception's text."""
    words = WORDS.get(refusal.code)
    if words is None:
        return Said("", "")
    return words(refusal.facts)
