"""What the clock and the line bring to phones: once each, to those who are near, and to nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.models import OutboxMessage
from app.services import calling, moving, reminding
from app.services.outbox import _open
from tests.fixtures_visit import Ward


def said(ward: Ward) -> list[tuple[str, dict]]:
    with ward.house.reading_session() as session:
        rows = session.scalars(select(OutboxMessage).where(OutboxMessage.key.is_not(None)).order_by(OutboxMessage.key))
        return sorted(((row.kind, _open(session, row)["facts"]) for row in rows), key=str)


def near(ward: Ward) -> int:
    with ward.house.reading_session() as session:
        is_due = reminding.near_due(session, ward.now)
    count = ward.do(reminding.tell_near)
    assert is_due is bool(count)
    return count


def test_the_first_is_next_three_are_near_and_the_fifth_hears_nothing(ward):
    for _ in range(5):
        ward.waiting(ward.expert)
    assert near(ward) == 0  # they have just seen it
    ward.clock.now += timedelta(minutes=1)
    assert near(ward) == 4
    assert said(ward) == [
        ("near", {"ticket": "A002", "before": 1}),
        ("near", {"ticket": "A003", "before": 2}),
        ("near", {"ticket": "A004", "before": 3}),
        ("next", {"ticket": "A001", "before": 0}),
    ]
    assert near(ward) == 0


def test_as_the_line_moves_each_hears_the_new_thing_once(ward):
    for _ in range(5):
        ward.waiting(ward.expert)
    ward.clock.now += timedelta(minutes=1)
    near(ward)
    ward.do(calling.call_next, ward.chen, ward.expert)
    assert near(ward) == 2  # the second is next now, the fifth is near
    assert [kind for kind, facts in said(ward) if facts["ticket"] == "A002"] == ["near", "next"]
    assert near(ward) == 0


def test_two_lines_of_one_house_have_their_own_order(ward):
    ward.waiting(ward.expert)
    ward.waiting(ward.pool)
    ward.clock.now += timedelta(minutes=1)
    near(ward)
    assert [(kind, facts["ticket"]) for kind, facts in said(ward)] == [("next", "A001"), ("next", "B001")]


def test_a_doctor_who_is_late_is_told_to_those_who_wait_and_again_when_it_gets_later(ward):
    ward.waiting(ward.expert)
    ward.waiting(ward.pool)
    ward.do(moving.say_late, ward.chen, ward.expert, 20)
    assert near(ward) == 1 and near(ward) == 0
    ward.do(moving.say_late, ward.chen, ward.expert, 40)
    assert near(ward) == 1
    assert [facts["minutes"] for kind, facts in said(ward) if kind == "late"] == [20, 40]


@pytest.mark.parametrize(
    ("hours", "minutes", "kinds"), [(-1, 0, ["reminder-hour"]), (-3, 0, []), (-15, 0, ["reminder-eve"])]
)
def test_a_visit_is_reminded_of_in_the_evening_and_an_hour_before(ward, hours, minutes, kinds):
    """The slot is at 10:00 on Monday or later; the clock is set back before it is booked, then to the hour."""
    slot = ward.slots(ward.expert)[12]  # 11:00
    starts_at = ward.clock.now.replace(hour=3, minute=0)
    ward.clock.now = starts_at - timedelta(days=3)
    ward.booked(ward.person(), slot_id=slot)
    ward.clock.now = starts_at + timedelta(hours=hours, minutes=minutes)
    for _ in range(2):
        ward.do(reminding.remind)
    assert said(ward) == [(kind, {"time": "11:00"}) for kind in kinds]


def test_what_was_cancelled_is_not_reminded_of(ward):
    from app.services import booking

    slot = ward.slots(ward.expert)[12]
    starts_at = ward.clock.now.replace(hour=3, minute=0)
    ward.clock.now = starts_at - timedelta(days=3)
    who = ward.person()
    appointment = ward.booked(who, slot_id=slot)
    ward.do(booking.cancel, who.actor, appointment)
    ward.clock.now = starts_at - timedelta(hours=1)
    assert ward.do(reminding.remind) == 0
