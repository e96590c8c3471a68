"""Who erases their data is in no message that a demo keeps, either."""

from __future__ import annotations

from app.ports import SMSUnavailable
from tests.browsing import Browser
from tests.web.test_signin import sign_in_by_phone

PHONE = "13912345678"


def in_files(var) -> bool:
    return any(PHONE.encode() in file.read_bytes() for file in var.rglob("sms.db*"))


def test_the_demos_messages_to_an_erased_number_go_with_the_press(app, var) -> None:
    phone = Browser(app)
    sign_in_by_phone(phone, PHONE)
    assert in_files(var)
    phone.get("/me/erase")
    assert phone.post("/me/erase", sure="yes").status_code == 303
    assert not in_files(var)


def test_a_sender_that_cannot_forget_stops_no_erasure_and_the_log_says_so_without_the_number(
    app, hospital, monkeypatch, capsys
) -> None:
    def refuse(_phones: object) -> None:
        raise SMSUnavailable("the file cannot be written")

    phone = Browser(app)
    sign_in_by_phone(phone, PHONE)
    monkeypatch.setattr(app.extensions["mingzhen"]().sms, "forget", refuse)
    phone.get("/me/erase")
    assert phone.post("/me/erase", sure="yes").status_code == 303
    said = "".join(capsys.readouterr())
    assert "sms.not_forgotten" in said and PHONE not in said
