"""The chores before anything is installed: which Python is taken, and what is said when there is none."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import browser
from tests.server.launched import ROOT, free_port


def python_that_is(folder: Path, name: str, version: str, *, has_venv: bool = True) -> Path:
    """A program that answers the questions of `find-python` as a Python of that version would."""
    major, minor = version.split(".")
    old = 1 if (int(major), int(minor)) < (3, 11) else 0
    program = folder / name
    program.write_text(
        f'#!/bin/sh\ncase "$2" in\n*print*) echo {version};;\n*"sys.exit(sys.version_info"*) exit {old};;\n'
        f"*ensurepip*) exit {0 if has_venv else 1};;\nesac\n"
    )
    program.chmod(0o755)
    return program


def find_python(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    shell = shutil.which("sh")
    assert shell
    return subprocess.run(
        [shell, ROOT / ".ci" / "find-python"],
        env={"PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_newest_python_that_is_known_to_work_is_taken(tmp_path: Path) -> None:
    python_that_is(tmp_path, "python3", "3.11")
    best = python_that_is(tmp_path, "python3.12", "3.12")
    assert find_python(tmp_path).stdout.strip() == str(best)


def test_a_python_without_venv_is_passed_over_for_one_that_has_it(tmp_path: Path) -> None:
    python_that_is(tmp_path, "python3.13", "3.13", has_venv=False)
    good = python_that_is(tmp_path, "python3", "3.11")
    assert find_python(tmp_path).stdout.strip() == str(good)


def test_where_venv_is_split_off_the_line_to_run_is_said(tmp_path: Path) -> None:
    python_that_is(tmp_path, "python3", "3.11", has_venv=False)
    found = find_python(tmp_path)
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert "sudo apt-get install python3.11-venv" in found.stderr


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    python_that_is(tmp_path, "python3", "3.9")
    found = find_python(tmp_path)
    assert found.returncode == 1
    assert "needs Python 3.11 or later" in found.stderr
    assert "python3 is 3.9" in found.stderr


def test_no_python_at_all_is_said(tmp_path: Path) -> None:
    assert "none found" in find_python(tmp_path).stderr


def test_the_python_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    mine = python_that_is(tmp_path, "mine", "3.14")
    assert find_python(tmp_path, PYTHON=str(mine)).stdout.strip() == str(mine)


def a_clone(folder: Path) -> Path:
    """What preparing needs of the repository, without anything installed."""
    (folder / "app").mkdir(parents=True)
    for name in (".ci", "app/server"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_a_cold_start_without_network_is_one_sentence(tmp_path: Path) -> None:
    clone = a_clone(tmp_path / "clone")
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_CONFIG_FILE": "/dev/null", "HOME": str(tmp_path)}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "MINGZHEN_", "PORT"))}
    ran = subprocess.run(
        [sys.executable, ".ci/prepare.py", "run"],
        cwd=clone,
        env={**kept, **nowhere, "PORT": str(free_port())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.strip().startswith("No network: Python packages could not be fetched. Connect this machine")
    assert ran.stderr.strip().count("\n") == 0


def test_each_step_is_named_into_a_file_too_before_the_launcher_takes_over(tmp_path: Path) -> None:
    clone = a_clone(tmp_path / "clone")
    stand_in = clone / ".venv" / "bin" / "python"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text("#!/bin/sh\nexit 0\n")
    stand_in.chmod(0o755)
    (clone / ".venv" / "mingzhen-place").write_text(str(clone))
    kept = {key: os.environ[key] for key in os.environ if not key.startswith(("MINGZHEN_", "APP_ENV", "PYTHONUNB"))}
    said = tmp_path / "said"
    with said.open("w") as stdout:
        ran = subprocess.run(
            [sys.executable, ".ci/prepare.py", "run"],
            cwd=clone,
            env={**kept, "PORT": str(free_port())},
            stdout=stdout,
            check=False,
        )
    steps = [line.strip().rsplit("  ", 1)[0].strip() for line in said.read_text().splitlines()]
    assert (ran.returncode, steps) == (
        0,
        ["Python packages", "front-end files", "translations", "keys and database"],
    )


def test_a_port_in_use_is_said_before_anything_is_installed(tmp_path: Path) -> None:
    clone = a_clone(tmp_path / "clone")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MINGZHEN_")}
        ran = subprocess.run(
            [sys.executable, ".ci/prepare.py", "run"],
            cwd=clone,
            env={**kept, "PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ran.returncode, ran.stderr.strip().split(" cannot")[0]) == (1, f"Port {port} on 127.0.0.1")
    assert not (clone / ".venv").exists()


def test_a_browser_that_was_named_and_is_not_there_is_not_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    assert browser.find_chromium() is None
    assert "chromium" in browser.missing_packages()
    with pytest.raises(browser.NoBrowser, match="chromium"):
        browser.chromium_path()


def test_without_root_the_one_line_to_run_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(browser, "missing_packages", lambda: ["chromium", "redis-server"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert browser.bring(browser.missing_packages) == 1
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "chromium" in said and "redis" in said


@pytest.mark.parametrize(("strict", "status"), [("true", 1), ("", 0)])
def test_a_skipped_test_fails_in_continuous_integration_only(tmp_path: Path, strict: str, status: int) -> None:
    word = "skip"
    (tmp_path / "test_it.py").write_text(f"import pytest\ndef test_it():\n    pytest.{word}('no reason')\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.plugins.noskip",
        "-c",
        "/dev/null",
        "--rootdir",
        str(tmp_path),
    ]
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "CI": strict},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == status, ran.stdout
