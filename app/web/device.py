"""The browser at hand as a device of staff: known again, and named in two words to whoever sits there."""

from __future__ import annotations

import re
from hashlib import sha256

from flask import request
from flask_babel import gettext as _

from app.services import staff_signin
from app.services.staff_signin import Device
from app.web.browser import browser_id
from app.web.transaction import reading

# First match counts: Edge and Opera say Chrome as well, and everybody says Safari.
BROWSERS = (
    ("micromessenger", "wechat"), ("edg", "edge"), ("firefox", "firefox"), ("chrome", "chrome"), ("safari", "safari"),
)  # fmt: skip
SYSTEMS = (
    ("ipad", "ipad"), ("iphone", "iphone"), ("android", "android"), ("windows", "windows"), ("mac os", "mac"),
    ("linux", "linux"),
)  # fmt: skip


def this_device() -> Device:
    """Return this browser: known again by the random id in its signed cookie, which nobody else can make up."""
    agent = (request.user_agent.string or "").casefold()
    label = [next((name for sign, name in kinds if sign in agent), "") for kinds in (BROWSERS, SYSTEMS)]
    return Device(sha256(f"device\n{browser_id()}".encode()).digest(), " ".join(filter(None, label)))


def is_known_device() -> bool:
    """Return whether staff signed in on this device before: limits on an address, behind which strangers may sit as well, leave
    such a device alone."""
    with reading() as session:
        return staff_signin.is_known_device(session, this_device().key)


def device_words(label: str) -> str:
    """Return a device's label as its owner reads it."""
    names = {
        "wechat": "WeChat", "edge": "Edge", "firefox": "Firefox", "chrome": "Chrome", "safari": "Safari", "ipad": "iPad",
        "iphone": "iPhone", "android": "Android", "windows": "Windows", "mac": "Mac", "linux": "Linux",
    }  # fmt: skip
    return " · ".join(names.get(word, "") for word in re.findall("[a-z]+", label)) or _("不知道的设备")
