"""The processes that are measured: the whole site as `make run` starts it, and gunicorn over the bare route."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from app import ROOT

PATIENCE_SECONDS = 180.0


class DidNotStart(Exception):
    """A server did not come up. The message is what it said."""


class Server:
    """One running server: its port, and the processes of its folder."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.port = port
        self.process = process

    def processes(self) -> list[int]:
        """Return the ids of all living processes that were told to use this folder."""
        mark = f"MINGZHEN_VAR={self.folder}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def cpu_seconds(self) -> float:
        """Return the processor time that its living processes have used so far."""
        return sum(cpu_seconds_of(pid) for pid in self.processes())

    def memory_mb(self) -> float:
        """Return what its processes take together, a page that several share counted once (PSS), in MiB."""
        total = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024


def cpu_seconds_of(pid: int | str) -> float:
    """Return the processor time of one process; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def site(folder: Path, environ: Mapping[str, str]) -> Iterator[Server]:
    """Run the whole site over `folder`: gunicorn, the sequencer, the pretend WeChat."""
    with _running(folder, ["-m", "app.server"], environ) as server:
        _wait(server, lambda said: "is ready: " in said)
        yield server


@contextlib.contextmanager
def bare(folder: Path) -> Iterator[Server]:
    """Run the bare route over `folder`, with the site's own gunicorn settings."""
    config = str(ROOT / "app" / "server" / "gunicorn_conf.py")
    with _running(folder, ["-m", "gunicorn", "--config", config, "bench.bare:app"], {}) as server:
        _wait(server, lambda _said: _answers(server.port))
        yield server


@contextlib.contextmanager
def _running(folder: Path, arguments: list[str], environ: Mapping[str, str]) -> Iterator[Server]:
    port = _free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WECHAT_", "LEDGER_", "MINGZHEN_"))}
    told = {**kept, "MINGZHEN_VAR": str(folder), "HOST": "127.0.0.1", "PORT": str(port), **environ}
    if "gunicorn" in arguments:
        arguments = [*arguments, "--bind", f"127.0.0.1:{port}"]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=told, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        yield Server(folder, port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(server: Server, is_ready) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + PATIENCE_SECONDS
    said = ""
    while time.monotonic() < deadline and server.process.poll() is None:
        said = (server.folder / "said").read_text(errors="replace")
        if is_ready(said):
            return
        time.sleep(0.05)
    raise DidNotStart(said)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])
