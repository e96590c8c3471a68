"""Every event type, field, role, purpose and rule has words, in both languages."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from pathlib import Path
from typing import get_args

import pytest
from flask import session

import app as house
from app.domain.actor import ActorKind, Role
from app.domain.documents import DocumentKind
from app.domain.errors import Refused
from app.domain.events import CATALOGUE
from app.models import Base
from app.web import event_words

ROOT = Path(house.__file__).parent


def everything_imported() -> None:
    for room in ("app.domain", "app.services", "app.web"):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            importlib.import_module(module.name)


def recorded_codes(kind: type[Refused] = Refused) -> set[str]:
    """Return the code of every refusal that becomes an event, down the tree."""
    found = {kind.code} if kind.is_recorded and kind is not Refused else set()
    for child in kind.__subclasses__():
        found |= recorded_codes(child)
    return found


def allowed(table: str, column: str) -> set[str]:
    """Return the values that a table's CHECK names for a column."""
    for constraint in Base.metadata.tables[table].constraints:
        found = re.match(rf"{column} IN \((.*)\)$", str(getattr(constraint, "sqltext", "")))
        if found:
            return set(re.findall(r"'([a-z_]+)'", found.group(1)))
    raise AssertionError(f"{table}.{column} has no list of values")


def written(keyword: str) -> set[str]:
    """Return every text that the code hands over as `keyword=` to a recording, constants followed to their module."""
    found = set()
    for path in (ROOT / "services").glob("*.py"):
        tree = ast.parse(path.read_text())
        names = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)):
            if call.func.attr not in ("record", "opened"):  # type: ignore[attr-defined]
                continue
            for argument in call.keywords:
                if argument.arg == keyword and isinstance(argument.value, ast.Constant):
                    found.add(argument.value.value)
                if argument.arg == keyword and isinstance(argument.value, ast.Name):
                    found.add(names.get(argument.value.id))
    return found - {None}


def test_every_type_has_words_and_no_words_are_left_over():
    assert set(event_words.TYPES) == set(CATALOGUE)


def test_every_detail_field_has_words():
    fields = {field for known in CATALOGUE.values() for field in known.fields}
    assert fields <= set(event_words.FIELDS)


def test_every_role_and_kind_of_actor_has_words():
    assert set(get_args(Role)) == set(event_words.ROLES)
    assert set(get_args(ActorKind)) == set(event_words.KINDS)


def test_every_rule_that_refuses_has_words():
    everything_imported()
    assert recorded_codes() <= set(event_words.RULES)


def test_every_purpose_has_words():
    assert written("purpose") <= set(event_words.PURPOSES)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("relation", allowed("link", "relation")),
        ("proof", allowed("link", "proof")),
        ("method", allowed("ticket", "method")),
        ("role", allowed("staff_grant", "role")),
        ("document", {kind.value for kind in DocumentKind}),
    ],
)
def test_every_value_that_a_table_allows_has_words(field, values):
    assert values <= set(event_words.VALUES[field])


def test_the_words_speak_the_language_of_the_page(app):
    with app.test_request_context("/"):
        assert event_words.type_words("appointment.checked_in") == "到院签到"
        session["lang"] = "en"
    with app.test_request_context("/"):
        session["lang"] = "en"
        types, fields = event_words.for_check()
        assert types["appointment.checked_in"] == "Check-in"
        assert fields["role=doctor"] == "Doctor"
        told = [*types.values(), *fields.values()]
        assert [words for words in told if re.search(r"[\u4e00-\u9fff]", words)] == []


def test_instants_are_said_on_the_hospitals_clock(app):
    with app.test_request_context("/"):
        assert event_words.detail_words({"starts_at": "2026-03-02T01:30:00.000Z", "ticket": "A001", "room": None}) == [
            ("开始时间", "2026年3月2日 周一 09:30"),
            ("排队号", "A001"),
        ]
