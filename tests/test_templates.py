"""Pages: each has its view and each view its page, nothing is said inline, and every word is said in both languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from jinja2 import nodes

from app import ROOT

TEMPLATES = ROOT / "templates"
FILES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
FRAMES = {"base.html", "staff.html", "screen.html", "error.html", "ask_first.html"}
HAN = re.compile(r"[\u3400-\u9fff]")
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=\"|javascript:", re.IGNORECASE)


def rendered() -> dict[str, set[str]]:
    """Return template -> the modules that render it, read off `render_template` and `fragment` calls."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "app" / "web").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".html"):
                found.setdefault(node.value, set()).add(path.relative_to(ROOT).as_posix())
    return found


def included() -> set[str]:
    """Return every template that another one extends, includes or imports."""
    text = "".join((TEMPLATES / name).read_text("utf-8") for name in FILES)
    return set(re.findall(r"\"([\w/.]+\.html)\"", text))


def test_every_page_that_a_view_shows_exists_and_every_page_is_shown() -> None:
    shown = rendered()
    assert set(shown) - set(FILES) == set()
    assert set(FILES) - set(shown) - included() == set()


def test_a_page_stands_in_the_folder_of_its_door() -> None:
    for name, modules in rendered().items():
        if name in FRAMES or "/" not in name:
            continue
        doors = {Path(module).parts[2].removesuffix(".py") for module in modules}
        assert doors == {name.split("/")[0]}, (name, modules)


def test_pages_of_people_are_named_after_their_views(app) -> None:
    endpoints = {endpoint.replace(".", "/") for endpoint in app.view_functions}
    pages = {name.removesuffix(".html") for name in rendered() if "/" in name and "/_" not in name}
    # A form that comes back with a mistake, and a second step, are pages of the view that shows them first.
    steps = {"patient/sign_in_code", "patient/welcome", "claims/person", "staff/recovery_codes", "smart/unknown"}
    assert pages - endpoints - steps == set()


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_inline(name: str) -> None:
    assert INLINE.findall((TEMPLATES / name).read_text("utf-8")) == []


@pytest.mark.parametrize("name", FILES)
def test_every_visible_word_is_translated(app, name: str) -> None:
    """Chinese outside of `_()` would be Chinese on an English page."""
    tree = app.jinja_env.parse((TEMPLATES / name).read_text("utf-8"))
    bare = [data.data.strip() for data in tree.find_all(nodes.TemplateData) if HAN.search(data.data)]
    allowed = {
        "中",
        "中文",
        "明诊",
    }  # the language switch names each language in itself; the hospital's name is its name
    assert [text for text in bare if not set(re.findall(r"[\u3400-\u9fff]+", text)) <= allowed] == []


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_marked_safe_without_a_reason_beside_it(name: str) -> None:
    for line in (TEMPLATES / name).read_text("utf-8").splitlines():
        if re.search(r"\|\s*safe\b|autoescape false", line):
            assert "{#" in line, f"{name}: {line.strip()} (say why in a comment on the line)"


def test_the_check_of_words_sees_a_bare_one() -> None:
    assert HAN.search("<p>签到</p>") and INLINE.search('<p style="x">') and INLINE.search("<script>alert(1)</script>")
    assert not INLINE.search('<script src="/static/js/x.js" defer></script>')
