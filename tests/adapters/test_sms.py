"""Short messages of a demo: kept where every worker sees them, few, and never in production."""

import re
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from app.adapters.sms import KEPT_MESSAGES, TEMPLATES, DemoOnly, DemoSMS
from app.ports import SMSSender, SMSUnavailable

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
PHONE = "+8613800000001"


def make(path) -> DemoSMS:
    return DemoSMS(path, app_env="demo", clock=lambda: NOW)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "var" / "sms.db"


def test_a_message_sent_by_one_worker_is_seen_by_another(path):
    here, there = make(path), make(path)
    sender: SMSSender = here
    sender.send_code(PHONE, "123456", "sign_in")

    [message] = there.last_messages()
    assert (message.phone_e164, message.template, message.sent_at) == (PHONE, "sign_in", NOW)
    assert "123456" in message.text


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_says_the_code_in_both_languages_and_that_it_is_secret(path, template):
    sms = make(path)
    sms.send_code(PHONE, "654321", template)

    text = sms.last_messages()[0].text
    assert text.count("654321") == 2
    assert text.startswith("【明诊演示】")
    assert "请勿告诉他人" in text


def test_every_template_that_a_door_names_is_there():
    doors = (Path(__file__).parents[2] / "app" / "web").rglob("*.py")
    named = {name for door in doors for name in re.findall(r'send_code\([^)]*"(\w+)"\)', door.read_text("utf-8"))}

    assert named <= TEMPLATES.keys()
    assert "sign_in" in named


def test_the_newest_comes_first_and_fifty_are_kept(path):
    sms = make(path)
    for number in range(KEPT_MESSAGES + 3):
        sms.send_code(PHONE, f"{number:06}", "sign_in")

    messages = sms.last_messages(1000)
    assert len(messages) == KEPT_MESSAGES
    assert "000052" in messages[0].text
    assert "000003" in messages[-1].text
    assert len(sms.last_messages(2)) == 2
    assert sms.last_messages(-1) == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM message").fetchone() == (KEPT_MESSAGES,)
    connection.close()


def test_many_threads_send_at_once_and_none_is_lost(path):
    sms = make(path)
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda number: sms.send_code(PHONE, f"{number:06}", "sign_in"), range(40)))

    assert len({message.text for message in sms.last_messages()}) == 40


def test_what_is_forgotten_is_in_no_byte_of_its_files_and_others_stay(path):
    sms = make(path)
    for number in range(20):
        sms.send_code(PHONE, f"77{number:04}", "sign_in")
        sms.send_code("+8613800000002", f"88{number:04}", "sign_in")
    sms.forget([PHONE, "+8613900000009"])

    assert {message.phone_e164 for message in sms.last_messages()} == {"+8613800000002"}
    held = b"".join(file.read_bytes() for file in path.parent.glob("sms.db*"))
    assert PHONE.encode() not in held and b"770001" not in held and b"880001" in held


def test_production_refuses_it_and_makes_no_file(path):
    with pytest.raises(DemoOnly):
        DemoSMS(path, app_env="production")
    assert not path.exists()


def test_it_warns_when_it_is_built(path):
    with structlog.testing.capture_logs() as logs:
        make(path)
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("sms.demo_in_use", "warning")]


def test_the_file_is_for_its_owner_alone(path):
    make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_unknown_template_is_our_mistake(path):
    with pytest.raises(ValueError, match="no such template"):
        make(path).send_code(PHONE, "123456", "advertisement")


def test_a_file_that_cannot_be_written_is_unavailable_and_says_no_number_and_no_code(path):
    sms = make(path)
    path.unlink()
    path.mkdir()

    with structlog.testing.capture_logs() as logs, pytest.raises(SMSUnavailable) as raised:
        sms.send_code(PHONE, "123456", "sign_in")
    said = f"{raised.value} {raised.value!r} {raised.value.__context__!r} {logs} {sms!r}"
    assert "123456" not in said
    assert PHONE not in said


def test_a_message_shows_neither_number_nor_code_in_a_log(path):
    sms = make(path)
    sms.send_code(PHONE, "123456", "sign_in")

    said = repr(sms.last_messages())
    assert "123456" not in said
    assert PHONE not in said
