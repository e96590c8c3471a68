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
from app.web import access_words, erasure_words, event_words, fair_words, queue_words, share_words


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
    if rule == "own_say_later":
        return Said(_("满十四岁以后才能自己取消监护"), _("现在要取消，请带证件到前台。"))
    if rule == "own_proof_missing":
        return Said(_("先证明是您本人"), _("带证件到任一前台，前台核对后给您一个 6 位的核对码。"))
    if rule == "own_consent_only":
        return Said(_("授权只能由本人给"), _("请本人在自己的手机上给，或到前台。"))
    if rule == "part_withheld":
        return Said(_("患者没有授权您看这一部分"), _("需要时请当面问患者，由患者在手机上授权。"))
    if rule == "not_treating":
        return Said(_("这位患者现在不由您接诊，也没有授权您查看"), _("请患者在手机上授权；危及生命时用“紧急查阅”。"))
    if rule in ("guardian_unverified", "guardian_age_unknown"):
        return Said(_("监护关系还没有核对"), _("带上您和孩子的证件到任一前台核对。"))
    if rule == "oneself":
        return Said(_("自己的角色和账号由另一位管理员办理"), _("请医院的另一位管理员来做。"))
    if rule == "no_pin_beside_second_factor":
        return Said(_("管理员和审计员不用 PIN"), _("您用密码和动态口令登录；解锁用密码。"))
    return Said(_("这一项不由您的身份办理"), _("如果工作需要，请管理员为您添加相应角色。"))


def wait_words(seconds: object) -> str:
    """Return a wait in whole minutes, or in seconds below one."""
    whole = int(str(seconds)) if seconds else 0
    return _("%(n)s 分钟", n=-(-whole // 60)) if whole >= 60 else _("%(n)s 秒", n=whole)


def minutes_words(minutes: object) -> str:
    """Return so many minutes in words: 45 分钟, 2 小时, 2 小时 8 分钟."""
    hours, rest = divmod(int(str(minutes or 0)), 60)
    if not hours:
        return _("%(n)s 分钟", n=rest)
    return _("%(hours)s 小时 %(n)s 分钟", hours=hours, n=rest) if rest else _("%(hours)s 小时", hours=hours)


Facts = dict[str, Any]
WORDS: dict[str, Callable[[Facts], Said]] = {
    "not_found": lambda f: Said(_("没有找到"), _("它可能已经取消，或不属于这个账号。回到首页再进一次，或到前台询问。")),
    "not_allowed": lambda f: not_allowed_words(str(f.get("rule", ""))),
    "sign_in_needed": lambda f: Said(_("先登录再继续"), _("登录后会回到这里。")),
    "conflict": lambda f: Said(_("情况刚刚变了"), _("别人或另一台设备刚处理过。返回上一页看看现在的状态。")),
    "key_reused": lambda f: Said(_("这次提交和上一次不一样"), _("返回上一页刷新后再提交一次。")),
    "form_expired": lambda f: Said(_("这个页面放得太久了"), _("刚才这一下没有办成，什么也没有改。返回上一页，刷新后再办一次。")),
    "too_many": lambda f: Said(_("操作太频繁了"), _("稍等一会儿再试。急的话请到前台办理。")),
    "day_not_over": lambda f: Said(
        _("还有 %(count)s 人没有结束", count=f.get("count", 0)), _("等他们看完，或由前台处理完，再结束这一天。")
    ),
    "day_ahead": lambda f: Said(_("这一天还没有到"), _("到了那天再来结束。")),
    "day_closed": lambda f: Said(_("这一天已经结束过了"), _("结束的一天不能再打开，数字以当时的为准。")),
    "check_in_too_early": lambda f: Said(
        _("还没到签到时间"),
        _("%(time)s 开始签到，还有 %(wait)s。到时候再按一次就行。", time=clock_time(f.get("opens_at")), wait=minutes_words(f.get("minutes"))),
    ),
    "check_in_too_late": lambda f: Said(
        _("签到时间已过"),
        _("%(time)s 已停止签到，过了 %(minutes)s 分钟。请到前台，由前台为您安排。", time=clock_time(f.get("closed_at")), minutes=f.get("minutes")),
    ),
    "venue_code_unknown": lambda f: Said(_("这个签到码已经失效"), _("屏幕上的码每 30 秒换一次，重新扫一次就行；也可以到前台签到。")),
    "presence_needed": lambda f: Said(_("先扫候诊区屏幕上的码"), _("用微信或相机扫屏幕上的签到码，就知道您已经到了。也可以到前台签到。")),
    "way_not_used": lambda f: Said(_("这个科室不用这种办法签到"), _("换一种办法，或到前台签到。")),
    "place_too_far": lambda f: Said(_("您好像还没到诊所"), _("到了再按一次。已经到了的话，扫候诊区屏幕上的码，或到前台签到。")),
    "place_unsure": lambda f: Said(_("手机定位不够准"), _("走到窗边再试一次，或扫候诊区屏幕上的码，也可以到前台签到。")),
    "place_not_used": lambda f: Said(_("这里不用定位签到"), _("扫候诊区屏幕上的码，或到前台签到。")),
    "own_code_unknown": lambda f: Said(_("没有认出这个签到码"), _("签到码每 30 秒换一次，请让手机亮着再扫一次；也可以到前台签到。")),
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
    "cannot_undo": lambda f: Said(
        _("“%(act)s”撤销不了", act=event_words.type_words(str(f["act"]))) if f.get("act") else _("没有可以撤销的一步"),
        _("只能撤销最近一步，并且只有一次。看看现在的状态，再选要做的。"),
    ),
    "move_elsewhere": lambda f: Said(_("那边是另一个科室，或不是今天"), _("换诊室只在本科室当天的诊室之间。去别的科室请用“转科”。")),
    "move_nowhere": lambda f: Said(_("不能换到那个诊室"), _("号已经在那里，或那边已停诊、已结束。选另一个诊室。")),
    "late_unreadable": lambda f: Said(_("晚到的时间填 0 到 240 分钟")),
    "priority_unknown": lambda f: Said(_("选一个优先类别和理由")),
    "priority_note_missing": lambda f: Said(_("写明是什么情况")),
    "priority_not_due": lambda f: Said(
        _("年龄不符合“%(what)s”", what=queue_words.class_words(str(f["priority"]))) if f.get("priority") else _("年龄不符合"),
        _("按登记的出生日期计算。确需照顾的，选“需要照顾”并写明理由。"),
    ),
    "no_priority": lambda f: Said(_("这个号没有优先"), _("刷新看看现在的状态。")),
    # Signing in and binding
    "wechat_said_no": lambda f: Said(_("微信登录没有完成"), _("回到登录页再按一次，或改用手机号登录。")),
    "wechat_away": lambda f: Said(_("微信暂时没有回应"), _("过一会儿再试，或改用手机号登录。")),
    "snapshot_visitor": lambda f: Said(_("这是微信的预览页面"), _("按右上角“使用完整服务”后再登录。")),
    "already_bound": lambda f: Said(
        _("这个账号已经有本人了。"), _("给别人看病，选“我的孩子”或“成年家人”；需要帮助请到前台。")
    ),
    "not_a_child": lambda f: Said(_("已满十八岁，不用监护人了。"), _("选“成年家人”添加，或用本人自己的手机登录。")),
    "not_grown_up": lambda f: Said(_("未满十八岁，按孩子添加。"), _("选“我的孩子”，再到前台核对一次。")),
    "people_full": lambda f: Said(_("一个账号最多 %(n)s 位就诊人。", n=f.get("most")), _("先移除一位，或到前台办理。")),
    "name_differs": lambda f: Said(_("这份证件在医院登记的是另一个姓名"), _("对照证件再看一遍姓名和号码。没有输错，就用“核对证件”打开比较。")),
    "sitting_over": lambda f: Said(_("这位医生今天的门诊已结束"), _("选别的医生，或预约另一天。")),
    "until_wrong": lambda f: Said(_("截止日期要在今天以后，最晚到满十八岁那天。")),
    "consent_missing": lambda f: Said(_("还没有勾选同意"), _("勾选后才能继续。不同意也可以到前台办理。")),
    "no_phone_on_file": lambda f: Said(_("医院没有留存可用的手机号。"), _("请带证件到前台，前台核对后给您一个码。")),
    # Signing in of staff
    "tried_too_often": lambda f: Said(
        _("这个账号刚才试错了好几次"),
        _("%(wait)s后再试。在平时登录的那台设备上不受影响；着急请找管理员。", wait=wait_words(f.get("retry_seconds"))),
    ),
    "locked": lambda f: Said(_("屏幕已锁定"), _("输入 PIN 或密码解锁，然后回到刚才的页面。")),
    "pin_not_here": lambda f: Said(_("这台设备上现在不能用 PIN"), _("请用密码登录；之后 12 小时内可以用 PIN。")),
    "one_time_code": lambda f: Said(_("这个动态口令不对，或已经用过。等手机上换一个新的再试。")),
    "already_enrolled": lambda f: Said(_("已经启用了动态口令"), _("要换手机，请另一位管理员先清除原来的。")),
    "role_held": lambda f: Said(_("已经有这个角色"), _("选别的角色或别的院区。")),
    "password_short": lambda f: Said(_("密码至少 %(n)s 个字符。几个不相干的词连起来最好记。", n=f.get("limit"))),
    "password_long": lambda f: Said(_("密码最多 %(n)s 个字符。", n=f.get("limit"))),
    "password_common": lambda f: Said(_("这个密码太常见，别人会先试它。换几个不相干的词。")),
    "password_names_you": lambda f: Said(_("密码里几乎只有登录名、姓名或医院的名字。换几个不相干的词。")),
    "pin_form": lambda f: Said(_("PIN 是 4 到 6 位数字。")),
    "pin_common": lambda f: Said(_("这个 PIN 太容易猜到。不要用连续、重复的数字。")),
    "login_taken": lambda f: Said(_("这个登录名已有人使用"), _("换一个登录名。")),
    "sign_in_again": lambda f: Said(_("先再登录一次"), _("退出，再登录，十五分钟内回到这里下载。")),
    "takeout_moved": lambda f: Said(_("这份资料现在不能下载"), _("它还在准备，或已经下载过、过期了。可以重新准备一份。")),
    "gone": lambda f: Said(_("这一页之后的内容已经变了"), _("从第一页重新查询。")),
    "receipt_pending": lambda f: Said(_("这份回执还在存证"), _("已经记下来了，等几秒再下载。")),
    # Records
    "visit_closed": lambda f: Said(_("这次就诊已经结束"), _("签过的内容保持不变。要补充，请在下一次就诊时写。")),
    "diagnosis_code": lambda f: Said(_("ICD-10 编码是一个字母加两位数字，后面可以有小数点，例如 J06.9。")),
    "lab_value": lambda f: Said(_("结果填一个数，例如 6.1。")),
    "order_moved": lambda f: Said(_("这张检验单的状态已经变了"), _("刷新看看现在的状态。")),
    "problem_status_same": lambda f: Said(_("这个问题已经是这个状态"), _("选另一个状态，或者不用改。")),
    "attachment_too_large": lambda f: Said(
        _("文件太大，最多 %(n)s MB", n=f.get("limit_mb", 5)), _("照片可以先压缩，扫描件可以降低分辨率。")
    ),
    "attachment_type": lambda f: Said(_("只收 PDF、PNG 和 JPEG 文件"), _("按内容判断，改文件名没有用。换一个文件，或另存为 PDF。")),
    "attachment_too_many": lambda f: Said(_("这份病历里的文档已经满了"), _("先撤下不需要的。")),
    "nothing_changed": lambda f: Said(_("没有改动任何结果。改了哪一项，再签发修改。")),
    "prescription_moved": lambda f: Said(_("这张处方的状态已经变了"), _("刷新看看现在的状态。")),
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
    "text_unusable": lambda f: Said(_("内容里有不能使用的字符，没有保存"), _("返回上一页，把内容重新输入一遍，不要粘贴，再提交。")),
    "body_type": lambda f: Said(_("请求内容要用 JSON"), _("更新小程序后再试一次。")),
    "fields_wrong": lambda f: Said(_("有些内容需要修改"), _("看看这几项：%(fields)s。", fields=f.get("fields", ""))),
    "proof_wrong": lambda f: Said(_("这个码不对或已过期"), _("可以重新获取，或到前台再要一个。")),
    "login_code_wrong": lambda f: Said(_("微信登录没有完成"), _("再登录一次。")),
    "platform_away": lambda f: Said(_("微信或短信暂时没有回应"), _("过一会儿再试，或到前台办理。")),
    **fair_words.refusals(Said),
    **access_words.refusals(Said),
    **erasure_words.refusals(Said),
    **share_words.refusals(Said),
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


def broken_seal_words() -> Said:
    """Return what a page says in the place of something sealed that no longer opens."""
    return Said(
        _("这里的内容打不开"),
        _(
            "它和封存时不一样：可能在医院的程序之外被改过、换过或挪过，所以一个字也没有显示。医院的技术人员会收到提醒，请把下面的编号告诉前台。您手里的回执不受影响。"
        ),
    )


def words_for(refusal: Refused) -> Said:
    """Return what a refusal says; never its code, never an exception's text."""
    words = WORDS.get(refusal.code)
    if words is None:
        return Said("", "")
    return words(refusal.facts)
