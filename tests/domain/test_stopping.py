from datetime import UTC, datetime, timedelta

from app.domain import stopping
from app.domain.stopping import Candidate, MoveRule

TEN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_the_same_day_comes_before_the_same_rank_and_the_rank_before_the_hour():
    near, ranked = Candidate("near", "s", TEN + HOUR, "医师"), Candidate("ranked", "s", TEN + 5 * HOUR, "主任医师")
    tomorrow = Candidate("tomorrow", "s", TEN + DAY, "主任医师")
    assert stopping.choose(TEN, "主任医师", [tomorrow, near, ranked]) == ranked
    assert stopping.choose(TEN, "主任医师", [tomorrow, near]) == near
    assert stopping.choose(TEN, "主任医师", [tomorrow]) == tomorrow
    assert stopping.choose(TEN, "主任医师", []) is None


def test_an_offer_keeps_its_slot_for_hours_and_never_into_the_last_half_hour():
    rule = MoveRule(answer_minutes=240, notice_minutes=30)
    assert stopping.offer_ends_at(rule, TEN + DAY, TEN) == TEN + 4 * HOUR
    assert stopping.offer_ends_at(rule, TEN + HOUR, TEN) == TEN + HOUR / 2
