"""A browser for door tests: Flask's client with the form token, as a page would carry it."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app.web.house import House

TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')


class Browser:
    """One browser: its cookies, and the token of the last form that it saw. It does not follow redirects by itself."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client()
        self.token = ""

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        response = self.client.get(path, **kwargs)
        found = TOKEN.search(response.text) if response.mimetype == "text/html" else None
        if found:
            self.token = found.group(1)
        return response

    def post(self, path: str, headers: dict[str, str] | None = None, key: str = "", **fields: Any) -> TestResponse:
        form = {**fields, "csrf_token": self.token}
        if key:
            form["idempotency_key"] = key
        return self.client.post(path, data=form, headers=headers)

    def follow(self, response: TestResponse) -> TestResponse:
        """Open the page that a 303 names."""
        assert response.status_code == 303, (response.status_code, response.text[:2000])
        return self.get(response.headers["Location"])

    def forget_form(self) -> None:
        self.token = ""

    def cookie(self, name: str) -> str:
        for path in ("/", "/staff", "/screen"):
            found = self.client.get_cookie(name, path=path)
            if found is not None:
                return str(found.value)
        raise AssertionError(f"no cookie {name}")

    def set_cookie(self, name: str, value: str, path: str = "/") -> None:
        self.client.set_cookie(name, value, path=path)

    def last_sms(self) -> str:
        """Return the code in the newest message of the demo's phone."""
        house: House = self.app.extensions["mingzhen"]()
        newest = house.sms.last_messages(1)[0]  # type: ignore[union-attr]
        found = re.search(r"\b(\d{6})\b", newest.text)
        assert found
        return found.group(1)


def shown_words(page: str) -> str:
    """Return what a page says: its text between the tags, where no random address or token can look like a datum."""
    return re.sub(r"<[^>]*>", " ", page)
