"""Who has no copy of the program gets one from the ledger's page, and can check with it."""

import hashlib
import io
import re
import subprocess
import sys
import zipfile

import pytest

from app import ROOT
from app.web.log.program import PACKAGES, program_file

# Nothing else that is installed here may be imported: as in a new environment with the packages of the file.
ALONE = """
import importlib, pkgutil, sys
from importlib.metadata import packages_distributions
known = packages_distributions()
class Others:
    def find_spec(self, name, path=None, target=None):
        whose = {one.lower().replace("_", "-") for one in known.get(name.partition(".")[0], ())}
        if whose and not whose & set(sys.argv[1:]):
            raise ModuleNotFoundError(f"{name} is not among the packages of the file")
sys.meta_path.insert(0, Others())
import ledger
assert "mingzhen-ledger" in ledger.__file__
for module in pkgutil.walk_packages(ledger.__path__, "ledger."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted({one.lower() for name in sys.modules for one in known.get(name.partition(".")[0], ())}))
"""


@pytest.fixture
def unpacked(app, tmp_path):
    answer = app.test_client().get("/ledger/program.zip")
    assert answer.status_code == 200 and answer.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as file:
        file.extractall(tmp_path)
    return tmp_path / "mingzhen-ledger"


def run(unpacked, *arguments):
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=unpacked, capture_output=True, text=True, timeout=120, env={"PATH": "/usr/bin"})


def test_it_runs_by_itself_and_asks_for_no_more_than_it_names(unpacked):
    helped = run(unpacked, "-m", "ledger", "--help")
    assert helped.returncode == 0 and "audit" in helped.stdout
    pinned = set(re.findall(r"^([a-z0-9-]+)==", (unpacked / "requirements.txt").read_text(), re.MULTILINE))
    assert pinned == set(PACKAGES)
    loaded = run(unpacked, "-c", ALONE, *pinned)
    assert loaded.returncode == 0, loaded.stderr
    assert {"pycryptodome", "sqlalchemy", "rfc8785"} <= set(loaded.stdout.split())
    for missing in ("pycryptodome", "sqlalchemy", "rfc8785"):
        assert run(unpacked, "-c", ALONE, *(pinned - {missing})).returncode != 0


def test_every_package_is_hashed_as_the_hospitals_own(unpacked):
    ours = (ROOT / "requirements.txt").read_text()
    theirs = (unpacked / "requirements.txt").read_text()
    blocks = re.split(r"^(?=[a-z0-9-]+==)", theirs, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(PACKAGES)
    assert all("--hash=sha256:" in block and block in ours for block in blocks)


def test_it_is_the_program_that_runs_here_and_the_page_says_its_digest(app, unpacked):
    sources = {path.relative_to(ROOT) for path in (ROOT / "ledger").rglob("*.py")}
    assert {path.relative_to(unpacked) for path in (unpacked / "ledger").rglob("*.py")} == sources
    assert all((unpacked / path).read_bytes() == (ROOT / path).read_bytes() for path in sources)
    page = app.test_client().get("/ledger/").text
    assert hashlib.sha256(program_file(ROOT)).hexdigest() in page and "/ledger/program.zip" in page
    program_file.cache_clear()
    assert hashlib.sha256(program_file(ROOT)).hexdigest() in page  # the same sources, the same bytes
