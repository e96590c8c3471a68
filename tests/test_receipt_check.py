"""The check of a receipt, in a real browser: on plain HTTP, with a strict policy for content, and from a saved page."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, render_template, render_template_string, session
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from app.web.i18n import init_i18n
from ledger.paper import fingerprint
from ledger.receipt import verify_receipt
from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.ledger.made import LOG, WITNESS, make_receipt, opening

HOUSE = Path(__file__).resolve().parent.parent
FILES = re.findall(
    r'"((?:vendor|js)/[\w./-]+\.js)"', (HOUSE / "templates" / "components" / "receipt_check.html").read_text()
)
AXE = HOUSE / "node_modules" / "axe-core" / "axe.min.js"
RECEIPT = make_receipt(opening())
PAGE = """{% extends "base.html" %}
{% from "components/receipt_check.html" import receipt_check, receipt_check_files with context %}
{% block content %}<h1 class="ih-h1">回执</h1>
{{ receipt_check(receipt=receipt, receipt_url=receipt_url, keys=keys, event_words={"appointment.checked_in": "签到"}) }}
{% endblock %}{% block scripts %}{{ receipt_check_files() }}{% endblock %}"""


def small_app() -> Flask:
    app = Flask("small", root_path=str(HOUSE))
    app.config["SECRET_KEY"] = "small"
    init_i18n(app)
    keys = [LOG.verifier_key.format()]

    @app.get("/receipt/<lang>")
    def receipt(lang: str) -> str:
        session["lang"] = lang
        return render_template_string(PAGE, receipt=RECEIPT.decode(), receipt_url=None, keys=keys)

    @app.get("/fetched")
    def fetched() -> str:
        return render_template_string(PAGE, receipt=None, receipt_url="/receipt.tlog-proof", keys=keys)

    @app.get("/keyless")
    def keyless() -> str:
        return render_template_string(PAGE, receipt=RECEIPT.decode(), receipt_url=None, keys=["PQ+00000000+BgAA"])

    @app.get("/receipt.tlog-proof")
    def file() -> bytes:
        return RECEIPT

    @app.get("/verify")
    def verify() -> str:
        pairs = [(key, fingerprint(key)) for key in keys]
        policy = f"witness W {WITNESS.verifier_key.format()}\nquorum W\n"
        return render_template(
            "log/verify.html", keys=pairs, policy=policy, event_words={"appointment.checked_in": "签到"}
        )

    app.add_url_rule("/verify/saved", "log.saved", verify)
    app.add_url_rule("/verify-worker.js", "log.worker", verify)

    @app.after_request
    def guarded(answer):  # type: ignore[no-untyped-def]
        answer.headers["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
        return answer

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, small_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://hospital.test:{server.port}"  # not a secure context: crypto.subtle is not there
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = [*LAUNCH_ARGUMENTS, "--host-resolver-rules=MAP hospital.test 127.0.0.1"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(chromium_path()), args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, device_scale_factor=2, locale="zh-CN")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert said == []


def states(page: Page) -> dict[str, str]:
    return dict(page.eval_on_selector_all("[data-step]", "e => e.map(x => [x.dataset.step, x.dataset.state])"))


ALL_PASSED = {"event": "passed", "fingerprint": "passed", "path": "passed", "signature": "passed"}


def test_a_receipt_is_checked_as_soon_as_its_page_is_open(page: Page, address: str) -> None:
    page.goto(f"{address}/receipt/zh")
    assert page.evaluate("[isSecureContext, typeof crypto.subtle]") == [False, "undefined"]
    verdict = page.get_by_role("status").filter(has_text="核验")
    expect(verdict).to_contain_text("核验通过")
    expect(verdict).to_have_attribute("aria-live", "polite")
    assert states(page) == ALL_PASSED
    steps = page.locator(".ih-verify__steps")
    expect(steps).to_contain_text("签到")
    expect(steps).to_contain_text("2026年3月2日 09:23:45")  # 01:23:45 UTC on the hospital's clock
    expect(steps).to_contain_text("A001")
    expect(steps).to_contain_text("走 4 步")
    expect(steps).to_contain_text("账本里有 11 条，这是第 6 条")
    expect(steps).to_contain_text(LOG.name)


def test_changing_one_byte_shows_where_it_fails_and_putting_it_back_heals(page: Page, address: str) -> None:
    page.goto(f"{address}/receipt/zh")
    page.get_by_role("button", name="改动一个字节看看").click()
    verdict = page.locator("[data-verdict]")
    expect(verdict).to_contain_text("核验不通过")
    expect(verdict).to_contain_text("已经改动：事件的第")
    assert states(page) == {"event": "unproven", "fingerprint": "unproven", "path": "refused", "signature": "passed"}
    expect(page.locator("[data-step=event]")).to_contain_text("09:22:45")
    expect(page.locator("[data-step=fingerprint] s")).to_be_visible()
    expect(page.locator(".ih-verify__diff del")).to_have_text("3")
    expect(page.locator(".ih-verify__diff ins")).to_have_text("2")

    parts = []
    for _ in range(5):
        page.get_by_role("button", name="换个地方再改一个字节").press("Enter")  # the focus stays on it
        parts.append(page.locator(".ih-verify__changed").inner_text().split("：")[1].split("的第")[0])
        expect(verdict).to_contain_text("核验不通过")
    assert parts == ["事件中只给本人看的部分", "事件的盐（一串随机数）", "路径", "账本之顶", "签名"]
    assert states(page)["path"] == "passed"
    assert states(page)["signature"] == "refused"

    page.get_by_role("button", name="复原").click()
    expect(verdict).to_contain_text("核验通过")
    assert states(page) == ALL_PASSED


def test_a_receipt_can_be_fetched(page: Page, address: str) -> None:
    page.goto(f"{address}/fetched")
    expect(page.locator("[data-verdict]")).to_contain_text("核验通过")


def test_a_page_without_a_usable_key_does_not_pretend(page: Page, address: str) -> None:
    page.goto(f"{address}/keyless")
    expect(page.locator("[data-verdict]")).to_contain_text("这一页没有带来医院的公钥")
    assert states(page)["signature"] == "refused"


def test_anybody_checks_a_file_or_a_pasted_receipt(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}/verify")
    verdict = page.locator("[data-verdict]")
    page.get_by_role("button", name="核验").click()
    expect(page.get_by_role("alert")).to_contain_text("先选择回执文件")

    page.get_by_label("或者把回执的内容粘贴到这里").fill("hello")
    page.get_by_role("button", name="核验").click()
    expect(verdict).to_contain_text("这不是一份完整的回执")

    page.get_by_label("或者把回执的内容粘贴到这里").fill(RECEIPT.decode().strip() + "\r\n\r\n")
    page.get_by_role("button", name="核验").click()
    expect(verdict).to_contain_text("核验通过")

    changed = tmp_path / "changed.tlog-proof"
    changed.write_bytes(RECEIPT.replace(b"\nindex 5\n", b"\nindex 4\n"))
    page.get_by_label("回执文件").set_input_files(changed)
    expect(verdict).to_contain_text("核验不通过")
    assert states(page)["path"] == "refused"

    good = tmp_path / "good.tlog-proof"
    good.write_bytes(make_receipt(opening().to_show()))
    page.get_by_label("回执文件").set_input_files(good)
    expect(verdict).to_contain_text("核验通过")
    expect(page.locator("[data-step=event]")).to_contain_text("这是出示用的回执")


def test_a_saved_page_goes_on_checking_without_any_network(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}/receipt/zh")
    page.get_by_role("button", name="改动一个字节看看").click()
    saved = tmp_path / "saved.html"
    saved.write_text(re.sub(r'((?:src|href)=")/static/', r"\1saved_files/", page.content()))
    for folder in ("js", "css", "vendor", "img"):
        shutil.copytree(HOUSE / "static" / folder, tmp_path / "saved_files" / folder)
    alone = page.context.browser.new_context()  # type: ignore[union-attr]
    alone.set_offline(True)
    offline = alone.new_page()
    offline.goto(saved.as_uri())
    expect(offline.locator("[data-verdict]")).to_contain_text("核验通过")
    assert states(offline) == ALL_PASSED
    alone.close()


def test_without_script_the_page_says_how_to_check_by_command(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/verify")
    command = page.locator("noscript code")
    expect(command).to_be_visible()
    expect(command).to_have_text(f"python -m ledger verify 回执.tlog-proof --key {LOG.verifier_key.format()}")
    expect(page.get_by_role("button", name="核验")).to_be_hidden()
    context.close()


@pytest.mark.parametrize("lost", [file for file in FILES[:-1] if file != "js/verify/native.js"])
def test_a_script_that_did_not_arrive_is_said_and_nothing_is_called_verified(
    browser: Browser, address: str, lost: str
) -> None:
    page = browser.new_page()
    page.route(f"**/static/{lost}", lambda route: route.abort())
    page.goto(f"{address}/receipt/zh")
    expect(page.locator("[data-verdict]")).to_contain_text("核验程序没有全部载入")
    assert states(page) == {}
    page.close()


@pytest.mark.parametrize(
    ("script", "flaw"),
    [
        ("js/verify/ed25519.js", "MZ.isEd25519 = function () { return true; };"),
        ("js/verify/bytes.js", "MZ.equal = function () { return true; };"),
        ("js/verify/tlog.js", "MZ.leafHash = function () { return new Uint8Array(32); };"),
        ("js/verify/tlog.js", "MZ.rootOf = function () { throw new TypeError(); };"),
    ],
)
def test_a_browser_that_gets_a_known_answer_wrong_judges_nobodys_receipt(
    browser: Browser, address: str, script: str, flaw: str
) -> None:
    page = browser.new_page()
    code = (HOUSE / "static" / script).read_text() + flaw
    page.route(f"**/static/{script}", lambda route: route.fulfill(body=code, content_type="text/javascript"))
    page.goto(f"{address}/verify")
    expect(page.locator("[data-verdict]")).to_contain_text("这个浏览器算得不对")
    page.locator("[data-paste]").fill(RECEIPT.decode())
    page.get_by_role("button", name="核验", exact=True).click()
    expect(page.locator("[data-verdict]")).to_contain_text("这个浏览器算得不对")
    assert states(page) == {}
    page.close()


def test_a_browser_that_hashes_wrongly_cannot_read_the_hospitals_keys_and_says_so(
    browser: Browser, address: str
) -> None:
    page = browser.new_page()
    code = (
        HOUSE / "static/js/verify/sha256.js"
    ).read_text() + "MZ.sha256 = function () { return new Uint8Array(32); };"
    page.route("**/static/js/verify/sha256.js", lambda route: route.fulfill(body=code, content_type="text/javascript"))
    page.goto(f"{address}/verify")
    expect(page.locator("[data-verdict]")).to_contain_text("这个浏览器算得不对")
    assert states(page) == {}
    page.close()


def test_the_known_answer_is_a_receipt_that_python_accepts_too() -> None:
    script = (HOUSE / "static" / "js" / "verify" / "known.js").read_text()
    lines = re.search(r"const RECEIPT = (\[.*?\])\.join", script, re.S)
    assert lines
    receipt = "\n".join(json.loads(lines[1])).encode()
    assert receipt == make_receipt(opening(), witnesses=[WITNESS])
    verify_receipt(receipt, LOG.verifier_key)
    assert LOG.verifier_key.format() in script and WITNESS.verifier_key.format() in script


def test_the_check_speaks_english(page: Page, address: str) -> None:
    page.goto(f"{address}/receipt/en")
    expect(page.locator("[data-verdict]")).to_contain_text("Verified")
    expect(page.locator(".ih-verify__steps")).to_contain_text("2026-03-02 09:23:45")
    page.get_by_role("button", name="Change one byte and see").click()
    expect(page.locator("[data-verdict]")).to_contain_text("Not verified")
    check = page.locator(".ih-verify").inner_text()
    assert re.findall("[\u4e00-\u9fff]+", check.replace("签到", "").replace("内科", "")) == []


@pytest.mark.parametrize("press", [0, 1])
def test_everybody_can_read_and_reach_it(page: Page, address: str, press: int) -> None:
    page.goto(f"{address}/receipt/zh")
    for _ in range(press):
        page.get_by_role("button", name="改动一个字节看看").click()
    page.locator(".ih-verify__technical summary").click()
    page.evaluate(AXE.read_text())
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    found = page.evaluate("rules => axe.run('.ih-verify', rules)", rules)["violations"]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []
    small = "e => e.filter(x => x.getBoundingClientRect().height < 44).map(x => x.outerHTML)"
    assert page.eval_on_selector_all(".ih-verify button, .ih-verify summary", small) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
