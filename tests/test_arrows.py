"""The arrows of the house: imports point inward, and a vendor is known only in the rooms that may know it.

The table below is the drawing in docs/architecture.md, as data. A new room without a line fails.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Room:
    """What the modules of a room may import: of ours (a module and what is below it), and of other people's."""

    ours: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()


EVERYBODY = ("app", "ledger")
WEB_VENDORS = (
    "flask",
    "flask_babel",
    "flask_limiter",
    "flask_login",
    "markupsafe",
    "pydantic",
    "segno",
    "structlog",
    "werkzeug",
)

ROOMS = {
    "ledger": Room(ours=("ledger",), vendors=("Crypto", "rfc8785")),
    "ledger.stores": Room(ours=("ledger",), vendors=("sqlalchemy", "pysqlite3")),
    "ledger.commands.sequencer": Room(ours=("ledger",), vendors=("sqlalchemy",)),
    "app.domain": Room(ours=("app.domain",)),
    "app.models": Room(ours=("app.models", "app.domain"), vendors=("sqlalchemy",)),
    "app.ports": Room(ours=("app.ports", "app.domain"), vendors=()),
    "app.services": Room(
        ours=("app.services", "app.models", "app.domain", "app.ports", "ledger"),
        vendors=("sqlalchemy", "structlog"),
    ),
    "app.adapters": Room(
        ours=("app.adapters", "app.models", "app.ports", "app.domain", "ledger"),
        vendors=("argon2", "cryptography", "redis", "requests", "sqlalchemy", "structlog"),
    ),
    # What the doors share opens the transaction, and so knows the tables of events and of answers given.
    "app.web": Room(
        ours=("app.web", "app.services", "app.models", "app.domain", "app.ports", "app.config", "ledger"),
        vendors=(*WEB_VENDORS, "redis", "sqlalchemy"),
    ),
    # A door may say "Session" in a signature, and know how a port refuses; it knows no table and no adapter.
    "app.web.<door>": Room(
        ours=("app.web", "app.services", "app.domain", "app.ports", "ledger"),
        vendors=(*WEB_VENDORS, "sqlalchemy.orm"),
    ),
    "app.migrations": Room(ours=("app.models", "ledger.stores"), vendors=("alembic", "sqlalchemy")),
    "app.wechat_mock": Room(ours=("app.wechat_mock",), vendors=("flask", "werkzeug")),
    "app.server": Room(ours=("app.server", "app.config", "ledger.stores.engine"), vendors=("gunicorn", "segno")),
    # The two that put everything together, once.
    "app": Room(ours=EVERYBODY, vendors=("*",)),
    "wsgi": Room(ours=EVERYBODY),
}

# Inside ledger, formats and mathematics know no storage, no clock and no network.
FORMATS = (
    "merkle",
    "tiles",
    "note",
    "checkpoint",
    "cosignature",
    "policy",
    "receipt",
    "entry",
    "notice",
    "chain",
    "errors",
    "base64_text",
)
MACHINERY = ("ledger.stores", "ledger.sequencer", "ledger.head", "ledger.bell", "ledger.reader", "ledger.audit")
NOT_FOR_FORMATS = (
    "socket",
    "sqlite3",
    "urllib.request",
    "http",
    "time",
    "datetime",
    "threading",
    "subprocess",
    "os",
    "io",
)


def modules() -> Iterator[tuple[str, Path]]:
    for room in ("app", "ledger"):
        for file in sorted((ROOT / room).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file
    if (ROOT / "wsgi.py").exists():
        yield "wsgi", ROOT / "wsgi.py"


def imports(module: str, text: str, *, is_package: bool) -> set[str]:
    """Every module that `text` imports, wherever in it, by its full name; names imported from ours count as modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = module.split(".")[: None if is_package and node.level == 1 else -(node.level - is_package)]
                origin = ".".join([*above, origin] if origin else above)
            found.add(origin)
            found.update(f"{origin}.{alias.name}" for alias in node.names if is_module(f"{origin}.{alias.name}"))
            if all(is_module(f"{origin}.{alias.name}") for alias in node.names):
                found.discard(origin)
    return found


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def room_of(module: str) -> str:
    """The innermost room in the table that holds `module`; of `app` itself, only the files beside the rooms.

    A package below app that the table does not know is a room of its own, and thereby a failure.
    """
    parts = module.split(".")
    if parts[:2] == ["app", "web"] and len(parts) > 2 and not (ROOT / "app" / "web" / f"{parts[2]}.py").exists():
        return "app.web.<door>"
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in ROOMS and name != "app":
            return name
    beside_the_rooms = len(parts) == 1 or (ROOT / "app" / f"{parts[1]}.py").exists()
    return "app" if beside_the_rooms and parts[0] == "app" else ".".join(parts[:2])


def is_under(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def forbidden(module: str, text: str, *, is_package: bool) -> list[str]:
    """What `module` imports and its room may not."""
    room = ROOMS[room_of(module)]
    wrong = []
    for name in sorted(imports(module, text, is_package=is_package)):
        top = name.split(".")[0]
        if top in ("app", "ledger", "wsgi", "tests", "bench"):
            if not is_under(name, room.ours):
                wrong.append(name)
        elif top not in sys.stdlib_module_names and not is_under(name, room.vendors) and "*" not in room.vendors:
            wrong.append(name)
    return wrong


MODULES = list(modules())


def test_every_module_lives_in_a_room_of_the_drawing() -> None:
    assert [module for module, _ in MODULES if room_of(module) not in ROOMS] == []


@pytest.mark.parametrize(("module", "file"), MODULES, ids=[module for module, _ in MODULES])
def test_imports_point_inward(module: str, file: Path) -> None:
    if room_of(module) in ROOMS:
        assert forbidden(module, file.read_text(), is_package=file.name == "__init__.py") == []


@pytest.mark.parametrize("name", FORMATS)
def test_the_ledgers_formats_know_no_storage_no_clock_and_no_network(name: str) -> None:
    file = ROOT / "ledger" / f"{name}.py"
    assert file.exists(), f"{file} is gone: correct the list"
    found = imports(f"ledger.{name}", file.read_text(), is_package=False)
    assert [one for one in sorted(found) if is_under(one, MACHINERY) or is_under(one, NOT_FOR_FORMATS)] == []


def test_a_door_does_not_know_another_door() -> None:
    doors = {path.name for path in (ROOT / "app" / "web").iterdir() if (path / "__init__.py").exists()}
    wrong = []
    for module, file in MODULES:
        parts = module.split(".")
        if parts[:2] == ["app", "web"] and len(parts) > 2 and parts[2] in doors:
            for name in imports(module, file.read_text(), is_package=file.name == "__init__.py"):
                other = name.split(".")
                if other[:2] == ["app", "web"] and len(other) > 2 and other[2] in doors - {parts[2]}:
                    wrong.append(f"{module} -> {name}")
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "text", "wrong"),
    [
        ("app.domain.tickets", "import flask", ["flask"]),
        ("app.domain.tickets", "from app.models.visits import Visit", ["app.models.visits"]),
        ("app.models.visits", "from ..services.booking import book", ["app.services.booking"]),
        ("app.services.booking", "def f():\n    import flask", ["flask"]),
        ("app.services.booking", "from app.adapters.vault import Vault", ["app.adapters.vault"]),
        ("app.web.patient.pages", "import app.models.visits", ["app.models.visits"]),
        ("ledger.merkle", "import sqlalchemy", ["sqlalchemy"]),
        ("ledger.entry", "from app import domain", ["app.domain"]),
        ("app.wechat_mock.oauth", "import ledger.note", ["ledger.note"]),
        ("ledger.stores.sql", "import sqlalchemy, hashlib\nfrom ..entry import entry_of", []),
    ],
)
def test_an_arrow_that_points_outward_is_seen(module: str, text: str, wrong: list[str]) -> None:
    assert forbidden(module, text, is_package=False) == wrong
