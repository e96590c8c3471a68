"""A whole site in processes of its own, started as `make run` starts it, in a folder and on a port of its own."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 600.0  # a loaded machine is no failure: a first demo took more than ninety where twenty others ran


def free_port() -> int:
    """A port for a server that starts later, not of those that the system deals out to whoever connects meanwhile."""
    for port in random.Random(os.urandom(8)).sample(range(15_000, 32_000), 1000):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("a thousand ports are taken")


def wait_until(what, patience_seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + patience_seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def began(pid: int) -> int:
    """When a process began, in clock ticks since the machine started (proc(5), field 22 of stat); late for one that is gone."""
    try:
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return sys.maxsize


class Site:
    """One instance folder with a launcher in it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("WECHAT_", "LEDGER_"))}
        self.environment = {
            **kept,
            "MINGZHEN_VAR": str(folder),
            "PORT": str(self.port),
            "HOST": "127.0.0.1",
            **environment,
        }
        self.words = folder.parent / f"{folder.name}.words"
        self.launcher: subprocess.Popen[bytes] | None = None

    def prepare(self) -> "Site":
        """Keys and tables, as the step before the launcher makes them."""
        subprocess.run([sys.executable, "-m", "app.setup"], cwd=ROOT, env=self.environment, check=True)
        return self

    def start(self) -> "Site":
        with self.words.open("wb") as words:
            self.launcher = subprocess.Popen(
                [sys.executable, "-m", "app.server"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def ready(self) -> "Site":
        def is_ready() -> bool:
            assert self.launcher and self.launcher.poll() is None, self.said()
            return "is ready: " in self.said()

        wait_until(is_ready)
        return self

    def said(self) -> str:
        return self.words.read_text(errors="replace")  # half a character may be on its way

    def status(self, path: str = "/healthz") -> int:
        """The HTTP status of a page, 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def processes(self) -> dict[int, str]:
        """Every living process of this folder by its id, with its command: the launcher, its children and theirs."""
        mark = f"MINGZHEN_VAR={self.folder}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found

    def memory_kb(self) -> int:
        """What all processes take together; a page that several share counts once (PSS)."""
        total = 0
        for pid in self.processes():
            for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    def one(self, module: str) -> int:
        """The process that runs `module`; of gunicorn the master, which is the oldest. Numbers tell no age: they begin anew."""
        found = [pid for pid, command in self.processes().items() if f" {module} " in f"{command} "]
        return min(found, key=lambda pid: (began(pid), pid))

    def end(self, number: int = signal.SIGINT) -> int:
        """Send the launcher a signal; its exit status comes back."""
        assert self.launcher
        self.launcher.send_signal(number)
        return self.launcher.wait(timeout=PATIENCE_SECONDS)

    def sweep(self) -> None:
        """After a test, whatever happened in it."""
        if self.launcher and self.launcher.poll() is None:
            self.launcher.terminate()
            try:
                self.launcher.wait(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.launcher.kill()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
