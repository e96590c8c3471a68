"""A phone is told that somebody opened what its person shared: once an hour, in words that name nothing, to who may read it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from app import sending
from app.domain.shares import MOST_WRONG, TOLD_AGAIN_AFTER
from app.models import OutboxMessage
from app.services import share_openings
from tests.services.test_outbox import guardian_of
from tests.services.test_outbox import li as li
from tests.services.test_outbox import phones as phones
from tests.services.test_outbox import post as post
from tests.services.test_shares import WHO, made, opened, token


def told(ward) -> list[str]:
    with ward.house.reading_session() as session:
        return list(session.scalars(select(OutboxMessage.kind).where(OutboxMessage.state == "new")))


def test_the_first_opening_rings_and_names_neither_who_nor_what(ward, li, post, phones):
    its = token(ward, li, made(ward, li, ("allergies",), label="给张医生"))
    assert told(ward) == []
    opened(ward, its)
    sending.send(post)
    [(number, words)] = phones.texts
    assert number == "+8613800138000" and "您分享的资料被打开了" in words and "was opened" in words
    assert not any(secret in words for secret in (WHO, "张医生", "李明", "过敏", its))


def test_however_many_open_it_the_phone_rings_once_an_hour_and_for_each_share(ward, li):
    its, other = token(ward, li, made(ward, li)), token(ward, li, made(ward, li))
    for number in range(8):
        opened(ward, its, f"reader {number}")
        ward.clock.now += timedelta(minutes=5)
    assert told(ward) == ["share-opened"]
    opened(ward, other)
    assert told(ward) == ["share-opened"] * 2
    ward.clock.now += TOLD_AGAIN_AFTER - timedelta(minutes=40)
    opened(ward, its, "one who comes later")
    opened(ward, its, "and another")
    assert told(ward) == ["share-opened"] * 3


def test_opened_again_by_the_same_in_a_quarter_of_an_hour_brings_nothing_new(ward, li):
    its = token(ward, li, made(ward, li))
    for _ in range(3):
        opened(ward, its)
    assert told(ward) == ["share-opened"]


def test_a_link_that_wrong_passcodes_ended_is_told_and_a_single_wrong_one_is_not(ward, li, post, phones):
    its = token(ward, li, made(ward, li, hashed="hash"))
    for number in range(MOST_WRONG):
        assert told(ward) == [], number
        ward.do(share_openings.begin_try, its, has_passcode=True)
        with ward.house.writing_session() as session:
            share_openings.end_try(session, its, WHO, ward.now, is_right=False, was_tried=True)
            sending.outbox.tell_recorded(session)
    sending.send(post)
    [(_number, words)] = phones.texts
    assert "已自动停止" in words and "too many wrong passcodes" in words


def test_a_guardian_of_a_fifteen_year_old_is_not_told(ward, li, post, phones):
    guardian_of(ward, li, "2011-01-01")
    opened(ward, token(ward, li, made(ward, li)))
    sending.send(post)
    assert phones.wechat == [] and len(phones.texts) == 1
