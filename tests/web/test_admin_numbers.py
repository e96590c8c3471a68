"""The numbers of a clinic's rules: shown with what they do, tried before saving, saved with what they were."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.domain.rule_bounds import BOUNDS, KINDS
from app.models import Clinic, Room
from app.services import clinics, staff
from tests.browsing import Browser
from tests.rows import ROWS

NUMBERS = {**ROWS["admin.change_numbers"].form, "strikes-count": "3"}
NUMBERS.pop("do")
GROUP = "|".join(KINDS)


@pytest.fixture
def office(app, ward, hospital) -> Browser:
    with hospital.writing_session() as session:
        ref = staff.create(
            session, ward.desk, ward.now, login="office", password_hash="none", name_zh="老郑", name_en="Zheng",
            role="admin", clinic_id=ward.clinic,
        )  # fmt: skip
    browser = Browser(app)
    browser.set_cookie("mz_staff", ward.token("staff", ref), path="/staff")
    browser.get("/staff/admin/people")
    return browser


def page_of(ward) -> str:
    return f"/staff/admin/rules/{ward.clinic}/numbers"


def rules_now(ward):
    with ward.house.reading_session() as session:
        return clinics.rules_of(session.get_one(Clinic, ward.clinic))


def said(ward) -> list[dict]:
    return [own["detail"] for kind, own in ward.events(None) if kind == "rules.changed"]


def test_every_number_has_a_field_with_its_bounds_and_what_is_usual(office, ward):
    assert page_of(ward) in office.get("/staff/admin/rules").text
    page = office.get(page_of(ward)).text
    names = set(re.findall(rf'name="((?:{GROUP})-[a-z_]+)"', page))
    assert names == set(NUMBERS) - {"screen_names"}
    for group, bounds in BOUNDS.items():
        for name, bound in bounds.items():
            hint = re.search(rf'id="{group}-{name}-hint">([^<]*)<', page).group(1)
            assert f"{bound.least} 到 {bound.most}" in hint and "一般是" in hint


def test_a_look_at_what_it_would_mean_changes_nothing_and_keeps_what_was_typed(office, ward):
    page = office.post(page_of(ward), **NUMBERS | {"break_glass-minutes": "60", "do": "preview"})
    assert page.status_code == 200 and "还没有保存" in page.text and "10:00 自动关上" in page.text
    assert 'name="break_glass-minutes" type="text" value="60"' in page.text
    assert rules_now(ward).break_glass.minutes == 180 and said(ward) == []


def test_each_rule_that_changed_is_an_event_with_before_and_after_and_the_next_act_goes_by_it(office, ward):
    with ward.house.reading_session() as session:
        room = session.scalars(select(Room.id).where(Room.clinic_id == ward.clinic).order_by(Room.name_zh)).first()
    typed = NUMBERS | {
        "strikes-count": "5", "strikes-ban_days": "14", "waits-long_minutes": "20", "screen_names": "masked",
        f"area_zh-{room}": "2 号候诊区", f"area_en-{room}": "waiting area 2",
    }  # fmt: skip
    answer = office.post(page_of(ward), **typed, do="save")
    assert answer.status_code == 303
    assert "改了 4 条规则" in office.follow(answer).text
    assert said(ward) == [
        {"rule": "strikes", "of": "明诊门诊部", "before": "ban_days=30 count=3", "after": "ban_days=14 count=5"},
        {"rule": "waits", "of": "明诊门诊部", "before": "long_minutes=30", "after": "long_minutes=20"},
        {"rule": "screen_names", "of": "明诊门诊部", "before": "none", "after": "masked"},
        {"rule": "room_area", "of": "1诊室", "before": "-", "after": "2 号候诊区"},
    ]
    now = rules_now(ward)
    assert (now.strikes.count, now.strikes.ban_days, now.waits.long_minutes) == (5, 14, 20)
    office.post(page_of(ward), **typed, do="save")
    assert len(said(ward)) == 4  # the same again is no change


def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(office, ward):
    typed = NUMBERS | {
        "booking-hold_minutes": "3", "booking-release_least_minutes": "20", "waits-very_long_minutes": "30",
        "strikes-count": "4",
    }  # fmt: skip
    page = office.post(page_of(ward), **typed, do="save")
    assert page.status_code == 400
    assert re.search(r'id="booking-hold_minutes-error">.*?填 10 到 60 的整数', page.text)
    assert re.search(r'id="waits-very_long_minutes-error">.*?不能小于', page.text)
    for name in ("booking-hold_minutes", "strikes-count"):
        assert f'name="{name}" type="text" value="{typed[name]}"' in page.text
    assert said(ward) == []


def test_an_area_needs_its_chinese_first_and_is_short(office, ward):
    with ward.house.reading_session() as session:
        room = session.scalars(select(Room.id).where(Room.clinic_id == ward.clinic)).first()
    for zh, en in (("", "waiting area"), ("长" * 21, "")):
        page = office.post(page_of(ward), **NUMBERS | {f"area_zh-{room}": zh, f"area_en-{room}": en, "do": "save"})
        assert page.status_code == 400 and f'id="area_zh-{room}-error"' in page.text
    assert said(ward) == []


def test_the_page_reads_in_english(office, ward):
    office.get("/language/en")
    page = office.get(page_of(ward)).text
    body = page[page.index("<main") :] if "<main" in page else page
    assert "Minutes" in body or "minutes" in body
    assert not re.search(
        "[\u4e00-\u9fff]", re.sub(r'value="[^"]*"|1诊室|2诊室|3诊室|明诊门诊部|中文|Mingzhen 明诊|明诊', "", body)
    )


def test_a_clinic_elsewhere_is_not_there(office, ward):
    assert office.get(f"/staff/admin/rules/{'x' * 22}/numbers").status_code == 404
