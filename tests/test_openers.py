"""Who opens what is sealed: a short list, held by reading the source (DESIGN, section 5).

An opening is a call of one of the four functions through which sealed payloads become readable. A module that is not listed
gets what it needs from one that is, together with the event that the disclosure leaves.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parent.parent / "app"

# function -> the modules that may call it
OPENERS = {
    "open_payload": {
        "app.services.sealing",  # digests of versions, and a version whose payload stays as it is
        "app.services.identity",
        "app.services.people",
        "app.services.accounts",
        "app.services.records",
        "app.services.results",
        "app.services.orders",
        "app.services.lists",
        "app.services.attachments",
        "app.services.problems",  # what a problem said, for its next version
        "app.services.versions",  # to who may read the rows, with the salts of their digests
        "app.services.lab",
        "app.services.pharmacy",
        "app.services.fhir_import",
        "app.services.fhir_sources",  # for an application, with its event
        "app.services.fhir_events",
        "app.services.takeout",  # for the account that takes it away
        "app.services.shares",  # link and key, to who made it; reports and values by name, with their event
        "app.services.share_openings",  # to whoever holds the link, with its event
        "app.services.erasure",  # whose record it is, said to themselves; whether a visit was a stay
        "app.services.corrections",
        "app.services.priority_notes",  # to the desk and to an auditor, with its event
        "app.services.appeals",  # to whoever decides one, with its event
        "app.services.break_glass",  # a doctor's words, to the person and to whoever judges them, with its event
        "app.services.complaints",  # the own words; to whoever answers them, with its event
    },
    "open_event": {"app.services.events", "app.services.receipts", "app.services.audit_log"},
    "read_event": {
        "app.services.fhir_events",
        "app.services.replaying",
        "app.services.versions",
        "app.services.evidence",  # to the person, and to who decides an appeal, with its event
        "app.services.receipts",
        "app.services.audit_log",
    },
    "read_identity": {"app.services.identity", "app.services.desk_identity", "app.services.lab"},
}
# Who may ask the vault itself: the three above it, and whoever keeps an answer sealed for the one who got it (I5).
VAULT = {
    "app.services.outbox",
    "app.services.sealing",
    "app.services.events",
    "app.services.people",
    "app.services.versions",  # versions before the present one, sealed as they were
    "app.services.audit_events",  # digests and entries of everything, and nothing that a payload holds
    "app.services.audit_rows",
    "app.services.takeout",  # the files of an archive, which are no row that an event names
    "app.services.share_openings",  # what a link shows as it was, which is no row that an event names
    "app.services.totp",  # the secret of one-time codes, which is no row that an event names
    "app.web.transaction",
}


def module_of(path: Path) -> str:
    parts = path.relative_to(APP.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def called(tree: ast.AST) -> set[str]:
    """Return the last names of everything that a module calls or hands on as a value."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return found


def imported(tree: ast.AST) -> set[str]:
    return {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}


MODULES = {module_of(path): ast.parse(path.read_text()) for path in sorted(APP.rglob("*.py"))}


def users(function: str) -> set[str]:
    return {name for name, tree in MODULES.items() if function in called(tree) | imported(tree)}


@pytest.mark.parametrize("function", sorted(OPENERS))
def test_only_the_listed_modules_open(function):
    assert users(function) <= OPENERS[function]


@pytest.mark.parametrize("function", sorted(OPENERS))
def test_the_list_names_nobody_who_does_not_open(function):
    assert {name for name in OPENERS[function] if name in MODULES} <= users(function) | {"app.services.events"}


def opens_vault(tree: ast.AST) -> bool:
    """Tell whether a module calls `.open(…)` of a vault: what `vault_of(…)` returned, or a name that says vault."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "open"
        and "vault" in ast.unparse(node.func.value)
        for node in ast.walk(tree)
    )


def test_the_vault_is_opened_in_few_places():
    assert {name for name, tree in MODULES.items() if opens_vault(tree)} <= VAULT


def test_an_opening_by_another_name_is_seen():
    """The check itself: a call through the module, a bare call, and a function handed on."""
    for text in ("sealing.open_payload(session, row)", "open_payload(session, row)", "map(open_payload, rows)"):
        assert "open_payload" in called(ast.parse(text))
    assert "open_payload" in imported(ast.parse("from app.services.sealing import open_payload as reveal"))
    assert opens_vault(ast.parse("vault_of(session).open(a, b, c, d)"))
