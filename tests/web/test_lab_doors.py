"""The doors of laboratory and pharmacy, and what the doctor asks of them: forms that come back, and what stands where."""

from __future__ import annotations

import re

import pytest
from werkzeug.datastructures import MultiDict

from app.services import lab, orders, pharmacy, records
from tests.browsing import Browser
from tests.fixtures_visit import Doors, Person, Ward
from tests.services.colleagues import hire
from tests.services.test_lab import BLOOD
from tests.services.test_pharmacy import allergic, prescribe
from tests.services.test_records import begin


@pytest.fixture
def li(ward: Ward) -> Person:
    return ward.person("李明")


@pytest.fixture
def visit_id(ward: Ward, li: Person) -> str:
    return begin(ward, li)[0]


def door(doors: Doors, who) -> Browser:
    browser = Browser(doors.app)
    browser.set_cookie("mz_staff", doors.ward.token("staff", who.ref), "/staff")
    return browser


def test_the_doctor_orders_by_ticking_and_an_empty_form_comes_back(doors, ward, li, visit_id):
    pc = door(doors, ward.chen)
    url = f"/staff/doctor/visits/{visit_id}"
    pc.get(url)
    page = pc.post(f"{url}/orders")
    assert page.status_code == 400 and "选一项或几项检验" in page.text
    fields = MultiDict([("panel", "58410-2"), ("panel", "15074-8"), ("csrf_token", pc.token)])
    shown = pc.follow(pc.client.post(f"{url}/orders", data=fields)).text
    assert "S0001" in shown and "血常规" in shown and "空腹血糖" in shown


def test_the_laboratory_sees_the_list_masked_and_the_name_in_the_order(doors, ward, li, visit_id):
    order_id = ward.do(orders.place, ward.chen, visit_id, ["58410-2"])
    pc = door(doors, hire(ward, "lab"))
    listed = pc.get("/staff/lab/").text
    assert "S0001" in listed and "李*" in listed and "李明" not in listed and "血常规" not in listed
    page = pc.get(f"/staff/lab/orders/{order_id}")
    assert "李明" in page.text and "血常规" in page.text and page.headers["Cache-Control"] == "no-store"
    assert pc.client.head(f"/staff/lab/orders/{order_id}").status_code == 405


def test_a_value_that_is_none_comes_back_with_what_was_typed(doors, ward, li, visit_id):
    scientist = hire(ward, "lab")
    order_id = ward.do(orders.place, ward.chen, visit_id, ["58410-2"])
    ward.do(lab.collect, scientist, order_id)
    pc = door(doors, scientist)
    url = f"/staff/lab/orders/{order_id}"
    pc.get(url)
    page = pc.post(f"{url}/results", **{**BLOOD, "718-7": "12o"})
    assert page.status_code == 400 and 'value="12o"' in page.text and 'value="5.1"' in page.text
    assert "血红蛋白：结果填一个数" in page.text and "report.signed" not in ward.types(li.ref)
    answer = pc.post(f"{url}/results", preliminary="", **{"718-7": "120"})
    assert "初步结果" in pc.follow(answer).text


def test_an_amendment_without_a_reason_or_a_change_comes_back(doors, ward, li, visit_id):
    scientist = hire(ward, "lab")
    order_id = ward.do(orders.place, ward.chen, visit_id, ["58410-2"])
    ward.do(lab.collect, scientist, order_id)
    ward.do(lab.sign, scientist, order_id, BLOOD, is_final=True)
    pc = door(doors, scientist)
    url = f"/staff/lab/orders/{order_id}"
    pc.get(url)
    page = pc.post(f"{url}/amend", **{**BLOOD, "718-7": "158"})
    assert page.status_code == 400 and "选一个理由" in page.text and 'value="158"' in page.text
    page = pc.post(f"{url}/amend", **BLOOD, reason="typing")
    assert page.status_code == 400 and "没有改动任何结果" in page.text
    shown = pc.follow(pc.post(f"{url}/amend", **{**BLOOD, "718-7": "158"}, reason="typing")).text
    assert "<del>58</del>" in shown


def test_pressing_sign_twice_with_one_key_signs_once(doors, ward, li, visit_id):
    scientist = hire(ward, "lab")
    order_id = ward.do(orders.place, ward.chen, visit_id, ["58410-2"])
    ward.do(lab.collect, scientist, order_id)
    pc = door(doors, scientist)
    url = f"/staff/lab/orders/{order_id}"
    pc.get(url)
    for _ in range(2):
        assert pc.post(f"{url}/results", key="one", **BLOOD).status_code == 303
    assert ward.types(li.ref).count("report.signed") == 1
    assert pc.post(f"{url}/results", key="two", **BLOOD).status_code == 409


def test_a_held_result_is_not_in_the_patients_page_nor_in_the_api(doors, ward, li, visit_id):
    scientist = hire(ward, "lab")
    order_id = ward.do(orders.place, ward.chen, visit_id, ["20507-0"])
    ward.do(lab.collect, scientist, order_id)
    ward.do(lab.sign, scientist, order_id, {"20507-0": "positive"}, is_final=True)
    phone = doors.phone(li)
    page = phone.get(f"/records/{visit_id}").text
    assert "医生先看" in page and "阳性" not in page
    calls = doors.app.test_client()
    bearer = {"Authorization": f"Bearer {ward.token('api', li.actor.ref)}"}
    answer = calls.get(f"/api/v1/records/{visit_id}", headers=bearer).get_json()["data"]
    assert answer["reports"] == [] and answer["orders"][0]["is_held"]
    pc = door(doors, ward.chen)
    assert "阳性" in pc.get(f"/staff/doctor/visits/{visit_id}").text
    pc.post(f"/staff/doctor/orders/{order_id}/release")
    assert "阳性" in phone.get(f"/records/{visit_id}").text


def test_the_pharmacist_sees_the_clash_and_the_patient_that_it_is_not_in_force(doors, ward, li, visit_id):
    allergic(ward, visit_id)
    record_id = prescribe(ward, visit_id)
    pharmacist = hire(ward, "pharmacist")
    pc = door(doors, pharmacist)
    assert "阿莫西林" not in pc.get("/staff/pharmacy/").text
    url = f"/staff/pharmacy/prescriptions/{record_id}"
    page = pc.get(url).text
    assert "ih-check_warn" in page and "青霉素类" in page and "李明" not in page
    page = pc.post(f"{url}/return", note="看过敏史")
    assert page.status_code == 400 and "选一个理由" in page.text and "看过敏史" in page.text
    pc.post(f"{url}/return", reason="allergy", note="看过敏史")
    mine = doors.phone(li).get(f"/records/{visit_id}").text
    assert "已退回" in mine and "现在不能用" in mine and "看过敏史" not in mine
    bearer = {"Authorization": f"Bearer {ward.token('api', li.actor.ref)}"}
    answer = doors.app.test_client().get(f"/api/v1/records/{visit_id}", headers=bearer).get_json()["data"]
    assert [(p["status"], p["is_in_force"]) for p in answer["prescriptions"]] == [("returned", False)]
    assert "看过敏史" not in str(answer)


def test_a_returned_prescription_is_on_the_doctors_list_and_its_form_keeps_what_was_typed(doors, ward, li, visit_id):
    record_id = prescribe(ward, visit_id)
    ward.do(pharmacy.send_back, hire(ward, "pharmacist"), record_id, "dose", "请核对剂量")
    pc = door(doors, ward.chen)
    listed = pc.get("/staff/doctor/back").text
    assert "处方被退回" in listed and "李*" in listed and "阿莫西林" not in listed
    url = f"/staff/doctor/visits/{visit_id}"
    assert "请核对剂量" in pc.get(url).text
    same = {"name": "阿莫西林胶囊", "dose": "0.5 g", "frequency": "每天三次", "days": "7"}
    page = pc.post(f"{url}/prescriptions/{record_id}", **same)
    assert page.status_code == 400 and "写上为什么照原样签" in page.text
    page = pc.post(f"{url}/prescriptions/{record_id}", **{**same, "dose": "", "name": "头孢克肟"})
    assert page.status_code == 400 and 'value="头孢克肟"' in page.text
    assert pc.post(f"{url}/prescriptions/{record_id}", **same, why="已查体重").status_code == 303
    assert ward.do(records.open_own_visit, ward.chen, visit_id).chart.prescriptions[0].status == "signed"


def test_an_allergy_of_another_kind_asks_what_it_is_to(doors, ward, li, visit_id):
    pc = door(doors, ward.chen)
    url = f"/staff/doctor/visits/{visit_id}"
    pc.get(url)
    assert "选一种" in pc.post(f"{url}/allergies").text
    assert "写上对什么过敏" in pc.post(f"{url}/allergies", substance="other").text
    assert "芒果" in pc.follow(pc.post(f"{url}/allergies", substance="other", allergy_note="芒果")).text
    assert ward.types(li.ref)[-1] == "allergy.recorded"


def test_after_ordering_one_press_sends_the_person_to_the_tests_with_their_number_kept(doors, ward, li, visit_id):
    ward.do(orders.place, ward.chen, visit_id, ["58410-2"])
    pc = door(doors, ward.chen)
    page = pc.get(f"/staff/doctor/visits/{visit_id}").text
    [address] = set(re.findall(r'action="(/staff/doctor/tickets/[^"]*/tests)"', page))
    assert pc.post(address).status_code == 303
    assert ward.types(li.ref)[-1] == "ticket.away"
    assert "待采样" in doors.phone(li).get(f"/records/{visit_id}").text
