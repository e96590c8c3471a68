"""What every answer says to the browser: what it may load, keep and send; and what cookies are like."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import pytest

from app.web.papers import SANDBOX
from tests.rows import ROWS
from tests.scene import Scene, routes
from tests.test_matrix import ask

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",  # a demo shows its people side by side; production says DENY (test_config)
}
PUBLIC_FILES = {
    "log.checkpoint",
    "log.tile",
    "log.keys",
    "log.policy",
    "log.program",
    "log.notice",
    "log.frozen_file",
    "log.frozen_notice",
    "log.frozen_tile",
}  # for everybody and every cache, as c2sp.org/tlog-tiles asks
DOCUMENTS = ("patient.document_file", "doctor.document")
OURS = ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'")


@pytest.mark.parametrize("endpoint", ROWS)
def test_every_answer_carries_the_headers_that_keep_it_safe(scene: Scene, endpoint: str) -> None:
    row = ROWS[endpoint]
    _method, _rule, view = next(r for r in routes(scene.app) if r[1].endpoint == endpoint)
    scene.fresh()
    more = row.prepare(scene) if row.prepare else {}
    for actor in ("anonymous", row.driver(view.audience)):
        response = ask(scene, endpoint, row, actor, "a", more)
        headers = response.headers
        assert {name: headers.get(name) for name in ALWAYS} == ALWAYS
        policy = headers["Content-Security-Policy"]
        if policy == SANDBOX:  # a document of the record: nothing in it may run, load or lead anywhere
            assert endpoint in DOCUMENTS and headers["X-Content-Type-Options"] == "nosniff"
            policy = "; ".join(OURS)
        assert all(part in policy for part in OURS) and "unsafe" not in policy and "http:" not in policy
        if endpoint not in PUBLIC_FILES:
            assert headers["Cache-Control"] == "no-store"
            # Applications in a browser may read what their token opens: no cookie counts at that door, and none is set.
            assert ("Access-Control-Allow-Origin" in headers) == endpoint.startswith("fhir.")
        if endpoint.startswith("fhir."):
            assert "Access-Control-Allow-Credentials" not in headers and "Set-Cookie" not in headers
        assert "Server" not in headers and "X-Powered-By" not in headers
        for line in headers.getlist("Set-Cookie"):
            [(name, cookie)] = SimpleCookie(line).items()
            assert name in ("mz_browser", "mz_patient", "mz_staff", "mz_screen")
            assert cookie["httponly"] and cookie["samesite"] == "Lax" and not cookie["domain"]
            if name == "mz_staff":  # in a demo each desk has its own: docs/decisions/0014
                assert cookie["path"] == "/staff" or re.fullmatch("/staff/[a-z]+", cookie["path"])
            else:
                assert cookie["path"] == {"mz_screen": "/screen"}.get(name, "/")


def test_files_may_be_kept_and_pages_that_are_not_there_may_not(scene: Scene) -> None:
    scene.fresh()
    client = scene.app.test_client()
    with client.get("/static/css/patient.css") as file:
        assert file.headers["Cache-Control"] == "no-cache" and file.headers["ETag"]
    assert client.get("/nothing").headers["Cache-Control"] == "no-store"
    assert client.get("/nothing").headers["Content-Security-Policy"]


def test_a_token_is_new_at_every_sign_in_and_is_no_part_of_a_page(scene: Scene) -> None:
    scene.fresh()
    tokens = set()
    for _ in range(2):
        client = scene.client("anonymous")
        client.get("/sign-in/wechat/callback?state=state&code=code-of-newcomer")
        token = client.get_cookie("mz_patient").value
        assert len(token) >= 43 and token not in client.get("/me").text
        tokens.add(token)
    assert len(tokens) == 2


def test_what_this_browser_keeps_is_signed_and_a_forged_one_is_nobodys(scene: Scene) -> None:
    scene.fresh()
    client = scene.client("anonymous")
    client.get("/sign-in")
    signed = client.get_cookie("mz_browser").value
    client.set_cookie("mz_browser", re.sub("^.", lambda m: "A" if m.group() != "A" else "B", signed))
    assert client.post("/check-in/code", data={"csrf_token": scene.form_token()}).status_code == 400


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_form_of_another_site_does_anything(scene: Scene, sent: dict[str, str]) -> None:
    """Without headers the token is missing; with them the token is right and the browser says where the form stood."""
    scene.fresh()
    for method, rule, _view in routes(scene.app):
        if method == "POST" and not rule.rule.startswith(("/api/", "/fhir/", "/wechat-mock/")):
            path = scene.path(rule, {name: "desk" if name == "area" else "x" for name in rule.arguments})
            form = {"csrf_token": scene.form_token()} if sent else {}
            response = scene.client("a").post(path, data=form, headers=sent)
            assert response.status_code == 400, rule.rule
