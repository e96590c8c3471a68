"""Fetching the third-party files of our pages: .ci/vendor.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(house: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ".ci/vendor.py", *arguments]
    return subprocess.run(
        command, cwd=house, env={**os.environ, **environ}, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A clone in which nothing is installed yet."""
    (tmp_path / ".ci").mkdir()
    for name in ("package.json", "package-lock.json", ".ci/vendor.py", ".ci/node.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_lock_file_holds_hashes_and_no_addresses() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert len(packages) > 1
    for name, package in packages.items():
        assert "resolved" not in package
        assert not name or package["integrity"].startswith("sha512-")


def test_every_file_lies_in_the_vendor_folder_with_its_licence() -> None:
    assert run(ROOT, "--dev").returncode == 0
    names = {path.name for path in (ROOT / "static" / "vendor").iterdir()}
    assert {"weui.min.css", "weui.LICENSE.txt", "nacl-fast.min.js", "tweetnacl.LICENSE.txt"} <= names


def test_without_a_network_one_sentence_says_what_to_do(house: Path) -> None:
    result = run(house, HOME=str(house), npm_config_registry="http://127.0.0.1:9/")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "connect this machine to the network" in result.stderr


def test_a_run_cut_short_is_done_again(house: Path) -> None:
    vendor = house / "static" / "vendor"
    vendor.mkdir(parents=True)
    (vendor / "weui.min.css").write_text("half a fi")
    result = run(house, HOME=str(house), npm_config_registry="http://127.0.0.1:9/")
    assert result.returncode == 1  # it tried


def test_a_wrong_call_says_how_to_call_it(house: Path) -> None:
    result = run(house, "--everything")
    assert (result.returncode, result.stderr) == (2, "usage: python .ci/vendor.py [--dev]\n")
