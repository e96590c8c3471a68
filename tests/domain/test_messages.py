"""What phones are told: discreet words, fields that WeChat takes, and the right hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import messages
from app.domain.events import CATALOGUE
from app.domain.messages import (
    DEMO_TEMPLATES,
    FIELDS,
    KINDS,
    LONGEST_WAIT,
    PAGES,
    TELLS,
    TemplatesUnusable,
    fitted,
    mini_page,
    nearness,
    parse_templates,
    reminder_due,
    sms_text,
    spoken,
    template_data,
    told_by,
    wait_after,
)

FACTS = {"time": "09:30", "before": 2, "ticket": "A012", "room": "3 诊室", "minutes": 40}
VISIT = datetime(2026, 3, 3, 1, 30, tzinfo=UTC)  # 09:30 at the hospital


def at(text: str) -> datetime:
    """An instant by the hospital's clock."""
    return datetime.fromisoformat(f"{text}+08:00").astimezone(UTC)


@pytest.mark.parametrize("kind", KINDS)
def test_no_message_names_a_department_a_doctor_or_anything_of_health(kind):
    words = json.dumps([spoken(kind, FACTS), sms_text(kind, FACTS, "https://h.example/queue")], ensure_ascii=False)
    for told in (
        "科",
        "诊断",
        "处方",
        "检查",
        "检验",
        "报告",
        "化验",
        "diagnos",
        "prescri",
        "report",
        "test",
        "lab",
        "result",
    ):
        assert told not in words.lower().replace("诊室", ""), told


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_fits_its_template_and_leads_to_a_page(kind):
    template = parse_templates(DEMO_TEMPLATES)[KINDS[kind].template]
    data = template_data(kind, FACTS, template, VISIT)
    assert set(data) == set(template.keys.values())
    for key, value in data.items():
        assert 0 < len(value["value"]) <= 32 and (not key.startswith("thing") or len(value["value"]) <= 20)
        assert "…" not in value["value"], f"{kind}: the sentence is too long for {key}"
    assert KINDS[kind].page in PAGES and mini_page(kind).startswith("pages/")


def test_a_room_that_must_not_be_told_is_left_out_of_both_languages():
    zh, en = spoken("called", {"ticket": "A012"})
    assert zh == "现在轮到您" and en == "Ticket A012: your turn now."
    assert "3 诊室" in spoken("called", FACTS)[0]


def test_a_numbered_room_is_a_room_in_the_english_half():
    assert spoken("called", {"ticket": "A012", "room": "2 诊室"})[1] == "Ticket A012: your turn now, room 2."
    assert spoken("called", {"ticket": "A012", "room": "换药室"})[1] == "Ticket A012: your turn now, 换药室."


def test_every_event_that_brings_a_message_exists_with_the_details_it_quotes():
    for event, tell in TELLS.items():
        named = set(tell.quotes) | {name for name, _ in tell.only_if}
        assert named <= CATALOGUE[event].fields, event
        assert tell.kind in KINDS


def test_an_event_brings_its_message_only_in_the_case_that_is_said():
    assert told_by("ticket.called", {"ticket": "A1", "room": "1"}) == ("called", {"ticket": "A1", "room": "1"})
    assert told_by("appointment.cancelled", {"by": "patient"}) is None
    assert told_by("appointment.cancelled", {"by": "desk"}) == ("cancelled", {})
    assert told_by("appointment.booked", {"starts_at": "x"}) is None


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-02T17:59", None),
        ("2026-03-02T18:00", "reminder-eve"),
        ("2026-03-02T20:59", "reminder-eve"),
        ("2026-03-02T21:00", None),
        ("2026-03-03T08:29", None),
        ("2026-03-03T08:30", "reminder-hour"),
        ("2026-03-03T09:09", "reminder-hour"),
        ("2026-03-03T09:10", None),
        ("2026-03-03T09:31", None),
    ],
)
def test_reminders_come_the_evening_before_and_an_hour_before_and_never_at_night(now, due):
    assert reminder_due(VISIT, VISIT - timedelta(days=7), at(now)) == due


def test_who_has_just_booked_is_not_reminded():
    assert reminder_due(VISIT, at("2026-03-03T08:00"), at("2026-03-03T08:31")) is None
    assert reminder_due(VISIT, at("2026-03-02T19:00"), at("2026-03-02T19:30")) is None


def test_three_before_and_next_are_told_and_four_before_is_not():
    assert [nearness(n) for n in range(5)] == ["next", "near", "near", "near", None]


@given(st.text(max_size=80))
def test_whatever_the_value_a_thing_fits_or_is_refused(value):
    try:
        found = fitted("thing", value)
    except ValueError:
        assert not value.split()
    else:
        assert 0 < len(found) <= 20 and "\n" not in found


@pytest.mark.parametrize(("kind", "value"), [("character_string", "号12"), ("time", "half past"), ("thing", "\n ")])
def test_what_cannot_be_made_to_fit_is_refused(kind, value):
    with pytest.raises(ValueError, match="no value"):
        fitted(kind, value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("queue"), "exactly"),
        (lambda t: t["queue"].update(id="short"), "template id"),
        (lambda t: t["queue"]["keys"].pop("tip"), "keys must be"),
        (lambda t: t["queue"]["keys"].update(tip="number3"), "thing with its number"),
        (lambda t: t["queue"]["keys"].update(tip="thing2"), "one key"),
        (lambda t: t.update(visit=[]), "keys must be"),
    ],
)
def test_a_file_of_templates_that_would_fail_at_the_first_message_is_refused_at_the_start(change, says):
    given_templates = json.loads(DEMO_TEMPLATES)
    change(given_templates)
    with pytest.raises(TemplatesUnusable, match=says):
        parse_templates(json.dumps(given_templates))
    with pytest.raises(TemplatesUnusable, match="JSON"):
        parse_templates("{")


def test_the_waits_double_to_a_quarter_of_an_hour():
    waits = [wait_after(n).total_seconds() for n in range(1, 9)]
    assert waits == [10, 20, 40, 80, 160, 320, 640, LONGEST_WAIT.total_seconds()]


def test_the_templates_have_the_types_that_the_protocol_knows():
    assert {t for fields in FIELDS.values() for t in fields.values()} <= {"thing", "time", "character_string"}
    assert messages.LEASE.total_seconds() > 10
