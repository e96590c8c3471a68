"""Somebody else's reader of SMART Health Links (npm `kill-the-clipboard`) reads ours: in a browser, from another site's page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from app.domain.fhir.write import Frame
from app.domain.shares import Choice
from app.services import shares
from tests.e2e.clinic_site import ClinicSite
from tests.e2e.watching import ROOT

PASSCODE = "482915"
PAGE = """<!doctype html><meta charset="utf-8"><title>viewer</title><script type="importmap">{"imports": {
  "kill-the-clipboard": "/kill-the-clipboard/dist/index.esm.js", "jose": "/jose/dist/webapi/index.js",
  "jose-v4": "/jose-v4/dist/browser/index.js", "qrcode": "data:text/javascript,export default {}"
}}</script>"""
READS = """async ([link, asked]) => {
  const { SHLViewer } = await import("kill-the-clipboard");
  try {
    const found = await new SHLViewer({ shlinkURI: link }).resolveSHL({ recipient: "Dr Zhang", ...asked });
    return found.fhirResources;
  } catch (error) {
    return error.code;
  }
}"""


class Viewer(SimpleHTTPRequestHandler):
    """Another site: a page with the reader in it, whose requests to ours the browser asks CORS about."""

    def do_GET(self) -> None:
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(PAGE.encode())
        return None

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site(var: Path) -> Iterator[ClinicSite]:
    with ClinicSite(var, seals=False) as live:
        yield live


@pytest.fixture
def elsewhere(chromium: Browser) -> Iterator[Page]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Viewer, directory=str(ROOT / "node_modules")))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    context = chromium.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    yield page
    context.close()
    server.shutdown()
    thread.join()
    server.server_close()


def shared(site: ClinicSite, who: Any, **how: Any) -> tuple[str, str]:
    """Return the id of a share and its link."""
    choice = Choice(("medications", "allergies", "problems"), (), "day", label="给张医生", **how)
    hashed = site.house().passwords.hash(choice.passcode) if choice.passcode else ""
    with site.house().writing_session() as session:
        at = Frame(f"{site.url}/fhir/R4")
        made = shares.make(session, who.actor, at, who.ref, choice, hashed, site.house().clock())
    with site.house().reading_session() as session:
        return made, shares.link_of(session, who.actor, made, site.url, site.house().clock())[1]


def test_it_reads_every_kind_of_link_and_understands_every_refusal(site: ClinicSite, elsewhere: Page) -> None:
    li = site.ward.person("李明")

    def read(link: str, **asked: Any) -> Any:
        return elsewhere.evaluate(READS, [link, asked])

    def is_summary(found: Any) -> bool:
        [bundle] = found
        kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
        return bundle["type"] == "document" and kinds[0] == "Composition" and "Patient" in kinds

    plain_id, plain = shared(site, li)
    assert is_summary(read(plain))
    assert is_summary(read(f"{site.url}/share#{plain}"))  # as the QR code has it, behind our viewer's address
    assert is_summary(read(plain, embeddedLengthMax=10))  # the file then stands behind an address of its own
    assert is_summary(read(shared(site, li, is_live=True, is_direct=True)[1]))
    _id, locked = shared(site, li, passcode=PASSCODE)
    assert read(locked) == "SHL_INVALID_PASSCODE_ERROR"
    assert read(locked, passcode="000000") == "SHL_INVALID_PASSCODE_ERROR"
    assert is_summary(read(locked, passcode=PASSCODE))
    site.ward.do(shares.stop, li.actor, plain_id)
    assert read(plain) == "SHL_MANIFEST_NOT_FOUND_ERROR"
