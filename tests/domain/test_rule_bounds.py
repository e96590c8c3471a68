"""The bounds of a clinic's rules: the usual numbers lie inside, what is outside is named, nothing is read two ways."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from app.domain import rule_bounds
from app.domain.rule_bounds import BOUNDS, KINDS, ORDER, Wrong, changed, format_typed, parse_typed, usual


@pytest.mark.parametrize("group", KINDS)
def test_every_field_of_a_rule_has_bounds_and_the_usual_rule_lies_within(group):
    assert {f.name for f in fields(KINDS[group])} == set(BOUNDS[group]) | (
        {rule_bounds.CLOCK, rule_bounds.SCOPE} if group == "booking" else set()
    )
    assert parse_typed(group, format_typed(usual(group))) == (usual(group), {})


@pytest.mark.parametrize(("group", "name"), [(group, name) for group in KINDS for name in BOUNDS[group]])
def test_a_number_beyond_either_bound_is_named_and_both_bounds_are_taken(group, name):
    bound, typed = BOUNDS[group][name], format_typed(usual(group))
    for text in (str(bound.most + 1), str(bound.least - 1), "1.5", "１０", "-1", "x", "9" * 30, " "):
        if text == " " and bound.may_be_empty:
            continue
        assert parse_typed(group, {**typed, name: text}) == (None, {name: Wrong("number", bound)})
    for edge in (bound.least, bound.most):
        _rule, wrong = parse_typed(group, {**typed, name: str(edge)})
        assert all(one.kind == "order" for one in wrong.values())


@pytest.mark.parametrize("group", ORDER)
def test_what_must_be_larger_is_refused_when_it_is_not(group):
    larger, smaller, may_equal = ORDER[group]
    rule = usual(group)
    same = replace(rule, **{larger: getattr(rule, smaller)})
    assert (parse_typed(group, format_typed(same))[1] == {}) is may_equal
    below = replace(rule, **{smaller: getattr(rule, larger) + 1})
    assert parse_typed(group, format_typed(below))[1].get(larger) == Wrong("order", other=smaller)


def test_a_clock_and_a_choice_that_are_none_are_named():
    typed = format_typed(usual("booking"))
    for clock in ("24:00", "9:00", "0900", ""):
        assert parse_typed("booking", {**typed, "cancel_until": clock})[1] == {"cancel_until": Wrong("clock")}
    assert parse_typed("booking", {**typed, "one_per": "world"})[1] == {"one_per": Wrong("choice")}


def test_only_what_differs_is_said_before_and_after():
    assert changed({"a": 1, "b": 2, "c": None}, {"a": 1, "b": 3, "c": 4}) == ("b=2 c=-", "b=3 c=4")
    assert changed({"a": 1}, {"a": 1}) == ("", "")
