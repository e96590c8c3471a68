"""The public ledger: files for auditors, pages for people, and an audit from outside."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from app import ROOT
from ledger.checkpoint import open_checkpoint
from ledger.tiles import parse_bundle
from tests.browsing import Browser
from tests.live import LiveSite
from tests.web.test_receipts import sealed


@pytest.fixture
def filled(ward, var, hospital):
    """A ledger with the entries of a small hospital, all sealed."""
    ward.person("李明")
    sealed(var, hospital)
    return hospital


def test_before_the_first_entry_everything_answers_sensibly(browser):
    page = browser.get("/ledger/")
    assert page.status_code == 200 and "账本里还没有记录" in page.text
    for path in ("checkpoint", "tile/0/000", "tile/entries/000"):
        answer = browser.get(f"/ledger/{path}")
        assert answer.status_code == 404 and answer.headers["Cache-Control"] == "no-store"
    assert browser.get("/ledger/keys").text.count("\n") == 1
    assert browser.get("/verify").status_code == 200


def test_files_have_the_types_and_the_caching_of_the_specification(browser, filled):
    size = filled.log.size()
    checkpoint = browser.get("/ledger/checkpoint")
    assert checkpoint.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert checkpoint.headers["Cache-Control"] == "public, max-age=2"
    assert open_checkpoint(checkpoint.data, filled.log_keys[0]).size == size
    hashes = browser.get(f"/ledger/tile/0/000.p/{size}")
    entries = browser.get(f"/ledger/tile/entries/000.p/{size}")
    assert len(hashes.data) == 32 * size
    assert [len(entry) for entry in parse_bundle(entries.data)] == [33] * size
    for answer in (hashes, entries):
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for answer in (checkpoint, hashes, entries, browser.get("/ledger/keys")):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Set-Cookie" not in answer.headers and "Cookie" not in answer.headers.get("Vary", "")


@pytest.mark.parametrize(
    "path",
    ["0/000", "0/0", "0/000.p/0", "0/000.p/256", "0/000.p/01", "1/000", "64/000", "0/-01", "entries/000", "entries/0/0",
     "entries", "entries/x000/000", "0/000.p/255", "..%2f..%2fcheckpoint", "0/001"],
)  # fmt: skip
def test_what_no_tree_has_or_this_one_has_not_is_absent(browser, filled, path):
    answer = browser.get(f"/ledger/tile/{path}")
    assert answer.status_code == 404
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_what_waits_is_not_shown(browser, filled, ward):
    size = filled.log.size()
    ward.person("王小红")
    assert browser.get(f"/ledger/tile/entries/000.p/{size + 1}").status_code == 404
    assert filled.log.size() == size


def test_the_page_says_how_long_the_ledger_is_and_how_to_check_it(browser, filled):
    page = browser.get("/ledger/").text
    assert f'<strong class="ih-number">{filled.log.size()}</strong>' in page
    key = filled.log_keys[0].format()
    assert f"python -m ledger audit http://localhost/ledger/ --key {key}" in page
    assert "它不能证明什么" in page and 'href="/verify"' in page


def test_anybody_checks_a_receipt_without_an_account(browser, filled):
    page = browser.get("/verify").text
    assert filled.log_keys[0].format() in page and "appointment.checked_in" in page and "receipt-file" in page


def ledger(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ledger", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_stranger_audits_the_running_site_and_verifies_a_receipt(var, tmp_path):
    """With the commands that the page names, over HTTP, against a sequencer of its own process."""
    with LiveSite(var) as site:
        phone = Browser(site.app)
        phone.get("/sign-in")
        phone.post("/sign-in/phone", phone="13800138000")
        answer = phone.post("/sign-in/code", phone="+8613800138000", code=site.last_code())
        assert answer.status_code == 303
        site.wait_for_seals()

        key = site.read("/ledger/keys").decode().strip()
        state = tmp_path / "audit.json"
        first = ledger("audit", f"{site.url}/ledger/", "--key", key, "--state", str(state))
        assert first.returncode == 0 and first.stdout.startswith("GOOD: "), first.stderr

        path = re.findall(r'href="(/receipts/[0-9a-f-]{36})"', phone.get("/receipts").text)[0]
        file = tmp_path / "receipt.tlog-proof"
        file.write_bytes(phone.get(f"{path}.tlog-proof").data)
        good = ledger("verify", str(file), "--key", key)
        assert good.returncode == 0, good.stderr

        data = file.read_bytes()
        for place in (40, len(data) // 2, len(data) - 20):
            file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            assert ledger("verify", str(file), "--key", key).returncode == 1

        phone.get("/me")
        phone.post("/sign-out")
        site.wait_for_seals()
        second = ledger("audit", f"{site.url}/ledger/", "--key", key, "--state", str(state))
        assert second.returncode == 0 and "1 of them new" in second.stdout
