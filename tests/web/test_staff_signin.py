"""Signing in of staff: nobody can lock a nurse out, nobody can guess, admins and auditors need their phone (A2, A3)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.config import Settings
from app.domain import lockout, totp
from app.domain.actor import SYSTEM, Actor
from app.models import Event, RecoveryCode, SignInTry, Staff, StaffTotp
from app.services import staff
from app.services.events import read_event
from app.services.totp import _secret
from tests.browsing import Browser

PASSWORD = "seven kettles on a roof"
OWN = "nine umbrellas in june"


@pytest.fixture
def hire(ward):
    """Make somebody who signs in with PASSWORD; returns their ref."""
    hashed = ward.house.passwords.hash(PASSWORD)

    def make(login: str, role: str, *, must_change: bool = False) -> str:
        with ward.house.writing_session() as session:
            return staff.create(
                session, SYSTEM, ward.now, login=login, password_hash=hashed, name_zh="护士", name_en="Nurse", role=role,
                clinic_id=ward.clinic, must_change_password=must_change,
            )  # fmt: skip

    return make


@pytest.fixture
def production(monkeypatch):
    """What a hospital asks for and a demo does not."""
    monkeypatch.setattr(Settings, "is_demo", property(lambda _self: False))


def knock(browser: Browser, login: str, password: str):
    browser.get("/staff/sign-in?anew=1")
    return browser.post("/staff/sign-in", login=login, password=password)


def types(reading, *wanted: str) -> list[str]:
    with reading() as session:
        found = session.scalars(select(Event.type).order_by(Event.serial)).all()
    return [t for t in found if not wanted or t in wanted]


def details(reading, kind: str) -> list[dict]:
    with reading() as session:
        rows = session.scalars(select(Event).where(Event.type == kind).order_by(Event.serial)).all()
        return [read_event(session, row)[1]["detail"] for row in rows]


# Lock-out


def test_a_stranger_who_knows_the_login_cannot_lock_the_nurse_out_of_her_tablet(app, hire, clock) -> None:
    hire("nurse", "desk")
    tablet = Browser(app)
    assert knock(tablet, "nurse", PASSWORD).status_code == 303
    for hour in range(3):
        for _ in range(40):
            stranger = Browser(app)  # another device each time
            assert knock(stranger, "nurse", f"guess {hour}").status_code in (400, 429)
            clock.now += timedelta(seconds=20)
        assert knock(Browser(app), "nurse", PASSWORD).status_code == 429  # the stranger has used up what strangers get
        assert knock(tablet, "nurse", PASSWORD).status_code == 303


def looked_at(reading, now) -> int:
    with reading() as session:
        return len(session.scalars(select(SignInTry.id).where(SignInTry.at > now - lockout.HOUR)).all())


@pytest.mark.parametrize("devices", [1, 1000])
def test_guesses_are_bounded_in_an_hour_from_one_device_and_from_a_thousand(
    app, hire, clock, reading, devices: int
) -> None:
    hire("nurse", "desk")
    own = Browser(app)
    for _ in range(60):
        knock(own if devices == 1 else Browser(app), "nurse", "a guess of twelve")
        clock.now += timedelta(seconds=61)  # slower than the limits on browsers and addresses
    assert 0 < looked_at(reading, clock.now) <= lockout.OTHER_DEVICES.most_per_hour


def test_a_stolen_tablet_is_bounded_too_and_says_so_in_the_log(app, hire, clock, reading) -> None:
    ref = hire("nurse", "desk")
    tablet = Browser(app)
    knock(tablet, "nurse", PASSWORD)
    wrong = [knock(tablet, "nurse", "a guess of twelve").status_code for _ in range(7)]
    assert wrong == [400] * lockout.KNOWN_DEVICE.free + [429] * 2
    failed = details(reading, "staff.sign_in_failed")
    assert failed == [{"member": ref, "way": "password"}] * lockout.KNOWN_DEVICE.free
    clock.now += lockout.KNOWN_DEVICE.first_wait
    assert knock(tablet, "nurse", PASSWORD).status_code == 303
    assert knock(tablet, "nurse", "mistyped by herself").status_code == 400  # and the count began anew


def test_what_strangers_try_is_no_event_and_a_name_that_nobody_has_looks_the_same(app, hire, reading, capfd) -> None:
    hire("nurse", "desk")
    before = len(types(reading))
    there, nobody = knock(Browser(app), "nurse", "wrong"), knock(Browser(app), "nobody", "wrong")
    assert there.status_code == nobody.status_code == 400
    bare = re.compile(r'(csrf_token|idempotency_key)" value="[^"]*"|value="(nurse|nobody)"')
    assert bare.sub("", there.text) == bare.sub("", nobody.text)
    assert len(types(reading)) == before
    logged = capfd.readouterr().err
    assert logged.count("staff.sign_in_refused") == 2 and "nurse" not in logged and "127.0.0.1" not in logged
    for _ in range(10):
        answer = knock(Browser(app), "nobody", "wrong")
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0


def test_a_hundred_guesses_at_once_are_a_hundred_counted_tries(app, hire, reading, clock) -> None:
    from concurrent.futures import ThreadPoolExecutor

    hire("nurse", "desk")

    def guess(_turn: int) -> int:
        return knock(Browser(app), "nurse", "a guess of twelve").status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert answers.count(400) == lockout.OTHER_DEVICES.free and set(answers) <= {400, 429, 503}
    assert looked_at(reading, clock.now) == lockout.OTHER_DEVICES.free


# Passwords


def test_a_first_password_opens_nothing_but_its_own_change(app, hire, reading) -> None:
    ref = hire("nurse", "desk", must_change=True)
    browser = Browser(app)
    assert knock(browser, "nurse", PASSWORD).headers["Location"] == "/staff/sign-in/next"
    assert browser.get("/staff/desk/").headers["Location"].startswith("/staff/sign-in")
    assert "换成自己的密码" in browser.get("/staff/sign-in/next").text
    for new, again, says in (
        ("short", "short", "至少 12"),
        ("nurse-nurse-1", "nurse-nurse-1", "不相干的词"),
        (OWN, "another", "不一样"),
        (PASSWORD, PASSWORD, "就是现在的密码"),
    ):
        answer = browser.post("/staff/sign-in/next", step="password", password=new, again=again)
        assert answer.status_code == 400 and says in answer.text
    assert types(reading, "staff.password_changed", "staff.signed_in") == []
    done = browser.post("/staff/sign-in/next", step="password", password=OWN, again=OWN)
    assert done.headers["Location"] == "/staff/desk/" and browser.get("/staff/desk/").status_code == 200
    assert types(reading, "staff.password_changed", "staff.signed_in") == ["staff.password_changed", "staff.signed_in"]
    assert knock(Browser(app), "nurse", PASSWORD).status_code == 400
    with reading() as session:
        assert session.get_one(Staff, ref).password_hash.startswith("$argon2id$")


def test_a_half_way_session_ends_after_ten_minutes(app, hire, clock) -> None:
    hire("nurse", "desk", must_change=True)
    browser = Browser(app)
    knock(browser, "nurse", PASSWORD)
    clock.now += lockout.STEPS_LIVE
    answer = browser.post("/staff/sign-in/next", step="password", password=OWN, again=OWN)
    assert answer.headers["Location"] == "/staff/sign-in" and knock(browser, "nurse", OWN).status_code == 400


def test_a_new_password_ends_every_other_sitting_and_keeps_this_one(app, hire) -> None:
    hire("nurse", "desk")
    here, elsewhere = Browser(app), Browser(app)
    for browser in (here, elsewhere):
        knock(browser, "nurse", PASSWORD)
    here.get("/staff/me")
    assert here.post("/staff/me/password", current="wrong", password=OWN, again=OWN).status_code == 400
    assert elsewhere.get("/staff/desk/").status_code == 200
    assert here.post("/staff/me/password", current=PASSWORD, password=OWN, again=OWN).status_code == 303
    assert here.get("/staff/desk/").status_code == 200
    assert elsewhere.get("/staff/desk/now").status_code == 303


# The second factor


def enrolled(app, hire, reading, login: str = "boss", role: str = "admin") -> tuple[Browser, str, list[str]]:
    """Return a browser that was just enrolled, the member's ref and the recovery codes."""
    ref = hire(login, role)
    browser = Browser(app)
    assert knock(browser, login, PASSWORD).headers["Location"] == "/staff/sign-in/next"
    page = browser.get("/staff/sign-in/next").text
    assert "<svg" in page and "设置动态口令" in page
    shown = re.search(r'ih-secret">([A-Z2-7 ]+)<', page)
    assert shown and totp.secret_of(shown[1].replace(" ", "")) == secret(reading, ref)
    answer = browser.post("/staff/sign-in/next", step="enrol", code=code(app, reading, ref))
    assert answer.status_code == 200
    return browser, ref, re.findall(r"<code>([A-Z0-9-]{14})</code>", answer.text)


def secret(reading, ref: str) -> bytes:
    with reading() as session:
        return _secret(session, session.get_one(StaffTotp, ref))


def code(app, reading, ref: str, steps: int = 0) -> str:
    now = app.extensions["mingzhen"]().clock()
    return totp.hotp(secret(reading, ref), totp.step_at(now) + steps)


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_in_a_hospital_admins_and_auditors_make_a_second_factor_before_anything_opens(
    app, hire, reading, production, role: str
) -> None:
    home = {"admin": "/staff/admin/people", "auditor": "/staff/auditor/events"}[role]
    hire("boss2", role)
    half = Browser(app)
    knock(half, "boss2", PASSWORD)
    assert half.get(home).status_code == 303
    assert half.post("/staff/sign-in/next", step="enrol", code="000000").status_code == 400
    browser, _ref, codes = enrolled(app, hire, reading, "boss", role)
    assert len(set(codes)) == totp.RECOVERY_CODES
    assert browser.get(home).status_code == 200
    assert types(reading, "totp.enrolled", "staff.signed_in") == ["totp.enrolled", "staff.signed_in"]
    assert details(reading, "staff.signed_in") == [{"role": role, "way": "password_code"}]


def test_others_are_not_made_to_and_neither_is_anybody_in_a_demo(app, hire) -> None:
    hire("nurse", "desk")
    hire("boss", "admin")
    assert knock(Browser(app), "nurse", PASSWORD).headers["Location"] == "/staff/desk/"
    assert knock(Browser(app), "boss", PASSWORD).headers["Location"] == "/staff/admin/people"


def test_a_code_works_once_and_the_next_one_works(app, hire, reading, clock, production) -> None:
    _browser, ref, _codes = enrolled(app, hire, reading)
    used = code(app, reading, ref)
    later = Browser(app)
    assert knock(later, "boss", PASSWORD).headers["Location"] == "/staff/sign-in/next"
    later.get("/staff/sign-in/next")
    assert later.post("/staff/sign-in/next", step="code", code=used).status_code == 400  # it enrolled with this one
    assert later.get("/staff/admin/people").status_code == 303
    clock.now += timedelta(seconds=30)
    assert later.post("/staff/sign-in/next", step="code", code=code(app, reading, ref)).status_code == 303
    assert later.get("/staff/admin/people").status_code == 200


def test_codes_are_counted_like_passwords_and_apart_from_them(app, hire, reading, clock, production) -> None:
    own, ref, _codes = enrolled(app, hire, reading)
    thief = Browser(app)
    knock(thief, "boss", PASSWORD)
    thief.get("/staff/sign-in/next")
    clock.now += timedelta(seconds=60)
    answers = [thief.post("/staff/sign-in/next", step="code", code="000000").status_code for _ in range(8)]
    assert answers == [400] * lockout.OTHER_DEVICES.free + [429] * 3
    right = thief.post("/staff/sign-in/next", step="code", code=code(app, reading, ref))
    assert right.status_code == 429  # too late for a thief who has the phone as well
    knock(own, "boss", PASSWORD)
    own.get("/staff/sign-in/next")
    assert own.post("/staff/sign-in/next", step="code", code=code(app, reading, ref)).status_code == 303


def test_a_recovery_code_opens_once_and_only_its_keyed_digest_is_kept(app, hire, reading, clock, production) -> None:
    _browser, ref, codes = enrolled(app, hire, reading)
    for expected in (303, 400):
        later = Browser(app)
        knock(later, "boss", PASSWORD)
        later.get("/staff/sign-in/next")
        assert later.post("/staff/sign-in/next", step="code", code=codes[0].lower()).status_code == expected
    assert types(reading, "totp.recovery_used") == ["totp.recovery_used"]
    with reading() as session:
        kept = session.scalars(select(RecoveryCode)).all()
        assert len([row for row in kept if row.used_at]) == 1
        sealed = session.get_one(StaffTotp, ref).sealed
    plain = [codes[1].replace("-", "").encode(), codes[1].encode(), totp.base32_of(secret(reading, ref)).encode()]
    for stored in (sealed, *(row.digest for row in kept)):
        assert not any(text in stored for text in plain)


def test_another_admin_takes_a_lost_second_factor_away_and_nobody_their_own(
    app, hire, reading, production, ward
) -> None:
    browser, ref, _codes = enrolled(app, hire, reading)
    other, _other_ref, _more = enrolled(app, hire, reading, "second")
    browser.get(f"/staff/admin/people/{ref}")
    assert browser.post(f"/staff/admin/people/{ref}/second-factor").status_code == 403
    other.get("/staff/admin/people")
    assert other.post(f"/staff/admin/people/{ref}/second-factor").status_code == 303
    assert details(reading, "totp.reset") == [{"member": ref}]
    assert browser.get("/staff/admin/people").status_code == 303  # the open page of who may be a thief is over
    knock(browser, "boss", PASSWORD)
    assert "设置动态口令" in browser.get("/staff/sign-in/next").text


def test_a_demo_asks_for_the_code_of_whoever_chose_to_have_one(app, hire, reading) -> None:
    ref = hire("nurse", "desk")
    browser = Browser(app)
    knock(browser, "nurse", PASSWORD)
    browser.get("/staff/me")
    assert browser.post("/staff/me/code").status_code == 303
    assert "<svg" in browser.get("/staff/me").text
    assert browser.post("/staff/me/code/confirm", code="12").status_code == 400
    assert "恢复码" in browser.post("/staff/me/code/confirm", code=code(app, reading, ref)).text
    assert "<svg" not in browser.get("/staff/me").text
    assert browser.post("/staff/me/code").status_code == 409
    assert knock(Browser(app), "nurse", PASSWORD).headers["Location"] == "/staff/sign-in/next"


# One's own page


def test_my_sign_ins_say_where_and_when_and_any_can_be_ended_from_here(app, hire, reading) -> None:
    hire("nurse", "desk")
    here, left_open = Browser(app), Browser(app)
    agent = {"User-Agent": "Mozilla/5.0 (iPad; CPU OS 17_0) AppleWebKit/605 Version/17.0 Safari/604"}
    left_open.get("/staff/sign-in")
    left_open.post("/staff/sign-in", headers=agent, login="nurse", password=PASSWORD)
    knock(here, "nurse", PASSWORD)
    page = here.get("/staff/me").text
    assert "Safari · iPad" in page and "就是这里" in page and "127.0.0.1" not in page
    [sitting] = re.findall(r"/staff/me/sittings/([\w-]+)/end", page)
    assert here.post(f"/staff/me/sittings/{sitting}/end").status_code == 303
    assert left_open.get("/staff/desk/").status_code == 303
    assert here.get("/staff/desk/").status_code == 200
    stranger = Browser(app)
    hire("other", "desk")
    knock(stranger, "other", PASSWORD)
    stranger.get("/staff/me")
    assert stranger.post(f"/staff/me/sittings/{sitting}/end").status_code == 404
    assert types(reading, "staff.sitting_ended") == ["staff.sitting_ended"]


# Roles and disablement


def test_other_workers_know_at_once_that_somebody_is_out(var, clock, app, hire, ward) -> None:
    """Two processes' worth of caches over one database: neither keeps a sitting alive (A3)."""
    from app import create_app
    from tests.conftest import settings_in

    ref = hire("nurse", "desk")
    other_worker = create_app(settings_in(var), clock)
    browser = Browser(app)
    for end in ("disable", "role", "sign out"):
        knock(browser, "nurse", PASSWORD)
        kept = Browser(other_worker)
        kept.set_cookie("mz_staff", browser.cookie("mz_staff"), "/staff")
        poll = {"X-Requested-With": "fetch"}
        assert kept.get("/staff/desk/now", headers=poll).status_code == 200
        if end == "disable":
            with ward.house.writing_session() as session:
                staff.disable(session, SYSTEM, ref, ward.now)
        elif end == "role":
            with ward.house.writing_session() as session:
                staff.grant(session, SYSTEM, ref, "lab", ward.clinic, ward.now)
        else:
            browser.get("/staff/me")
            assert browser.post("/staff/sign-out").status_code == 303
        assert kept.get("/staff/desk/now", headers=poll).status_code == 303
        kept.get("/staff/sign-in")
        assert kept.post("/staff/desk/find", q="A001").status_code == 401
        if end == "disable":
            with ward.house.writing_session() as session:
                staff.enable(session, SYSTEM, ref, ward.now)
    other_worker.extensions["mingzhen"].close()


def test_whoever_holds_several_roles_acts_at_each_door_in_its_role(app, hire, ward, reading) -> None:
    ref = hire("nurse", "desk")
    with ward.house.writing_session() as session:
        staff.grant(session, SYSTEM, ref, "admin", ward.clinic, ward.now)
    browser = Browser(app)
    assert knock(browser, "nurse", PASSWORD).headers["Location"] == "/staff/admin/people"
    assert browser.get("/staff/desk/").status_code == browser.get("/staff/admin/people").status_code == 200
    with reading() as session:
        row = session.scalars(select(Event).where(Event.type == "board.opened")).one()
        assert read_event(session, row)[1]["actor"]["role"] == "desk"


def test_nobody_makes_themselves_more_nor_reaches_into_another_clinic(ward, hire, writing) -> None:
    from app.domain.errors import NotAllowed
    from app.services import planning

    elsewhere = ward.do(planning.create_clinic, SYSTEM, "东院", "East")
    ref, nurse = hire("boss", "admin"), hire("nurse", "desk")
    boss = Actor("staff", ref, "admin", "s", frozenset({ward.clinic}))
    with writing() as session:
        staff.grant(session, SYSTEM, nurse, "desk", elsewhere, ward.now)
    for act in (
        lambda s: staff.grant(s, boss, ref, "auditor", ward.clinic, ward.now),
        lambda s: staff.grant(s, boss, nurse, "doctor", elsewhere, ward.now),
        lambda s: staff.disable(s, boss, ref, ward.now),
        lambda s: staff.disable(s, boss, nurse, ward.now),
        lambda s: staff.reset_password(s, boss, nurse, "x", ward.now),
        lambda s: staff.create(
            s,
            boss,
            ward.now,
            login="new",
            password_hash="x",
            name_zh="新",
            name_en="New",
            role="desk",
            clinic_id=elsewhere,
        ),
    ):
        with pytest.raises(NotAllowed), writing() as session:
            act(session)
