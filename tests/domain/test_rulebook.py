import pytest

from app.domain.errors import RuleMalformed
from app.domain.rulebook import format_numbers, parse_numbers
from app.domain.stopping import MoveRule
from app.domain.strikes import StrikeRule
from app.domain.waitlist import WaitlistRule


@pytest.mark.parametrize("kind", [WaitlistRule, StrikeRule, MoveRule])
def test_a_rule_comes_back_as_it_was_written(kind):
    assert parse_numbers(kind, format_numbers(kind())) == kind()


@pytest.mark.parametrize("wrong", [-1, 10_001, "15", 1.5, True, None])
def test_a_number_that_is_none_names_its_field(wrong):
    with pytest.raises(RuleMalformed) as refused:
        parse_numbers(MoveRule, {**format_numbers(MoveRule()), "notice_minutes": wrong})
    assert refused.value.field == "notice_minutes"


@pytest.mark.parametrize("change", [{"strange": 1}, None])
def test_a_field_too_many_or_one_missing_is_named(change):
    value = format_numbers(MoveRule())
    value = {**value, **change} if change else {"answer_minutes": 1}
    with pytest.raises(RuleMalformed) as refused:
        parse_numbers(MoveRule, value)
    assert refused.value.field == ("strange" if change else "notice_minutes")
