"""An application in tests: registered, let in by a person's browser, with a token."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask
from werkzeug.test import TestResponse

from app.domain.actor import SYSTEM
from app.services import clients
from tests.browsing import Browser
from tests.fixtures_visit import Ward

REDIRECT = "https://app.example/back?a=1"
BASE = "http://localhost/fhir/R4"
VERIFIER = "v" * 43
ALL = "launch/patient patient/*.rs offline_access"
KINDS = ("identity", "visits", "results", "medicines", "conditions", "allergies", "immunizations", "log")


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass
class App:
    """One application with what it holds. `get` asks with its token."""

    flask: Flask
    ward: Ward
    id: str = ""
    token: str = ""
    refresh: str = ""
    patient: str = ""
    scope: str = ""
    answer: dict[str, Any] = field(default_factory=dict)

    def register(self, name: str = "步数日记", redirects: tuple[str, ...] = (REDIRECT,)) -> App:
        with self.ward.house.writing_session() as session:
            self.id = clients.register(session, SYSTEM, name, "Step diary", redirects, self.ward.now)
        return self

    def asks(self, **other: str) -> str:
        """Return the address that the application leads the browser to."""
        asked = {
            "response_type": "code", "client_id": self.id, "redirect_uri": REDIRECT, "scope": ALL, "state": "s-1", "aud": BASE,
            "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256",
        }  # fmt: skip
        return f"/oauth/authorize?{urlencode({name: value for name, value in {**asked, **other}.items() if value})}"

    def let_in(
        self, phone: Browser, person: str, kinds: tuple[str, ...] = KINDS, lasting: str = "month", **asked: str
    ) -> str:
        """Go through the page as a person does; return the code."""
        page = phone.get(self.asks(**asked))
        assert page.status_code == 200, page.text[:500]
        hidden = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', page.text))
        hidden = {
            name: value.replace("&amp;", "&")
            for name, value in hidden.items()
            if name not in ("csrf_token", "idempotency_key")
        }
        answer = phone.post(
            "/oauth/authorize", **hidden, person=person, kinds=list(kinds), lasting=lasting, decision="allow"
        )
        assert answer.status_code == 303, answer.text[:3000]
        found = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert answer.headers["Location"].startswith(REDIRECT) and found["state"] == ["s-1"], answer.headers["Location"]
        return found["code"][0]

    def trade(self, **form: str) -> TestResponse:
        return self.flask.test_client().post("/fhir/oauth/token", data={"client_id": self.id, **form})

    def redeem(self, code: str, **other: str) -> App:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
            **other,
        }
        return self.hold(self.trade(**form))

    def hold(self, response: TestResponse) -> App:
        assert response.status_code == 200, response.text
        self.answer = response.json or {}
        self.token, self.refresh = self.answer["access_token"], self.answer.get("refresh_token", "")
        self.patient, self.scope = self.answer["patient"], self.answer["scope"]
        return self

    def get(self, path: str, **headers: str) -> TestResponse:
        sent = {
            "Authorization": f"Bearer {self.token}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self.flask.test_client().get(f"/fhir/R4/{path}", headers=sent)

    def all(self, path: str) -> list[dict[str, Any]]:
        """Return every resource of a search, page after page."""
        found: list[dict[str, Any]] = []
        while path:
            bundle = self.get(path).json
            assert bundle and bundle["resourceType"] == "Bundle", bundle
            found += [entry["resource"] for entry in bundle.get("entry", ())]
            following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
            path = following[0].removeprefix(f"{BASE}/") if following else ""
        return found
