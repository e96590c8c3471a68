"""The page of choices as a phone shows it: axe's A and AA rules, size, no script, both ways back."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import LAUNCH_ARGUMENTS, chromium_path
from tests.wechat_mock.process import ROOT, authorize_path

PHONE = {"width": 375, "height": 720}
SMALL_PHONE = {"width": 320, "height": 568}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=LAUNCH_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def callback(mock_base) -> str:
    """An address that answers, of another origin than the page: the mock itself by another name."""
    return f"http://localhost:{urlsplit(mock_base).port}/wechat-mock/_demo/health"


def opened(browser: Browser, address: str, **how) -> tuple[Page, list[str]]:
    page = browser.new_context(viewport=PHONE, **how).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(address)
    return page, said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [authorize_path(scope="snsapi_userinfo"), authorize_path(appid="wx0")])
def test_axe_finds_nothing(browser, mock_base, scheme, path):
    # The page's own policy allows no script at all, so axe is let in past it.
    page, _ = opened(browser, mock_base + path, color_scheme=scheme, bypass_csp=True)
    page.add_script_tag(path=ROOT / "node_modules" / "axe-core" / "axe.min.js")

    assert page.evaluate("axe.run().then(found => found.violations.map(one => [one.id, one.impact]))") == []
    page.context.close()


@pytest.mark.parametrize("viewport", [PHONE, SMALL_PHONE], ids=["phone", "small phone"])
def test_everything_can_be_hit_with_a_thumb_and_nothing_lies_beside_the_page(browser, mock_base, viewport):
    page, said = opened(browser, mock_base + authorize_path())
    page.set_viewport_size(viewport)

    boxes = [button.bounding_box() for button in page.get_by_role("button").all()]
    assert len(boxes) >= 10
    assert min(min(box["height"], box["width"]) for box in boxes) >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert said == []
    page.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_one_tap_consents_and_goes_back_to_another_site(browser, mock_base, callback, script):
    link = mock_base + authorize_path(redirect_uri=callback, state="mine") + "#wechat_redirect"
    page, said = opened(browser, link, java_script_enabled=script)
    page.get_by_role("button", name="林秀兰").click()

    expect(page).to_have_url(re.compile(re.escape(callback) + r"\?code=\w{32}&state=mine$"))
    # The address gone back to is bare text without an icon, which the browser looks for in vain.
    assert [words for words in said if "404" not in words] == []
    page.context.close()


def test_one_tap_refuses(browser, mock_base, callback):
    page, _ = opened(browser, mock_base + authorize_path(redirect_uri=callback, state="mine"))
    page.get_by_role("button", name="拒绝").click()

    expect(page).to_have_url(f"{callback}?state=mine")
    page.context.close()
