"""Where the site stands: its instance folder with the lock of who runs there, its host and its port.

Standard library only, and read by `.ci/prepare.py` before anything is installed: what is in the way is said at once.
"""

import fcntl
import json
import os
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path

ORPHANS_SECONDS = 12.0
ROOT = Path(__file__).resolve().parent.parent.parent


class CannotServe(Exception):
    """What is in the way of serving, as the sentence for whoever typed the command."""


@dataclass(frozen=True)
class Address:
    """Where the site listens."""

    host: str
    port: int

    @property
    def everywhere(self) -> bool:
        """Whether other machines of the network reach it, at an address that is not `host`."""
        return self.host in ("0.0.0.0", "::")  # noqa: S104 -- compared, not bound

    @property
    def local(self) -> str:
        """The address as seen from this machine, without a slash at its end."""
        if self.everywhere:
            return f"http://127.0.0.1:{self.port}"
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    @property
    def bind(self) -> str:
        """As gunicorn writes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def shared(self) -> str:
        """The address to tell others: this machine's own on its network where the site listens everywhere."""
        return f"http://{address_on_the_network()}:{self.port}" if self.everywhere else self.local


def address_on_the_network() -> str:
    """The IPv4 address this machine would speak from, or loopback without a network. Connecting UDP sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address that is nobody's
        except OSError:
            return "127.0.0.1"
        name: tuple[str, int] = probe.getsockname()
        return name[0]


def free_address() -> Address:
    """HOST and PORT of the environment (127.0.0.1:8000), after trying that the port can be had.

    Raises CannotServe naming the port and what to set. Between this and the real bind somebody may take it: then the
    server's own refusal is shown.
    """
    host, text = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 65536:
        raise CannotServe(f"PORT is {text!r}: set it to a number from 1 to 65535, for example PORT=8001 make run.")
    address = Address(host, int(text))
    try:
        family, _, _, _, where = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(where)
    except socket.gaierror as problem:
        raise CannotServe(
            f"HOST is {host!r}, which is no address of this machine: HOST=127.0.0.1 make run."
        ) from problem
    except PermissionError as problem:
        raise CannotServe(f"Port {text} is reserved for root: choose one above 1023, PORT=8001 make run.") from problem
    except OSError as problem:
        another = address.port % 65535 + 1
        raise CannotServe(
            f"Port {text} on {host} cannot be used ({problem.strerror}): choose another, PORT={another} make run."
        ) from problem
    return address


def instance_folder() -> Path:
    """What the site keeps is here: `var/` in the clone, or where MINGZHEN_VAR says."""
    return Path(os.environ.get("MINGZHEN_VAR") or ROOT / "var").absolute()


def require_writable(folder: Path) -> None:
    """Asked by trying: a permission bit says little to root, and nothing about a read-only mount."""
    trial = folder / f".writable-{os.getpid()}"
    try:
        trial.touch()
        trial.unlink()
    except OSError as problem:
        raise CannotServe(
            f"Cannot write into {folder} ({problem.strerror}): move the clone to a folder of your own, "
            "or give yourself the right to write there."
        ) from problem


def take(folder: Path) -> int:
    """The lock of the instance folder, as an open descriptor. The launcher's children share it: it lasts until the last
    of them has ended, however that comes.

    Raises CannotServe saying who holds it, or that the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CannotServe(
            f"Cannot make the folder {folder} ({problem.strerror}): move the clone to a folder of your own, "
            "or set MINGZHEN_VAR to one."
        ) from problem
    require_writable(folder)
    descriptor = os.open(folder / "running.json", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + ORPHANS_SECONDS
    while not _locked(descriptor):
        running = who_runs(folder)
        if running and not _is_alive(running.pid) and time.monotonic() < deadline:
            time.sleep(0.05)  # it was killed, and the processes it had started are on their way out
            continue
        os.close(descriptor)
        where = f" at {running.url} (process {running.pid})" if running else ""
        raise CannotServe(
            f"Mingzhen already runs from this folder{where}: stop it with Ctrl-C where it was started, "
            "or set MINGZHEN_VAR and PORT to run another beside it."
        )
    os.ftruncate(descriptor, 0)
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@dataclass(frozen=True)
class Running:
    """The launcher that holds a folder."""

    pid: int
    url: str


def tell_who_runs(descriptor: int, url: str) -> None:
    """Into the lock file: who holds it, for `make reset`, `make verify` and a second `make run`."""
    text = json.dumps({"pid": os.getpid(), "url": url}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)


def who_runs(folder: Path) -> Running | None:
    """The launcher that last took `folder`; None while it is still preparing. Whether it lives, only the lock tells."""
    try:
        told = json.loads((folder / "running.json").read_text())
        return Running(int(told["pid"]), str(told["url"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_held(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / "running.json", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


def end_and_take(folder: Path, patience_seconds: float = 20) -> int:
    """Ask whoever runs from `folder` to end, and hold its lock once the launcher and all it started are gone."""
    descriptor = os.open(folder / "running.json", os.O_RDWR)
    asked = False
    deadline = time.monotonic() + patience_seconds
    while not _locked(descriptor):
        running = who_runs(folder)
        if running and not asked and _is_alive(running.pid):
            os.kill(running.pid, signal.SIGTERM)
            asked = True
        if time.monotonic() > deadline:
            raise CannotServe("The site still runs: stop it with Ctrl-C where it was started, then try again.")
        time.sleep(0.05)
    return descriptor
