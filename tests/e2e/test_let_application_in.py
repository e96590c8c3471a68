"""A person lets an application in on the phone, sees what it read, and takes that back; in both languages, looked at by axe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from app.domain.actor import SYSTEM
from app.services import clients, oauth_tokens
from tests.e2e.clinic_site import ClinicSite, Seen
from tests.e2e.watching import PHONE
from tests.smart import VERIFIER, App


class Back(BaseHTTPRequestHandler):
    """The application's own page, to which the browser is led back."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"back")

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """An address on another port of this machine: to the browser another site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Back)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/back"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var) as live:
        yield live


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_application_is_let_in_reads_and_is_sent_away(
    site: ClinicSite, chromium: Browser, elsewhere: str, language: str
) -> None:
    ward = site.ward
    li = ward.person("李明")
    with ward.house.writing_session() as session:
        client_id = clients.register(session, SYSTEM, "步数日记", "Step diary", [elsewhere], ward.now)
    asking = App(None, ward, id=client_id).asks(aud=f"{site.url}/fhir/R4", redirect_uri=elsewhere)  # type: ignore[arg-type]
    phone = Seen(chromium, PHONE, site.url, language)
    token = ward.token("patient", li.actor.ref)
    phone.watched.context.add_cookies([{"name": "mz_patient", "value": token, "url": site.url, "httpOnly": True}])

    page = phone.go(asking)
    page.locator("button[value=allow]").click()  # nothing is ticked: it asks again, and keeps who and how long
    expect(page.locator("#errors")).to_be_visible()
    phone.see()
    page.locator("input[value=results]").check()
    page.locator("input[value=identity]").check()
    with page.expect_navigation(url=f"{elsewhere}?**"):  # the page's policy lets the form lead there
        page.locator("button[value=allow]").click()
    back = parse_qs(urlsplit(page.url).query)
    with ward.house.writing_session() as session:
        issued = oauth_tokens.redeem(session, client_id, back["code"][0], elsewhere, VERIFIER, ward.now)
    headers = {"Authorization": f"Bearer {issued.access}"}
    assert page.request.get(f"{site.url}/fhir/R4/Patient", headers=headers).status == 200

    name = {"zh": "步数日记", "en": "Step diary"}[language]
    expect(phone.go("/receipts?side=look").locator("main")).to_contain_text(name)
    phone.go("/me/apps")
    expect(page.locator("main")).to_contain_text(name)
    page.locator("form.ih-oneform button").first.click()
    phone.press(".ih-dialog button.ih-btn_danger")
    expect(page.locator("main")).to_contain_text({"zh": "已收回", "en": "Taken back"}[language])
    assert page.request.get(f"{site.url}/fhir/R4/Patient", headers=headers).status == 401
    phone.go("/oauth/authorize?client_id=nobody")
    refused = "the server responded with a status of 400"  # what was not ticked, and who is not known
    assert phone.found == [] and [said for said in phone.watched.complaints if refused not in said] == []
    phone.watched.close()
