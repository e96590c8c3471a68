"""Bring this clone to where a chore can start: packages, front-end files, translations, and for `run` the database.

    prepare.py run [--quiet]           everything the site needs, then become the launcher (app/server)
    prepare.py site [--quiet]          packages, front-end files and translations
    prepare.py db                      these, and keys and tables
    prepare.py test [--no-browser]     what the tests need besides
    prepare.py reset                   stop the demo and remove what was done in it

Every step leaves a stamp with the hash of what it was made from: a warm start does nothing and needs no network.
A failure is one sentence that says what to do; what the tools said is in `.venv/setup.log`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "app" / "server"))

import place  # noqa: E402 -- stands alone, for nothing is installed yet

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "setup.log"
SIGNS_OF_NO_NETWORK = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Name or service not known",
    "nodename nor servname",
    "Network is unreachable",
    "Read timed out",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ENETUNREACH",
)


def main(arguments: list[str]) -> int:
    chore, options = arguments[0], set(arguments[1:])
    os.chdir(ROOT)
    try:
        if chore == "reset":
            return reset()
        prepare(chore, options)
    except place.CannotServe as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; what was finished is kept.", file=sys.stderr)
        return 130
    return 0


def prepare(chore: str, options: set[str]) -> None:
    say: Callable[[str], None] = (lambda _: None) if "--quiet" in options else tell
    place.require_writable(ROOT)
    lock = None
    if chore == "run":
        lock = place.take(place.instance_folder())
        place.free_address()
    with alone():
        make_environment(say)
        LOG.write_text("")
        install("requirements", say)
        if chore == "test":
            install("requirements-test", say)
        front_end(say, for_tests=chore == "test")
        translations(say)
        if chore == "test" and "--no-browser" not in options:
            step(say, "browser", [PYTHON, "-m", "tests.browser"])
            step(say, "Go", [PYTHON, "-m", "tests.golang"])
            step(say, "witnesses of others", [PYTHON, "-m", "tests.foreign"])
    if chore == "db":
        (place.instance_folder() / "prepared").unlink(missing_ok=True)
    if chore in ("run", "db"):
        database(say)
    if lock is not None:
        os.set_inheritable(lock, True)
        os.execve(PYTHON, [PYTHON, "-m", "app.server"], {**os.environ, "MINGZHEN_LOCK_FD": str(lock)})  # noqa: S606


# --- the steps -------------------------------------------------------------------------------------------------------


def make_environment(say: Callable[[str], None]) -> None:
    """A virtual environment whose interpreter works here: one that was moved or lost its Python is made anew."""
    if PYTHON.exists():
        answer = VENV / "mingzhen-place"
        if not answer.exists():
            check = subprocess.run([PYTHON, "-c", "import pip"], capture_output=True, check=False)
            if check.returncode == 0:
                answer.write_text(str(ROOT))
        if answer.exists() and answer.read_text() == str(ROOT):
            return
    shutil.rmtree(VENV, ignore_errors=True)
    started = begin(say, "Python environment")
    made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
    if made.returncode:
        lines = (made.stdout + made.stderr).strip().splitlines() or ["no reason given"]
        raise place.CannotServe(f"Python could not make .venv: {lines[-1]}")
    (VENV / "mingzhen-place").write_text(str(ROOT))
    finish(say, started)


def install(name: str, say: Callable[[str], None]) -> None:
    """The pinned packages of `name`.txt, each checked against its hash. pip resolves nothing: the file names all."""
    command: list[str | Path] = [PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", "--retries", "3"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "-r", f"{name}.txt"]
    title = {"requirements": "Python packages", "requirements-test": "test packages"}[name]
    step(say, title, command, stamp_of([ROOT / f"{name}.txt"]), name)


def front_end(say: Callable[[str], None], *, for_tests: bool) -> None:
    """WeUI and the small scripts, copied into static/vendor/."""
    script = ROOT / ".ci" / "vendor.py"
    if not script.exists():
        return
    stamp = stamp_of([script, ROOT / "package.json", ROOT / "package-lock.json"])
    if not (ROOT / "static" / "vendor").is_dir():
        forget("front-end")
        forget("front-end-dev")
    if not for_tests and current("front-end-dev", stamp):
        return
    command: list[str | Path] = [PYTHON, script]
    name = "front-end"
    if for_tests:
        command, name = [*command, "--dev"], "front-end-dev"
    step(say, "front-end files", command, stamp, name)


def translations(say: Callable[[str], None]) -> None:
    script = ROOT / ".ci" / "translations.py"
    catalogues = sorted((ROOT / "app").glob("translations/**/*.po"))
    if not script.exists():
        return
    if any(not one.with_suffix(".mo").exists() for one in catalogues):
        forget("translations")
    step(say, "translations", [PYTHON, script], stamp_of([script, *catalogues]), "translations")


def database(say: Callable[[str], None]) -> None:
    """Keys and tables, as far as they are missing. A demo that this same version prepared is left alone: it starts sooner."""
    if os.environ.get("APP_ENV", "demo") != "demo":
        step(say, "database", [PYTHON, "-m", "flask", "--app", "wsgi", "migrate"])
        return
    folder = place.instance_folder()
    done = folder / "prepared"
    elsewhere = os.environ.get("DATABASE_URL") or os.environ.get("KEYRING_URL")
    version = stamp_of([ROOT / "app" / "setup.py", *sorted((ROOT / "app" / "migrations").rglob("*.py"))])
    if not elsewhere and (folder / "mingzhen.db").exists() and done.exists() and done.read_text() == version:
        return
    folder.mkdir(parents=True, exist_ok=True)
    step(say, "keys and database", [PYTHON, "-m", "app.setup"])
    done.write_text(version)


# --- how a step runs -------------------------------------------------------------------------------------------------


def step(say: Callable[[str], None], title: str, command: list[str | Path], stamp: str = "", name: str = "") -> None:
    """Run `command` unless its stamp says that it was done from the same material.

    A step without a name has no stamp and always runs.
    """
    if name and current(name, stamp):
        return
    started = begin(say, title)
    with LOG.open("a") as log:
        log.write(f"\n== {title}\n")
        log.flush()
        from_here = log.tell()
        status = subprocess.call(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)
    if status:
        fail(title, LOG.read_bytes()[from_here:].decode(errors="replace"))
    if name:
        (VENV / f"mingzhen-{name}").write_text(stamp)
    finish(say, started)


def fail(title: str, said: str) -> NoReturn:
    if any(sign in said for sign in SIGNS_OF_NO_NETWORK):
        raise place.CannotServe(
            f"No network: {title} could not be fetched. Connect this machine and run make again; "
            "once everything is here, later starts need no network."
        )
    if "No space left on device" in said:
        raise place.CannotServe(
            f"The disk is full: {title} needs room (400 MB for everything). Free some and run make again."
        )
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()] or ["it said nothing"]
    raise place.CannotServe(
        f"The step “{title}” failed: {lines[-1]}\nEverything it said is at the end of .venv/setup.log."
    )


def tell(text: str) -> None:
    """At once, into a file or a pipe too: this process becomes another one, which would drop what still waits in it."""
    print(text, end="", flush=True)


def begin(say: Callable[[str], None], title: str) -> float:
    """Name the step before it takes its time; when it began comes back."""
    say(f"  {title:<20}")
    return time.monotonic()


def finish(say: Callable[[str], None], started: float) -> None:
    say(f" {time.monotonic() - started:5.1f} s\n")


def stamp_of(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0")
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()


def current(name: str, stamp: str) -> bool:
    file = VENV / f"mingzhen-{name}"
    return file.exists() and file.read_text() == stamp


def forget(name: str) -> None:
    (VENV / f"mingzhen-{name}").unlink(missing_ok=True)


@contextmanager
def alone() -> Iterator[None]:
    """One preparation at a time in this clone; a second one waits."""
    with (ROOT / "Makefile").open() as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


# --- the running site ------------------------------------------------------------------------------------------------


def reset() -> int:
    """Stop the demo that runs from here, if one does, and remove its folder. A hospital's own data is never removed."""
    folder = place.instance_folder()
    if os.environ.get("APP_ENV", "demo") != "demo":
        raise place.CannotServe("make reset is for the demo only: APP_ENV says that this is not one.")
    if not (folder / "running.json").exists():
        print("There is nothing to throw away: the next make run starts fresh.")
        return 0
    if sys.stdin.isatty():
        print(f"This throws away everything done in the demo at {folder}. Type yes to go on: ", end="", flush=True)
        if sys.stdin.readline().strip().lower() != "yes":
            print("Nothing was changed.")
            return 1
    lock = place.end_and_take(folder)
    shutil.rmtree(folder)
    os.close(lock)
    print("The demo is reset: the next make run starts fresh.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
