"""The words of applications that a person lets in: their events, and the kinds of data that they may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext

Words = Any  # a lazy text

TYPES: Mapping[str, Words] = {
    "app.registered": lazy_gettext("登记外部应用"),
    "app.disabled": lazy_gettext("停用外部应用"),
    "app.authorized": lazy_gettext("授权应用读取病历"),
    "app.withdrawn": lazy_gettext("应用的授权结束"),
    "app.read": lazy_gettext("应用读取了病历"),
    "takeout.asked": lazy_gettext("要求带走全部资料"),
    "takeout.fetched": lazy_gettext("下载了全部资料"),
}

FIELDS: Mapping[str, Words] = {
    "app": lazy_gettext("应用"),
    "kinds": lazy_gettext("可以读取的内容"),
}

PURPOSES: Mapping[str, Words] = {
    "app_access": lazy_gettext("按您的授权读取"),
}

KINDS: Mapping[str, Words] = {
    "identity": lazy_gettext("姓名、性别、出生日期"),
    "visits": lazy_gettext("就诊和预约"),
    "results": lazy_gettext("检查检验结果"),
    "medicines": lazy_gettext("处方"),
    "conditions": lazy_gettext("诊断和健康问题"),
    "allergies": lazy_gettext("过敏"),
    "immunizations": lazy_gettext("接种记录"),
    "log": lazy_gettext("授权和谁看过"),
}

CAUSES: Mapping[str, Words] = {
    "person": lazy_gettext("本人收回"),
    "app": lazy_gettext("应用自己退出"),
    "code_replayed": lazy_gettext("授权码被重复使用"),
    "refresh_replayed": lazy_gettext("续期凭据被重复使用"),
}
