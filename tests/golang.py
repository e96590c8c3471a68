"""The Go of the tests: other people's tools that check our log, built from tests/go.

`python -m tests.golang` sees that Go and its golang.org/x/mod are there, by apt where apt and root are; else it prints the
one line to run and exits with 1. Then it builds. The program is `checker()`.

Nothing is fetched: x/mod is read from a GOPATH, Debian's or one's own, and needs no module proxy, no home, no C compiler.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.browser import bring

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tests" / "go" / "logcheck.go"
BUILT = ROOT / ".venv" / "go"
DEBIANS = Path("/usr/share/gocode")
BUILD_SECONDS = 600.0  # five on this machine when nothing is cached; a loaded one is no failure


class CannotBuild(Exception):
    """Go is missing or the program does not compile; the message says which."""


def find_go() -> str | None:
    """The go to run: on the path, or where Debian's versioned packages put it."""
    versioned = sorted(Path("/usr/lib").glob("go-*/bin/go"), reverse=True)
    return shutil.which("go") or next((str(place) for place in versioned), None)


def gopath() -> str:
    """Return the folders below which golang.org/x/mod may lie: one's own, and Debian's."""
    own = os.environ.get("GOPATH") or str(Path(os.environ.get("HOME") or "/nonexistent", "go"))
    return os.pathsep.join([*own.split(os.pathsep), str(DEBIANS)])


def missing_packages() -> list[str]:
    """Debian's names of what is not here."""
    missing = [] if find_go() else ["golang-go"]
    places = [Path(folder, "src/golang.org/x/mod/sumdb/tlog") for folder in gopath().split(os.pathsep)]
    return missing if any(place.is_dir() for place in places) else [*missing, "golang-golang-x-mod-dev"]


def checker() -> Path:
    """Return the built program; Go itself sees whether its source changed. Raises CannotBuild."""
    go = find_go()
    if go is None or missing_packages():
        raise CannotBuild("no Go with golang.org/x/mod here: python -m tests.golang says how to get it")
    program = BUILT / "logcheck"
    environ = {
        "PATH": os.environ["PATH"],
        "GOPATH": gopath(),
        "GOCACHE": str(BUILT / "cache"),
        "GO111MODULE": "off",  # packages come from GOPATH: a module would have to be fetched
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    # Beside it and moved: another run may be using the one that is there.
    fresh = program.with_name(f"logcheck.{os.getpid()}")
    command = [go, "build", "-trimpath", "-o", str(fresh), str(SOURCE)]
    built = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if built.returncode:
        raise CannotBuild(built.stderr.strip() or f"go build ended with {built.returncode}")
    fresh.replace(program)
    return program


def main() -> int:
    status = bring(missing_packages)
    if status == 0:
        BUILT.mkdir(parents=True, exist_ok=True)
        try:
            checker()
        except CannotBuild as problem:
            print(problem)
            return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
