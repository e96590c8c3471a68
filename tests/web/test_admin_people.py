"""The admin's pages about staff: somebody new, roles by clinic, out and in again, and nothing about oneself."""

from __future__ import annotations

import re

import pytest

from app.domain.actor import SYSTEM
from app.services import planning, staff
from tests.browsing import Browser

PASSWORD, OWN = "seven kettles on a roof", "nine umbrellas in june"


@pytest.fixture
def admin(app, ward) -> Browser:
    with ward.house.writing_session() as session:
        staff.create(
            session, SYSTEM, ward.now, login="boss", password_hash=ward.house.passwords.hash(PASSWORD), name_zh="唐宁",
            name_en="Tang", role="admin", clinic_id=ward.clinic,
        )  # fmt: skip
    return sign_in(Browser(app), "boss", PASSWORD)


def sign_in(browser: Browser, login: str, password: str) -> Browser:
    browser.get("/staff/sign-in?anew=1")
    browser.post("/staff/sign-in", login=login, password=password)
    return browser


def make(admin: Browser, **more: str) -> tuple[str, str]:
    """Add somebody; return (address of their page, first password)."""
    admin.get("/staff/admin/people")
    typed = {"login": "wu", "name_zh": "吴芳", "name_en": "Wu Fang", "title_zh": "护师", "role": "desk", **more}
    answer = admin.post("/staff/admin/people", **typed)
    assert answer.status_code == 200, answer.text[:500]
    shown = re.search(r'ih-secret">([^<]+)<', answer.text)
    page = re.search(r'href="(/staff/admin/people/[\w-]+)"><strong>吴芳', answer.text)
    assert shown and page
    return page[1], shown[1]


def test_a_first_password_is_shown_once_and_must_be_changed(app, admin) -> None:
    page, first = make(admin)
    assert first not in admin.get("/staff/admin/people").text and first not in admin.get(page).text
    assert "初始密码还没有改" in admin.get(page).text and "护师" in admin.get(page).text
    wu = sign_in(Browser(app), "wu", first)
    assert wu.get("/staff/desk/").status_code == 303
    wu.get("/staff/sign-in/next")
    assert wu.post("/staff/sign-in/next", step="password", password=OWN, again=OWN).status_code == 303
    assert wu.get("/staff/desk/").status_code == 200
    assert "由本人设定" in admin.get(page).text


def test_what_was_typed_stays_when_something_is_missing_or_taken(admin) -> None:
    make(admin)
    for typed, status in (({"login": "wu", "name_zh": "别人", "name_en": "Other", "role": "lab"}, 409),
                          ({"login": "", "name_zh": "别人", "name_en": "Other", "role": "lab"}, 400),
                          ({"login": "x", "name_zh": "别人", "name_en": "Other", "role": "king"}, 400)):  # fmt: skip
        answer = admin.post("/staff/admin/people", **typed)
        assert answer.status_code == status and 'value="别人"' in answer.text


def test_a_role_given_and_taken_back_ends_open_pages_and_shows_at_the_next_sign_in(app, admin, ward) -> None:
    page, first = make(admin)
    wu = sign_in(Browser(app), "wu", first)
    wu.get("/staff/sign-in/next")
    wu.post("/staff/sign-in/next", step="password", password=OWN, again=OWN)
    admin.get(page)
    assert admin.post(f"{page}/grants", role="lab", clinic=ward.clinic).status_code == 303
    assert wu.get("/staff/desk/now").status_code == 303
    assert admin.post(f"{page}/grants", role="lab", clinic=ward.clinic).status_code == 409
    sign_in(wu, "wu", OWN)
    assert wu.get("/staff/desk/").status_code == wu.get("/staff/lab/").status_code == 200
    grants = re.findall(rf'action="({page}/grants/[\w-]+/end)"', admin.get(page).text)
    assert len(grants) == 2
    for grant in grants:
        assert admin.post(grant).status_code == 303
    assert wu.get("/staff/desk/").status_code == 303
    assert "没有角色" in admin.get(page).text
    assert admin.post(grants[0]).status_code == 404


def test_a_disabled_member_is_out_at_once_and_can_come_back_with_the_same_password(app, admin) -> None:
    page, first = make(admin)
    admin.get(page)
    assert admin.post(f"{page}/disable").status_code == 303
    assert "已停用" in admin.get(page).text
    assert sign_in(Browser(app), "wu", first).get("/staff/sign-in/next").status_code == 303
    assert admin.post(f"{page}/enable").status_code == 303
    assert "换成自己的密码" in sign_in(Browser(app), "wu", first).get("/staff/sign-in/next").text


def test_a_password_that_was_forgotten_is_made_anew_and_ends_the_old_one(app, admin) -> None:
    page, first = make(admin)
    admin.get(page)
    answer = admin.post(f"{page}/password")
    again = re.search(r'ih-secret">([^<]+)<', answer.text)
    assert again and again[1] != first
    assert sign_in(Browser(app), "wu", first).get("/staff/sign-in/next").status_code == 303
    assert sign_in(Browser(app), "wu", again[1]).get("/staff/sign-in/next").status_code == 200


def test_an_admin_of_one_clinic_gives_no_role_in_another(admin, ward) -> None:
    elsewhere = ward.do(planning.create_clinic, SYSTEM, "东院", "East")
    page, _first = make(admin)
    assert elsewhere not in admin.get(page).text
    assert admin.post(f"{page}/grants", role="desk", clinic=elsewhere).status_code == 403


def test_about_oneself_there_is_nothing_to_press(admin) -> None:
    found = re.search(r'href="(/staff/admin/people/[\w-]+)"><strong>唐宁', admin.get("/staff/admin/people").text)
    assert found
    page = admin.get(found[1]).text
    assert "这是您自己" in page and f'action="{found[1]}' not in page
    assert admin.post(f"{found[1]}/disable").status_code == 403
