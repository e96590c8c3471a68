"""What holds for the whole repository: what lies at the top, what no file may say, and what every pin must carry."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ROOMS = {".ci", "app", "bench", "docs", "ledger", "static", "templates", "tests"}
FILES = {
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "package-lock.json",
    "package.json",
    "pyproject.toml",
    "requirements-test.in",
    "requirements-test.txt",
    "requirements.in",
    "requirements.txt",
    "wsgi.py",
}
MUST_BE_THERE = FILES - {".gitattributes", "LICENSE"}

# Written by a program, or known values from elsewhere: as long as they need to be.
LONG_BY_NATURE = ("requirements.txt", "requirements-test.txt", "package-lock.json")
LONG_SUFFIXES = (".po", ".json", ".ndjson", ".svg")

# In pieces, so that this file does not say what it forbids.
HOSTS = ("py" + "pi.org", "files.python" + "hosted", "registry.npm" + "js", "npm" + "mirror.com", "deb.debian" + ".org")
MACHINE_PATHS = re.compile(
    r"(?<![\w.:/-])/(?:" + "|".join(("work", "root", "opt", "Users")) + r")/\w|(?<![\w.:/-])/home/\w+/"
)
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME")) + r")\b")
SKIPPED = re.compile("pytest" + r"\.(?:mark\.)?(?:skip|skipif|importorskip|xfail)\b")


def tracked() -> list[str]:
    """The paths git knows or would take: what is ignored is nobody's business here."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


FILES_HERE = tracked()


def text_of(name: str) -> str | None:
    data = (ROOT / name).read_bytes()
    return None if b"\0" in data[:8000] else data.decode()


TEXTS = {name: text for name in FILES_HERE if (text := text_of(name)) is not None}


def lines_with(pattern: re.Pattern[str], names: list[str]) -> list[str]:
    found = []
    for name in names:
        for number, line in enumerate(TEXTS[name].splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    return found


def test_only_the_agreed_rooms_and_files_lie_at_the_top() -> None:
    tops = {name.split("/")[0] for name in FILES_HERE}
    assert tops - ROOMS - FILES == set()


@pytest.mark.parametrize("name", sorted(MUST_BE_THERE))
def test_the_files_a_newcomer_looks_for_are_there(name: str) -> None:
    assert name in FILES_HERE


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(re.compile("|".join(map(re.escape, HOSTS))), list(TEXTS)) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    allowed = ("tests/browser.py",)  # where a browser usually lies, on anybody's machine
    assert lines_with(MACHINE_PATHS, [name for name in TEXTS if name not in allowed]) == []


def test_no_file_is_longer_than_500_lines() -> None:
    # Migrations are written by a program and never changed.
    wrong = {
        name: len(text.splitlines())
        for name, text in TEXTS.items()
        if len(text.splitlines()) > 500
        and name not in LONG_BY_NATURE
        and not name.endswith(LONG_SUFFIXES)
        and "/versions/" not in name
    }
    assert wrong == {}


def test_nothing_is_left_for_later_in_a_comment() -> None:
    assert lines_with(UNFINISHED, [name for name in TEXTS if name.endswith((".py", ".js", ".html", ".css"))]) == []


def test_no_test_is_skipped() -> None:
    assert lines_with(SKIPPED, [name for name in TEXTS if name.startswith("tests/") and name.endswith(".py")]) == []


def test_every_text_ends_with_one_newline_and_has_no_carriage_return() -> None:
    vectors = tuple(name for name in TEXTS if name.startswith("tests/vectors/"))
    wrong = [n for n, text in TEXTS.items() if text and n not in vectors and (not text.endswith("\n") or "\r" in text)]
    assert wrong == []


@pytest.mark.parametrize("name", ["requirements.in", "requirements-test.in"])
def test_every_package_is_pinned_and_says_why_it_is_here(name: str) -> None:
    lines = TEXTS[name].splitlines()
    for number, line in enumerate(lines):
        if not line or line.startswith(("#", "-c")):
            continue
        assert re.match(r"[a-z0-9.-]+==[0-9][^ ]*( ;|  +#|$)", line), f"{name}: not pinned: {line}"
        before = lines[number - 1]
        assert re.search(r"#\s+\S+( \S+)+", line) or before.startswith("#"), f"{name}: no reason: {line}"


@pytest.mark.parametrize("name", ["requirements", "requirements-test"])
def test_every_locked_package_has_its_hashes_and_the_lock_is_the_one_of_its_in_file(name: str) -> None:
    blocks = re.findall(
        r"(?m)^([a-z0-9.-]+==\S+)[^\n]*\\\n((?:    --hash=sha256:[0-9a-f]{64}[^\n]*\n)+)", TEXTS[f"{name}.txt"]
    )
    locked = [pin for pin, _ in blocks]
    assert locked == re.findall(r"(?m)^([a-z0-9][^ \n]*)", TEXTS[f"{name}.txt"])
    asked = re.findall(r"(?m)^([a-z0-9.-]+==[^ \n]+)", TEXTS[f"{name}.in"])
    assert sorted(set(asked) - set(locked)) == []


def test_what_tests_and_site_share_is_the_same_version() -> None:
    def pins(name: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for package, version in re.findall(r"(?m)^([a-z0-9.-]+)==(\S+)", TEXTS[name]):
            found.setdefault(package, set()).add(version)
        return found

    site, tests = pins("requirements.txt"), pins("requirements-test.txt")
    assert {
        package: (site[package], tests[package])
        for package in site.keys() & tests.keys()
        if site[package] != tests[package]
    } == {}


def test_the_npm_lock_has_hashes_and_no_addresses() -> None:
    lock = json.loads(TEXTS["package-lock.json"])
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if "integrity" not in entry] == []


@pytest.mark.parametrize(
    "made",
    [
        ".venv/bin/python",
        "var/mingzhen.db",
        "node_modules/weui/package.json",
        "static/vendor/weui.min.css",
        "app/__pycache__/x.cpython-311.pyc",
        "app/translations/patient/en/LC_MESSAGES/messages.mo",
        ".pytest_cache/README.md",
        ".mypy_cache/x.json",
        ".ruff_cache/x",
        ".hypothesis/x",
    ],
)
def test_git_ignores_what_is_made(made: str) -> None:
    assert subprocess.call(["git", "check-ignore", "-q", made], cwd=ROOT) == 0


def test_every_chore_of_the_makefile_is_listed_by_help() -> None:
    chores = set(re.findall(r"(?m)^([a-z]+):", TEXTS["Makefile"]))
    phony = re.search(r"(?m)^\.PHONY: (.*)$", TEXTS["Makefile"])
    assert phony and set(phony[1].split()) == chores
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    shown = subprocess.run(["make", "help"], cwd=ROOT, env=clean, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"(?m)^  make ([a-z]+) ", shown)) == chores
