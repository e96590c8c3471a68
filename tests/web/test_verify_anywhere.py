"""The check of receipts without us: as one saved file with no network, from paper by camera and photo, and by others' keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from ledger.checkpoint import Checkpoint, format_checkpoint
from ledger.merkle import leaf_hash
from ledger.note import ED25519_COSIGNATURE, SigningKey, format_note
from ledger.paper import fingerprint, format_paper
from ledger.receipt import Receipt, format_receipt
from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.e2e.watching import look
from tests.ledger.made import WITNESS, make_receipt, opening
from tests.ledger.test_paper import receipt_at, shown_event
from tests.served import served

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1180, "height": 820}


@pytest.fixture
def key(var: Path) -> SigningKey:
    return SigningKey.parse((var / "keys" / "ledger.key").read_text().strip())


@pytest.fixture
def address(app) -> Iterator[str]:
    with served(app) as base:
        yield base


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path()), args=[*LAUNCH_ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture
def phone(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=PHONE, locale="zh-CN")
    yield context
    context.close()


def verdict(page: Page):
    return page.locator("[data-verdict]")


def print_code(text: str | list[str], path: Path, scale: int = 6) -> Path:
    segno.make(text, error="m", micro=False, boost_error=False).save(str(path), scale=scale, border=4)
    return path


def test_the_saved_file_checks_receipts_with_no_network_and_asks_for_nothing(app, address, phone, key, tmp_path):
    """Saved today, opened on a machine without any network: file, paste and photo, good and changed."""
    answer = app.test_client().get("/verify/saved")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mingzhen-heyan.html"'
    file = tmp_path / "mingzhen-heyan.html"
    file.write_bytes(answer.data)
    good = make_receipt(opening().to_show(), key=key)
    photo = print_code(["https://elsewhere.example/verify#", format_paper(good)], tmp_path / "slip.png")
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url))
    phone.set_offline(True)
    page = phone.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    page.goto(file.as_uri())
    expect(page.get_by_text(fingerprint(key.verifier_key.format())).first).to_be_visible()
    page.get_by_label("或者把回执的内容粘贴到这里").fill(good.decode())
    page.get_by_role("button", name="核验", exact=True).click()
    expect(verdict(page)).to_contain_text("核验通过")
    expect(page.locator("[data-step=signature]")).to_contain_text(fingerprint(key.verifier_key.format()))
    page.get_by_role("button", name="改动一个字节看看").click()
    expect(verdict(page)).to_contain_text("核验不通过")
    page.get_by_label("或者把回执的内容粘贴到这里").fill(format_paper(good))
    page.get_by_role("button", name="核验", exact=True).click()
    expect(verdict(page)).to_contain_text("核验通过")
    changed = tmp_path / "changed.tlog-proof"
    changed.write_bytes(good.replace(b"\nindex 5\n", b"\nindex 4\n"))
    page.get_by_label("回执文件，或二维码的照片").set_input_files(changed)
    expect(verdict(page)).to_contain_text("核验不通过")
    page.get_by_label("回执文件，或二维码的照片").set_input_files(photo)
    expect(verdict(page)).to_contain_text("核验通过", timeout=60_000)

    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert look(page) == []


def test_many_receipts_are_checked_at_once_and_those_that_want_a_look_stand_first(address, phone, key, tmp_path):
    """Two good ones, one changed, a text that is none: each its line, each opened from it; one alone ends the list."""
    good = make_receipt(opening().to_show(), key=key)
    files = {
        "a.tlog-proof": good,
        "b.tlog-proof": make_receipt(shown_event(), key=key),
        "changed.tlog-proof": good.replace(b"\nindex 5\n", b"\nindex 4\n"),
        "README.txt": b"receipts/\n",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    page = phone.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{address}/verify")
    chosen = page.get_by_label("回执文件，或二维码的照片")
    chosen.set_input_files([tmp_path / name for name in files])
    expect(verdict(page)).to_contain_text("通过 2 份，有的要看一看")
    expect(verdict(page)).to_contain_text("1 份核验不通过。")
    expect(verdict(page)).to_contain_text("另有 1 个文件不是回执")
    expect(page.locator("[data-module=receipt-check]")).to_have_attribute("data-result", "refused")
    states = page.locator("[data-many] li .ih-verify__state")
    assert states.all_inner_texts() == ["核验不通过", "不是回执", "通过", "通过"]
    lines = page.locator("[data-many] li button")
    assert lines.nth(0).inner_text().startswith("changed.tlog-proof")
    assert look(page) == [] and all(line.bounding_box()["height"] >= 44 for line in lines.all())

    lines.nth(0).click()
    expect(verdict(page)).to_contain_text("核验不通过")
    lines.nth(2).click()
    expect(verdict(page)).to_contain_text("核验通过")
    expect(page.locator("[data-step=event]")).to_contain_text(lines.nth(2).inner_text().split(" · ")[0])
    expect(lines).to_have_count(4)
    chosen.set_input_files([tmp_path / "a.tlog-proof", tmp_path / "b.tlog-proof"])
    expect(verdict(page)).to_contain_text("2 份回执都通过")
    expect(page.locator("[data-module=receipt-check]")).to_have_attribute("data-result", "passed")
    chosen.set_input_files(tmp_path / "changed.tlog-proof")
    expect(verdict(page)).to_contain_text("核验不通过")
    expect(page.locator("[data-many]")).to_be_hidden()
    chosen.set_input_files([tmp_path / "README.txt", tmp_path / "README.txt"])
    expect(verdict(page)).to_contain_text("没有一份通过")
    expect(page.locator("[data-module=receipt-check]")).to_have_attribute("data-result", "sealed")
    assert said == []


def test_a_browser_that_computes_wrongly_says_nothing_good_of_many(address, phone, key, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.tlog-proof").write_bytes(make_receipt(opening().to_show(), key=key))
    page = phone.new_page()
    page.route("**/receipt-check.js*", lambda route: route.fulfill(
        body="MZ.checkKnown = function (later, done) { setTimeout(done, 3000, null); };" + route.fetch().text(),
        content_type="text/javascript",
    ))  # fmt: skip
    page.goto(f"{address}/verify")
    page.get_by_label("回执文件，或二维码的照片").set_input_files(
        [tmp_path / "a.tlog-proof", tmp_path / "b.tlog-proof"]
    )
    expect(verdict(page)).to_contain_text("这个浏览器算得不对")
    expect(verdict(page)).not_to_contain_text("通过")
    expect(page.locator("[data-many]")).to_be_hidden()


def test_the_saved_files_own_policy_lets_nothing_out(app):
    page = app.test_client().get("/verify/saved").text
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1] and "http" not in policy[1] and "connect-src" not in policy[1]
    assert "/static/" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL).replace(
        'data-reader="/static/', ""
    )
    assert app.test_client().get("/verify/saved").headers["Content-Type"].startswith("text/html")


def test_it_is_saved_in_english_where_english_is_read(app):
    client = app.test_client()
    client.get("/language/en")
    answer = client.get("/verify/saved")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mingzhen-verify.html"'
    body = re.sub(r"<(script|style)>.*?</\1>", "", answer.text, flags=re.DOTALL)
    assert "Compare it with" in body and re.findall(r">[^<]*[\u4e00-\u9fff][^<]*<", body.replace("明诊", "")) == []


def test_the_largest_code_that_is_printed_is_read_back_from_a_photo(app, address, phone, tmp_path):
    """A receipt of a log of 10^6 entries with three witnesses, as printed; the key is another log's, so it says so."""
    data = receipt_at(1_000_000, shown_event(), 3)
    photo = print_code([f"{address}/verify#", format_paper(data)], tmp_path / "large.png", scale=5)
    page = phone.new_page()
    page.goto(f"{address}/verify")
    page.get_by_label("回执文件，或二维码的照片").set_input_files(photo)
    expect(verdict(page)).to_contain_text("没有找到", timeout=60_000)
    expect(page.locator("[data-step=path]")).to_contain_text("1,000,000")


def test_a_code_that_a_phone_opened_by_itself_is_checked_at_once_and_is_not_sent(address, phone, key):
    good = make_receipt(opening().to_show(), key=key)
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url))
    page = phone.new_page()
    page.goto(f"{address}/verify#{format_paper(good)}")
    expect(verdict(page)).to_contain_text("核验通过")
    assert not [url for url in asked if re.search(r"[?/]1\d{50}", url.split("#")[0])]


def test_with_a_readers_policy_it_says_sealed_or_witnessed_and_under_the_pages_own_it_waits(address, phone, key):
    page = phone.new_page()
    page.goto(f"{address}/verify")
    paste, theirs = page.get_by_label("或者把回执的内容粘贴到这里"), page.get_by_label("公钥，或一份见证规则")
    page.get_by_text("别家的回执，或自己的公钥").click()
    other = SigningKey("second.example", bytes([9]) * 32, ED25519_COSIGNATURE).verifier_key.format()
    witnesses = f"witness W {WITNESS.verifier_key.format()}\nwitness V {other}\n"

    def said(receipt: bytes, policy: str) -> str:
        paste.fill(receipt.decode())
        theirs.fill(policy)
        page.get_by_role("button", name="核验", exact=True).click()
        expect(verdict(page).locator(".ih-verify__banner")).to_be_visible()
        return verdict(page).locator(".ih-verify__result").inner_text()

    both = make_receipt(opening(), key=key, witnesses=[WITNESS])
    assert said(both, f"{witnesses}group any1 any W V\nquorum any1\n") == "核验通过，有见证"
    expect(page.locator("[data-step=witnesses] h3")).to_contain_text("见证方的签名")
    expect(page.locator("[data-step=witnesses]")).to_contain_text("w.example，2025年12月31日")
    assert said(both, f"{witnesses}group two all W V\nquorum two\n") == "已存证，但见证不够"
    assert page.locator("[data-module=receipt-check]").get_attribute("data-result") == "sealed"
    assert said(make_receipt(opening(), key=key), f"{witnesses}quorum W\n") == "已存证，但见证不够"
    assert said(both, "") == "核验通过"
    page.get_by_label("公钥，或一份见证规则").fill("log nonsense")
    page.get_by_role("button", name="核验", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("公钥或规则读不出来")


def test_a_receipt_of_any_other_log_is_checked_with_its_key_and_the_record_it_is_of(address, phone, tmp_path):
    log = SigningKey("sum.example/tree", bytes([5]) * 32)
    record = b"example.com/module v1.0.0 h1:abc=\n"
    text = format_checkpoint(Checkpoint(log.name, 1, leaf_hash(record)))
    theirs = format_receipt(Receipt(b"", 0, (), format_note(text, [log.sign(text)]))).encode()
    file, of, other = tmp_path / "theirs.tlog-proof", tmp_path / "record.txt", tmp_path / "other.txt"
    file.write_bytes(theirs)
    of.write_bytes(record)
    other.write_bytes(record.replace(b"1.0.0", b"1.0.1"))
    page = phone.new_page()
    page.goto(f"{address}/verify")
    page.get_by_label("回执文件，或二维码的照片").set_input_files(file)
    expect(verdict(page)).to_contain_text("不是本系统的")
    page.get_by_text("别家的回执，或自己的公钥").click()
    page.get_by_label("公钥，或一份见证规则").fill(log.verifier_key.format())
    page.get_by_label("那本账所记的文件").set_input_files(of)
    page.get_by_role("button", name="核验", exact=True).click()
    expect(verdict(page)).to_contain_text("核验通过")
    expect(page.locator("[data-step=event]")).to_contain_text("example.com/module v1.0.0")
    page.get_by_role("button", name="改动一个字节看看").click()
    expect(verdict(page)).to_contain_text("核验不通过")
    page.get_by_label("那本账所记的文件").set_input_files(other)
    page.get_by_role("button", name="核验", exact=True).click()
    expect(verdict(page)).to_contain_text("核验不通过")


def test_once_seen_the_page_opens_and_checks_without_any_network(app, phone, key):
    """The service worker: what the browser kept answers while the site is gone."""
    good = make_receipt(opening().to_show(), key=key)
    page = phone.new_page()
    with served(app) as base:
        page.goto(f"{base}/verify")
        expect(page.get_by_text("这一页也已留在这个浏览器里")).to_be_visible(timeout=60_000)
        page.reload()
        expect(page.get_by_text("这一页也已留在这个浏览器里")).to_be_visible(timeout=60_000)
    page.goto(f"{base}/verify#{format_paper(good)}")  # the site has ended
    page.reload()
    expect(verdict(page)).to_contain_text("核验通过")
    expect(page.get_by_role("heading", name="核验回执")).to_have_css("font-weight", re.compile("[5-7]00"))


def film(text: str, path: Path) -> Path:
    """Write a film of one picture, 1280 by 960, of a large code, as a phone held over paper sees it."""
    rows = [
        list(row)
        for row in segno.make(["https://elsewhere.example/verify#", text], error="m", boost_error=False).matrix
    ]
    width, height, module = 1280, 960, 6
    left, top = (width - len(rows) * module) // 2, (height - len(rows) * module) // 2
    assert top > 0
    bright = bytearray(b"\xeb" * (width * height))
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            for line in range(module if dark else 0):
                at = (top + y * module + line) * width + left + x * module
                bright[at : at + module] = b"\x10" * module
    head = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(head + (b"FRAME\n" + bytes(bright) + b"\x80" * (width * height // 2)) * 2)
    return path


def test_the_camera_reads_a_receipt_off_paper_into_the_saved_file(app, key, tmp_path, chromium):
    good = make_receipt(opening().to_show(), key=key)
    seen = film(format_paper(good), tmp_path / "paper.y4m")
    file = tmp_path / "saved.html"
    file.write_bytes(app.test_client().get("/verify/saved").data)
    camera = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={seen}",
    ]
    looking = chromium.browser_type.launch(executable_path=str(chromium_path()), args=[*LAUNCH_ARGUMENTS, *camera])
    page = looking.new_page(viewport=PHONE)
    page.goto(file.as_uri())
    page.get_by_role("button", name="用相机扫回执上的大码").click()
    expect(verdict(page)).to_contain_text("核验通过", timeout=60_000)
    expect(page.locator("video")).to_be_hidden()
    looking.close()
