"""Letting applications in: what the page shows and gives, codes and tokens that are stolen or old, and taking it back."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from fhirclient import client as fhirclient
from fhirclient.models.medicationrequest import MedicationRequest
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRUnauthorizedException
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from sqlalchemy import select

from app.domain.actor import SYSTEM
from app.domain.fhir.write import fhir_id
from app.models import AppCode, AppGrant, AppToken
from app.services import clients
from tests.smart import BASE, KINDS, REDIRECT, VERIFIER, App
from tests.web.test_fhir import li as li
from tests.web.test_fhir import visit as visit


@pytest.fixture
def diary(app, ward) -> App:
    return App(app, ward).register()


@pytest.fixture
def phone(doors, li):
    return doors.phone(li)


def said(response) -> dict[str, str]:
    """Return what the browser carries back to the application."""
    assert response.status_code == 303, response.text[:300]
    assert response.headers["Location"].startswith(REDIRECT)
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["Location"]).query).items()}


def test_the_page_says_who_asks_and_ticks_nothing(diary, phone, li):
    page = phone.get(diary.asks(scope="patient/Observation.rs patient/Patient.rs"))
    assert "“步数日记”想读取病历" in page.text and "app.example" in page.text
    assert page.text.count('name="kinds"') == 2 and "检查检验结果" in page.text and "处方" not in page.text
    boxes = [part for part in page.text.split("<input") if 'name="kinds"' in part]
    assert not any("checked" in box.split(">")[0] for box in boxes)
    assert "form-action 'self' https://app.example;" in page.headers["Content-Security-Policy"]
    english = phone.follow(phone.get(f"/language/en?next={diary.asks().replace('?', '%3F').replace('&', '%26')}"))
    assert "Step diary" in english.text and "允许" not in english.text


def test_whoever_is_not_signed_in_signs_in_first(diary, app):
    response = app.test_client().get(diary.asks())
    assert response.status_code == 303 and response.headers["Location"].startswith("/sign-in?next=/oauth/authorize")


def test_saying_no_gives_nothing(diary, phone, ward, li):
    page = phone.get(diary.asks())
    assert page.status_code == 200
    asked = dict(parse_qs(urlsplit(diary.asks()).query))
    answer = phone.post("/oauth/authorize", **{k: v[0] for k, v in asked.items()}, decision="deny")
    assert said(answer) == {"a": "1", "error": "access_denied", "state": "s-1"}
    assert "app.authorized" not in ward.types(li.ref)


@pytest.mark.parametrize(
    "asked",
    [
        {"client_id": "A" * 22}, {"redirect_uri": "https://evil.example/back"}, {"redirect_uri": REDIRECT + "2"},
        {"redirect_uri": REDIRECT.replace("https", "HTTPS")}, {"redirect_uri": ""}, {"client_id": ""},
    ],
)  # fmt: skip
def test_who_is_not_known_here_leads_the_browser_nowhere(diary, phone, asked):
    response = phone.get(diary.asks(**asked))
    assert response.status_code == 400 and "Location" not in response.headers and "没有在医院登记" in response.text


def test_a_parameter_that_stands_twice_leads_nowhere_either(diary, phone):
    assert phone.get(diary.asks() + "&redirect_uri=https://evil.example/").status_code == 400


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"), ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"), ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge": "x"}, "invalid_request"), ({"aud": "https://elsewhere.example/fhir"}, "invalid_request"),
        ({"aud": ""}, "invalid_request"), ({"state": ""}, "invalid_request"), ({"scope": "openid"}, "invalid_scope"),
        ({"scope": "patient/Observation.write"}, "invalid_scope"), ({"scope": ""}, "invalid_scope"),
    ],
)  # fmt: skip
def test_other_mistakes_go_back_to_the_application(diary, phone, asked, error):
    assert said(phone.get(diary.asks(**asked)))["error"] == error


def test_nothing_ticked_or_somebody_elses_person_is_asked_again(diary, phone, ward, li):
    phone.get(diary.asks())
    asked = {name: values[0] for name, values in parse_qs(urlsplit(diary.asks()).query).items()}
    other = ward.person("王小红")
    for chosen in (
        {"person": li.ref, "kinds": []},
        {"person": other.ref, "kinds": list(KINDS)},
        {"person": li.ref, "kinds": ["x"]},
    ):
        response = phone.post("/oauth/authorize", **asked, **chosen, lasting="day", decision="allow")
        assert response.status_code == 400 and "ih-errors" in response.text
    assert "app.authorized" not in ward.types(other.ref) + ward.types(li.ref)


def test_what_was_let_is_on_the_receipt_and_on_the_page(diary, phone, ward, li):
    diary.redeem(diary.let_in(phone, li.ref, kinds=("results", "allergies")))
    assert "最后读取" not in phone.get("/me/apps").text
    diary.get("Observation")
    [own] = [own for kind, own in ward.events(li.ref) if kind == "app.authorized"]
    assert (own["detail"]["app"], own["detail"]["kinds"]) == ("步数日记", "results allergies")
    page = phone.get("/me/apps").text
    assert "步数日记" in page and "检查检验结果、过敏" in page and "可以读取" in page and "最后读取" in page
    assert diary.patient == fhir_id(li.ref)


def test_taking_it_back_counts_at_the_next_request(diary, phone, ward, li, visit):
    diary.redeem(diary.let_in(phone, li.ref))
    assert diary.get("Observation").status_code == 200
    with ward.house.reading_session() as session:
        grant = session.scalars(select(AppGrant.id)).one()
    phone.get("/me/apps")
    answer = phone.post(f"/me/apps/{grant}/withdraw")
    assert "已收回" in phone.follow(answer).text
    assert diary.get("Observation").status_code == 401
    assert diary.trade(grant_type="refresh_token", refresh_token=diary.refresh).json == {"error": "invalid_grant"}
    assert ward.events(li.ref)[-1][1]["detail"] == {"app": "步数日记", "cause": "person"}
    assert ward.types(li.ref).count("app.withdrawn") == 1
    phone.post(f"/me/apps/{grant}/withdraw")
    assert ward.types(li.ref).count("app.withdrawn") == 1


def test_only_hashes_are_kept(diary, phone, ward, li):
    code = diary.let_in(phone, li.ref)
    diary.redeem(code)
    with ward.house.reading_session() as session:
        kept = [*session.scalars(select(AppCode.code_hash)), *session.scalars(select(AppToken.token_hash))]
        assert len(kept) == 3 and all(len(one) == 32 for one in kept)
    for name in ("mingzhen.db", "mingzhen.db-wal"):
        path = ward.house.settings.sms_database.parent / name
        held = path.read_bytes() if path.exists() else b""
        assert not any(secret.encode() in held for secret in (code, diary.token, diary.refresh))


@pytest.mark.parametrize(
    "other",
    [
        {"code_verifier": "w" * 43}, {"redirect_uri": "https://app.example/back"}, {"client_id": "A" * 22}, {"code": "x" * 43},
    ],
)  # fmt: skip
def test_a_code_is_of_its_client_redirect_and_verifier(diary, phone, li, other):
    code = diary.let_in(phone, li.ref)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        **other,
    }
    refused = diary.trade(**form)
    assert (refused.status_code, refused.json) == (400, {"error": "invalid_grant"})
    if "code_verifier" in other:  # who has the code without its verifier stole it: it is used up
        assert diary.trade(**{**form, "code_verifier": VERIFIER}).json == {"error": "invalid_grant"}


def test_a_code_is_short_lived(diary, phone, ward, li):
    code = diary.let_in(phone, li.ref)
    ward.clock.now += timedelta(seconds=60)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    assert diary.trade(**form).json == {"error": "invalid_grant"}


def test_a_code_that_comes_twice_ends_what_it_gave(diary, phone, ward, li, visit):
    code = diary.let_in(phone, li.ref)
    diary.redeem(code)
    again = diary.trade(grant_type="authorization_code", code=code, redirect_uri=REDIRECT, code_verifier=VERIFIER)
    assert again.json == {"error": "invalid_grant"} and diary.get("Observation").status_code == 401
    assert ward.events(li.ref)[-1][1]["detail"]["cause"] == "code_replayed"


def test_a_renewing_token_works_once_and_ends_the_grant_when_it_comes_twice(diary, phone, ward, li, visit):
    diary.redeem(diary.let_in(phone, li.ref))
    first, old = diary.token, diary.refresh
    ward.clock.now += timedelta(minutes=61)
    assert diary.get("Observation").status_code == 401
    diary.hold(diary.trade(grant_type="refresh_token", refresh_token=old))
    assert diary.get("Observation").status_code == 200 and diary.token != first and diary.refresh != old
    assert diary.trade(grant_type="refresh_token", refresh_token=old).json == {"error": "invalid_grant"}
    assert diary.get("Observation").status_code == 401
    assert ward.events(li.ref)[-1][1]["detail"]["cause"] == "refresh_replayed"


def test_a_grant_ends_on_its_day(diary, phone, ward, li, visit):
    diary.redeem(diary.let_in(phone, li.ref, lasting="day"))
    ward.clock.now += timedelta(hours=23, minutes=30)
    diary.hold(diary.trade(grant_type="refresh_token", refresh_token=diary.refresh))
    assert diary.answer["expires_in"] == 1800 and diary.get("Observation").status_code == 200
    ward.clock.now += timedelta(minutes=30)
    assert diary.get("Observation").status_code == 401
    assert diary.trade(grant_type="refresh_token", refresh_token=diary.refresh).json == {"error": "invalid_grant"}


def test_once_is_an_hour_without_renewing(diary, phone, li):
    diary.redeem(diary.let_in(phone, li.ref, lasting="once", scope="patient/*.rs"))
    assert diary.refresh == "" and "offline_access" not in diary.scope and diary.answer["expires_in"] == 3600


def test_an_application_gives_its_token_back(diary, phone, ward, li, visit, app):
    diary.redeem(diary.let_in(phone, li.ref))
    client = app.test_client()
    for body in ({"token": "nonsense", "client_id": diary.id}, {"token": diary.token, "client_id": "A" * 22}):
        assert client.post("/fhir/oauth/revoke", data=body).status_code == 200
    assert diary.get("Observation").status_code == 200
    assert client.post("/fhir/oauth/revoke", data={"token": diary.refresh, "client_id": diary.id}).status_code == 200
    assert diary.get("Observation").status_code == 401


def test_an_application_out_of_use_reads_nothing(diary, phone, ward, li, visit):
    diary.redeem(diary.let_in(phone, li.ref))
    ward.do(clients.disable, SYSTEM, diary.id)
    assert diary.get("Observation").status_code == 401
    assert diary.trade(grant_type="refresh_token", refresh_token=diary.refresh).json == {"error": "invalid_grant"}
    assert phone.get(diary.asks()).status_code == 400


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"), ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_request"), ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 600}, "invalid_request"),
        ({"grant_type": ["refresh_token", "refresh_token"], "refresh_token": "x"}, "invalid_request"),
    ],
)  # fmt: skip
def test_a_token_request_that_is_none_is_told_so(diary, form, error):
    refused = diary.trade(**form)
    assert (refused.status_code, refused.json) == (400, {"error": error})


def test_other_sites_may_read_answers_but_have_no_cookie_to_send(diary, app):
    response = app.test_client().get("/fhir/R4/metadata", headers={"Origin": "https://app.example"})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    asked = app.test_client().options("/fhir/R4/Observation", headers={"Origin": "https://app.example"})
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]


def test_the_two_descriptions_agree_and_name_what_is_not_offered(app):
    smart = app.test_client().get("/fhir/R4/.well-known/smart-configuration").json
    assert smart["code_challenge_methods_supported"] == ["S256"] and smart["token_endpoint_auth_methods_supported"] == [
        "none"
    ]
    stated = app.test_client().get("/fhir/R4/metadata").json
    uris = {one["url"]: one["valueUri"] for one in stated["rest"][0]["security"]["extension"][0]["extension"]}
    assert (uris["authorize"], uris["token"]) == (smart["authorization_endpoint"], smart["token_endpoint"])
    named = {one["name"] for kind in stated["rest"][0]["resource"] for one in kind["searchParam"]}
    assert not named & {"identifier", "name", "birthdate", "phone", "family", "given"}
    assert "`name`" in stated["rest"][0]["documentation"]


# A client that nobody here wrote


class Inside(BaseAdapter):
    """Carries a client's requests to the application in this process: what goes over the wire is the same."""

    def __init__(self, app) -> None:
        super().__init__()
        self.app = app

    def send(self, request: PreparedRequest, **_how) -> Response:
        parts = urlsplit(str(request.url))
        answer = self.app.test_client().open(
            parts.path,
            method=request.method,
            query_string=parts.query,
            headers=dict(request.headers),
            data=request.body,
        )
        response = Response()
        response.status_code, response.url, response.request = answer.status_code, str(request.url), request
        response.headers.update(dict(answer.headers))
        response._content = answer.data
        return response

    def close(self) -> None:
        pass


def test_fhirclient_signs_in_reads_searches_and_is_sent_away_when_the_grant_ends(diary, app, phone, ward, li, visit):
    """fhirclient is SMART Health IT's own client for Python."""
    told: list[dict] = []
    smart = fhirclient.FHIRClient(
        settings={
            "app_id": diary.id,
            "api_base": BASE,
            "redirect_uri": REDIRECT,
            "scope": "launch/patient patient/*.read",
        },
        save_func=told.append,
    )
    smart.server.session.mount("http://", Inside(app))
    assert smart.prepare() is True or smart.authorize_url
    address = urlsplit(smart.authorize_url)
    page = phone.get(f"{address.path}?{address.query}")
    assert page.status_code == 200, page.text[:400]
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    allowed = phone.post(
        "/oauth/authorize", **asked, person=li.ref, kinds=list(KINDS), lasting="once", decision="allow"
    )
    smart.handle_callback(allowed.headers["Location"])

    assert smart.ready and smart.patient_id == fhir_id(li.ref)
    assert smart.patient.name[0].text == "李明"
    assert Patient.read(smart.patient_id, smart.server).gender == "male"
    values = Observation.where({"patient": smart.patient_id, "code": "15074-8"}).perform_resources_iter(smart.server)
    assert [(one.valueQuantity.value, one.valueQuantity.unit) for one in values] == [(6.1, "mmol/L")]
    requests = MedicationRequest.where({"_count": "1"}).perform_resources_iter(smart.server)
    assert sorted(one.medicationCodeableConcept.text for one in requests) == ["氨氯地平片", "阿司匹林"]

    with ward.house.reading_session() as session:
        grant = session.scalars(select(AppGrant.id)).one()
    phone.get("/me/apps")
    phone.post(f"/me/apps/{grant}/withdraw")
    with pytest.raises(FHIRUnauthorizedException):
        next(iter(Observation.where({}).perform_resources_iter(smart.server)))
