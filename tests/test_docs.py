"""What the words say is held against the code: links, commands, settings, what stays in clear, one word for each thing."""

from __future__ import annotations

import ast
import re
import unicodedata
from pathlib import Path

import pytest

from app import create_app
from app.models import Base
from ledger.__main__ import COMMANDS
from ledger.stores.sql import metadata as ledger_tables
from tests.conftest import settings_in

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
SEALED = {"sealed", "contact"}  # the columns that hold sealed bytes

# Said by the launcher to the processes that it starts, or a piece of the pretend WeChat: nobody sets them by hand.
BETWEEN_PROCESSES = {
    "MINGZHEN_LOCK_FD", "MINGZHEN_STARTS_MOCK", "MINGZHEN_STARTS_WITNESS", "PYTHONUNBUFFERED",
    "WECHAT_MOCK_APPS", "WECHAT_MOCK_DATABASE", "WECHAT_MOCK_PREFIX", "WECHAT_MOCK_REDIRECT_HOSTS",
}  # fmt: skip
OF_THE_CHORES = {"CHROMIUM", "PYTHON", "T"}  # not settings of the site: of make and of the tests


def prose(text: str) -> str:
    """The text without its blocks of code."""
    return re.sub(r"(?ms)^```.*?^```$", "", text)


def code_of(text: str) -> str:
    """Only what stands in blocks of code, and between back quotes."""
    blocks = re.findall(r"(?ms)^```\n(.*?)^```$", text)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", prose(text))])


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", prose(page.read_text("utf-8"))):
        kept = "".join(c for c in heading.lower() if c in " -_" or unicodedata.category(c)[0] in "LN")
        found.add(kept.strip().replace(" ", "-"))
    return found


def rows_of(text: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading."""
    below = text.split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?m)(?:^\|.*\n)+", below)
    assert table, heading
    lines = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in table.group().splitlines()]
    return [[cell.strip() for cell in cells] for cells in lines[2:]]


# Links


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(target)
    assert dead == []


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    to_read = [ROOT / "README.md"]
    while to_read:
        page = to_read.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        for target in re.findall(r"\]\(([^)#\s:]+)[^)]*\)", page.read_text("utf-8")):
            there = (page.parent / target).resolve()
            to_read.append(there / "README.md" if there.is_dir() else there)
    assert [str(p.relative_to(ROOT)) for p in PAGES if p not in seen] == []


def test_every_picture_is_shown_with_words_for_those_who_do_not_see_it() -> None:
    pages = "\n".join(page.read_text("utf-8") for page in PAGES)
    shown = dict(re.findall(r"!\[([^\]]*)\]\((?:docs/)?images/([^)]+)\)", f"{README}\n{pages}"))
    assert all(len(words) > 20 for words in shown)
    assert set(shown.values()) == {p.name for p in (ROOT / "docs" / "images").iterdir()}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_that_is_named_exists(page: Path) -> None:
    words = re.findall(r"`([^`\n]+)`", prose(page.read_text("utf-8")))
    names = [w for w in words if re.fullmatch(r"(app|ledger|static|templates|tests|bench|docs|\.ci)/[\w./-]+", w)]
    assert [n for n in names if not (ROOT / n).exists()] == []


# Commands


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_that_is_named_exists(page: Path, var: Path) -> None:
    code = code_of(page.read_text("utf-8"))
    chores = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text("utf-8")))
    assert set(re.findall(r"\bmake ([a-z]+)\b", code)) - chores == set()
    assert set(re.findall(r"-m ledger ([a-z-]+)", code)) - set(COMMANDS) == set()
    flask = create_app(settings_in(var)).cli.commands
    assert set(re.findall(r"--app wsgi ([a-z-]+)", code)) - set(flask) == set()
    modules = [name.replace(".", "/") for name in re.findall(r"-m ((?:app|bench|tests)[\w.]*)", code)]
    assert [m for m in modules if not (ROOT / f"{m}.py").exists() and not (ROOT / m / "__main__.py").exists()] == []


def test_the_readme_names_every_chore_and_every_command(var: Path) -> None:
    code = code_of(README)
    for chore in re.findall(r"(?m)^([a-z]+):.*?## ", (ROOT / "Makefile").read_text("utf-8")):
        assert f"make {chore}" in code, chore
    for command in set(COMMANDS) - {"sequencer"}:  # which make run starts
        assert f"ledger {command}" in code, command
    own = {
        name
        for name, c in create_app(settings_in(var)).cli.commands.items()
        if c.callback.__module__.startswith("app.")
    }
    for command in own - {"demo-data", "sweep"}:  # which make run does
        assert f"--app wsgi {command}" in code, command


# Settings


def variables_of(file: Path) -> set[str]:
    """Names in capitals that a module asks an environment for: `environ.get("X")`, `environment["X"]`, `_whole(environ, "X"…)`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        asked = []
        if isinstance(node, ast.Call):
            asked = [a for a in node.args if isinstance(a, ast.Constant)] if "environ" in ast.unparse(node) else []
        elif isinstance(node, ast.Subscript) and "environ" in ast.unparse(node.value):
            asked = [node.slice] if isinstance(node.slice, ast.Constant) else []
        found |= {a.value for a in asked if isinstance(a.value, str) and re.fullmatch(r"[A-Z][A-Z_]{3,}", a.value)}
    return found


def settings_of_the_code() -> set[str]:
    files = [
        ROOT / "app" / "config.py",
        ROOT / "ledger" / "commands" / "sequencer.py",
        *(ROOT / "app" / "server").glob("*.py"),
        *(ROOT / "app" / "wechat_mock").glob("*.py"),
    ]
    asked = set().union(*(variables_of(file) for file in files))
    tables = re.findall(
        r'"([A-Z]+_[A-Z_]+)", "[A-Z]+"', (ROOT / "ledger" / "commands" / "sequencer.py").read_text("utf-8")
    )
    return (asked | set(tables)) - BETWEEN_PROCESSES


def test_the_settings_of_the_readme_are_those_of_the_code() -> None:
    named = {name for row in rows_of(README, "## Settings") for name in re.findall(r"`([A-Z_]+)`", row[0])}
    assert named == settings_of_the_code()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_page_names_a_setting_that_does_not_exist(page: Path) -> None:
    named = set(re.findall(r"\b([A-Z][A-Z]+_[A-Z_]+)\b", code_of(page.read_text("utf-8"))))
    known = settings_of_the_code() | BETWEEN_PROCESSES | OF_THE_CHORES
    assert {n for n in named - known if not re.search(rf"\b{n}\b", sources())} == set()


# What stays in clear


def test_what_stays_in_clear_beside_sealed_payloads_is_what_the_page_says() -> None:
    said = {
        row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2]))
        for row in rows_of(ARCHITECTURE, "### What stays in clear beside a sealed payload")
    }
    real = {
        table.name: {column.name for column in table.columns} - SEALED
        for table in Base.metadata.sorted_tables
        if SEALED & {column.name for column in table.columns}
    }
    assert said == real


def test_the_page_names_every_table() -> None:
    section = ARCHITECTURE.split("### What stays in clear", 1)[1].split("\n## ", 1)[0]
    tables = {t.name for m in (Base.metadata, ledger_tables) for t in m.sorted_tables}
    assert {name for name in tables if f"`{name}`" not in section} == set()


def test_the_page_names_every_room_and_every_door() -> None:
    section = ARCHITECTURE.split("## Rooms and arrows", 1)[1].split("\n## ", 1)[0]
    doors = {p.parent.name for p in (ROOT / "app" / "web").glob("*/__init__.py")}
    rooms = {p.parent.name for p in (ROOT / "app").glob("*/__init__.py")} - {"migrations"}
    assert {d for d in doors if f"`{d}`" not in section} == set()
    assert {r for r in rooms if f"`app/{r}/`" not in section} == set()


# One word for each thing


def sources() -> str:
    """All our code and pages as one text."""
    files = [f for room in ("app", "ledger") for f in (ROOT / room).rglob("*.py")]
    files += list((ROOT / "templates").rglob("*.html"))
    return "\n".join(f.read_text("utf-8") for f in files)


def test_every_word_of_the_glossary_is_in_use() -> None:
    text = sources()
    for heading in re.findall(r"(?m)^## .+$", GLOSSARY):
        for english, chinese, name, meaning in rows_of(GLOSSARY, heading):
            assert english and meaning
            assert not chinese or chinese in text, f"{english}: {chinese} stands on no page"
            for one in re.findall(r"`(\w+)`", name):
                assert re.search(rf"\b{one}|_{one}\b", text), f"{english}: nothing is called {one}"


def test_every_decision_is_listed_under_its_title() -> None:
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text("utf-8")
    for page in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        title = page.read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert f"]({page.name}) | {title} |" in listed, page.name
