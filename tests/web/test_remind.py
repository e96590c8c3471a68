"""“Remind me”: a press is one message, and pressing twice by mistake is one press."""

from __future__ import annotations

import dataclasses
import json

from app.models import MessageQuota
from app.ports import WeChatUnavailable


class Neighbour:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict]] = []
        self.is_away = False

    def ask(self, method, path, headers, body):
        self.asked.append((method, path, json.loads(body)))
        if self.is_away:
            raise WeChatUnavailable("away")


def left(ward, who) -> int:
    with ward.house.reading_session() as session:
        quota = session.get(MessageQuota, (who.actor.ref, "queue"))
        return quota.left if quota else 0


def with_neighbour(app) -> Neighbour:
    keeper, neighbour = app.extensions["mingzhen"], Neighbour()
    keeper._house = dataclasses.replace(keeper(), neighbour=neighbour)
    return neighbour


def test_the_queue_page_offers_it_to_who_waits_and_says_how_it_will_come(app, ward, doors):
    neighbour = with_neighbour(app)
    who = ward.person()
    phone = doors.phone(who)
    assert "/remind" not in phone.get("/queue").text
    ward.waiting(who=who)
    assert 'action="/remind"' in phone.get("/queue").text
    page = phone.follow(phone.post("/remind"))
    assert "微信通知您" in page.text and left(ward, who) == 1
    [(method, path, body)] = neighbour.asked
    assert method == "POST" and path.startswith("/wechat-mock/_demo/accept") and len(body["templates"]) == 3


def test_the_same_form_twice_counts_once_and_another_counts_again(app, ward, doors):
    with_neighbour(app)
    who = ward.person()
    phone = doors.phone(who)
    for key in ("one", "one", "two"):
        assert phone.post("/remind", key=key).status_code == 303
    assert left(ward, who) == 2


def test_a_pretend_phone_that_is_away_holds_nobody_up(app, ward, doors):
    with_neighbour(app).is_away = True
    who = ward.person()
    assert doors.phone(who).post("/remind").status_code == 303
    assert left(ward, who) == 1
