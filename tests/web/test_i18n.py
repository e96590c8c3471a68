"""The language switch, the days and times, and the page frames around them."""

import importlib.util
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.web.i18n import clock, day, moment, short_day
from tests.web.gallery_app import PAGES, gallery_app

HOUSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def gallery():
    """The gallery with its catalogues compiled, as set-up leaves them."""
    spec = importlib.util.spec_from_file_location("translations", HOUSE / ".ci" / "translations.py")
    translations = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(translations)
    translations.compile_all()
    return gallery_app()


@pytest.fixture
def visitor(gallery) -> FlaskClient:
    return gallery.test_client()


def test_a_new_visitor_reads_chinese_whatever_the_browser_prefers(visitor):
    page = visitor.get("/gallery/patient", headers={"Accept-Language": "en"}).text

    assert '<html lang="zh-Hans">' in page
    assert "到前台一样可以办理" in page


def test_the_switch_changes_the_language_and_comes_back_to_the_same_page(visitor):
    answer = visitor.get("/language/en?next=/gallery/patient%3Fday%3D2")

    assert (answer.status_code, answer.location) == (303, "/gallery/patient?day=2")
    page = visitor.get(answer.location).text
    assert '<html lang="en">' in page
    assert "The front desk can do all of this for you" in page
    assert "/language/zh?next=/gallery/patient%3Fday%3D2" in page


def test_the_switch_goes_back_to_chinese(visitor):
    visitor.get("/language/en")
    visitor.get("/language/zh")

    assert '<html lang="zh-Hans">' in visitor.get("/gallery/patient").text


def test_an_unknown_language_is_no_page(visitor):
    assert visitor.get("/language/fr").status_code == 404


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "/\t/elsewhere.example", "x", ""],
)
def test_the_switch_never_leads_to_another_site(visitor, address):
    assert visitor.get("/language/en", query_string={"next": address}).location == "/"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_hold_no_inline_script_and_no_style(visitor, page, language):
    visitor.get(f"/language/{language}")

    text = visitor.get(f"/gallery/{page}").text

    assert " style=" not in text
    assert "<style" not in text
    assert "<script>" not in text
    assert " on" + "click=" not in text


def test_every_posting_form_of_the_macros_carries_guard_and_key(visitor):
    text = visitor.get("/gallery/patient").text

    forms = text.count('method="post"')
    assert forms > 2
    assert text.count('name="csrf_token"') == text.count('name="idempotency_key"') == forms


def test_the_tab_one_is_on_is_marked(visitor):
    text = visitor.get("/gallery/patient").text

    assert text.count('aria-current="page"') == 2  # the tab, and the view chosen among the tabs of the gallery
    assert 'href="/" aria-current="page"' in text


def test_an_error_says_what_to_do_and_when(visitor):
    text = visitor.get("/gallery/error").text

    assert "操作太频繁了" in text
    assert "30 秒后可以再试" in text
    assert "7F3K-22" in text


def test_days_and_times_are_the_hospitals(gallery):
    late = datetime(2026, 1, 4, 16, 30, tzinfo=UTC)  # past midnight in Shanghai
    with gallery.test_request_context("/"):
        assert day(late) == "2026年1月5日 周一"
        assert short_day(date(2026, 1, 5)) == "1月5日 周一"
        assert clock(late) == "00:30"
        assert clock(time(8, 5)) == "08:05"
        assert moment(late) == "2026年1月5日 周一 00:30"


def test_days_are_written_in_english_after_the_switch(gallery):
    from flask import session

    with gallery.test_request_context("/"):
        session["lang"] = "en"
        assert day(date(2026, 1, 5)) == "Mon, 5 Jan 2026"
        assert short_day(date(2026, 1, 5)) == "Mon, 5 Jan"
