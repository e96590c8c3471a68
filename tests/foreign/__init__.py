"""Witnesses written by others, for the tests: `aics-witness`, which serves c2sp.org/tlog-witness and feeds witnesses too.

`python -m tests.foreign` installs it, pinned and by its hashes, into a folder of its own: it says of itself that it needs
Python 3.12, and runs on 3.11 all the same. What it needs besides (`cryptography`) the project has.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("requirements.txt")
FOLDER = ROOT / ".venv" / "foreign"


def folder() -> Path:
    """Return the folder to import them from."""
    assert (FOLDER / "installed").exists(), "python -m tests.foreign installs what these tests need"
    return FOLDER


def main() -> int:
    mark = FOLDER / "installed"
    if mark.exists() and mark.read_text() == LIST.read_text():
        return 0
    shutil.rmtree(FOLDER, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--target", str(FOLDER), "--no-deps", "--require-hashes"]
    command += ["--ignore-requires-python", "--disable-pip-version-check", "--no-input", "-q", "-r", str(LIST)]
    status = subprocess.run(command, check=False).returncode
    if status == 0:
        mark.write_text(LIST.read_text())
    return status
