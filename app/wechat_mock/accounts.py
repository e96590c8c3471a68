"""The people of the pretend WeChat: invented names, with the opaque identifiers that the platform would give them.

A WeChat account has a nickname and perhaps a phone number; it knows no ID number, so neither does this file.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass

NEW_ACCOUNT_NICKNAME = "微信用户"  # what the platform shows for people who never chose a name


@dataclass(frozen=True)
class Account:
    """One fictional WeChat account. `phone` is a mainland number without country code, or None."""

    id: str
    nickname: str
    about_zh: str
    about_en: str
    phone: str | None = None


SEEDED_ACCOUNTS = (
    Account("lin", "林秀兰", "72 岁，常来复诊的奶奶", "Grandmother, 72, comes for follow-ups", "13800000001"),
    Account("wang", "王建国", "58 岁，退休工人", "58, retired worker", "13800000002"),
    Account("chen", "陈静", "34 岁，办公室职员", "34, office worker", "13800000003"),
    Account("li", "李明", "41 岁，第一次用手机挂号", "41, books by phone for the first time", "13800000004"),
    Account("zhao", "赵敏", "赵小雨的妈妈", "Mother of a child, Xiaoyu", "13800000005"),
    Account("zhou", "周强", "29 岁，健身教练", "29, fitness coach", "13800000006"),
    Account("emma", "Emma Brown", "在本地工作的外国人", "A foreigner who works in town"),
    Account("xin", "新用户", "从未来过医院", "Has never been to the hospital", "13800000008"),
)


def openid_of(account_id: str, appid: str) -> str:
    """Return the account's openid at one app: 28 characters, another one at every app.

    It follows from the two names alone, so that a demo whose mock was wiped still meets the same people. That makes it
    guessable, which an identifier nobody may sign in with can afford.
    """
    return _identifier("openid", appid, account_id)


def unionid_of(account_id: str) -> str:
    """Return the account's unionid: 28 characters, the same at every app of the one pretend open-platform account."""
    return _identifier("unionid", account_id)


def new_account() -> Account:
    """Return a WeChat account that did not exist before, named as the platform names the nameless."""
    account_id = f"n{secrets.token_hex(8)}"
    number = int(account_id[-8:], 16) % 10_000
    return Account(account_id, f"{NEW_ACCOUNT_NICKNAME}{number:04}", "刚注册的微信号", "A WeChat account made just now")


def _identifier(*parts: str) -> str:
    digest = hashlib.sha256("\n".join(("mingzhen.wechat-mock.v1", *parts)).encode()).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode()[:27]
