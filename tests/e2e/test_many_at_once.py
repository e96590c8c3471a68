"""A hospital's own Wi-Fi at eight in the morning: sixty-four sign-ins at once behind one address all succeed."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import requests


def sign_in(base: str) -> int:
    """Sign a new pretend WeChat account in, round trips and all; return the status of a page that needs it."""
    session = requests.Session()
    session.trust_env = False
    page = session.get(f"{base}/sign-in/wechat", timeout=60)
    action = re.search(r'<form[^>]*method="post"[^>]*action="([^"]*)"', page.text)
    url = (
        requests.compat.urljoin(page.url, action.group(1).replace("&amp;", "&"))
        if action and action.group(1)
        else page.url
    )
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    session.post(url, data={**hidden, "account": "new"}, timeout=60)
    return session.get(f"{base}/me", timeout=60, allow_redirects=False).status_code


def test_sixty_four_sign_ins_at_once_behind_one_address_all_succeed(demo) -> None:
    site = demo()
    base = f"http://127.0.0.1:{site.port}"
    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(sign_in, [base] * 64))
    assert statuses == [200] * 64
