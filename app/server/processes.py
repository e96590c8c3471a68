"""The processes of the site and who watches over them.

Each child is the leader of its own process group, so that a Ctrl-C in the terminal reaches the launcher alone, which
then ends them in order; and each is tethered (`tethered.py`), so that none outlives a launcher that was killed.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.server.output import Output
from app.server.place import ROOT

TETHERED = Path(__file__).with_name("tethered.py")
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
STEADY_AFTER_SECONDS = 20.0
GRACE_SECONDS = 8.0
LAST_WORDS_SECONDS = 1.0


@dataclass(frozen=True)
class Program:
    """One process to keep running. `when_refused` is said when it ends with one of `refusals`; it is not started again.

    A program with `essential` ends the whole site when it falls that many times in a row without having been steady.
    """

    name: str
    module: str
    arguments: Sequence[str]
    refusals: Sequence[int] = ()
    when_refused: str = ""
    essential: int = 0


class Child:
    """One program, started as often as it takes."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[str] | None = None
        self.falls = 0
        self.started_at = 0.0
        self.once: queue.SimpleQueue[int] | None = None  # gets the exit status of a program that is to end by itself

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        if self.alive and self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def kill_group(self) -> None:
        """Whatever the child started and left behind, gunicorn's workers say."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Keeps the programs running until told to stop. Everything happens in the thread that calls `run`."""

    def __init__(self, programs: Sequence[Program], environment: Mapping[str, str], output: Output, lock: int) -> None:
        self._children = [Child(program) for program in programs]
        self._environment = dict(environment)
        self._output = output
        self._lock = lock
        self._news: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stopping = False
        self._status = 0
        self.refused: list[str] = []  # the names of the programs that ended with a refusal
        self._tether, self._held = os.pipe()

    def run(self) -> int:
        """Start everything and watch; returns the exit status once all processes have ended."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda caught, _frame: self._news.put(lambda: self._asked_to_end(caught)))
        for child in self._children:
            self._start(child)
        while not self._stopping:
            self._news.get()()
        self._end_all()
        return self._status

    def call(self, what: Callable[[], None]) -> None:
        """From another thread: have `what` done by the one that runs."""
        self._news.put(what)

    def run_once(self, program: Program) -> int:
        """From another thread: run a program that does its work and ends; its exit status comes back."""
        child = Child(program)
        child.once = queue.SimpleQueue()
        self.call(lambda: self._begin(child))
        return child.once.get()

    def _begin(self, child: Child) -> None:
        self._children.insert(0, child)  # it uses the others, so it ends before them
        self._start(child)

    def end(self, status: int) -> None:
        """Stop the site with this exit status."""
        self._status = status
        self._stop()

    def _asked_to_end(self, number: int) -> None:
        self._output.note(f"asked to end by {signal.Signals(number).name}")
        self._stop()

    def _stop(self) -> None:
        self._stopping = True

    def _start(self, child: Child) -> None:
        if self._stopping or child.alive:
            return
        program = child.program
        child.process = process = subprocess.Popen(
            [sys.executable, str(TETHERED), str(self._tether), program.module, *program.arguments],
            cwd=ROOT,
            env={**self._environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            pass_fds=(self._tether, self._lock),
            process_group=0,
        )
        child.started_at = time.monotonic()
        assert process.stdout and process.stderr  # noqa: S101 -- as asked for above
        readers = [
            self._thread(lambda s=stream, e=is_error: self._output.follow(program.name, s, is_error=e))  # type: ignore[misc]
            for stream, is_error in ((process.stdout, False), (process.stderr, True))
        ]
        self._thread(lambda: self._watch(child, process, readers))

    def _watch(self, child: Child, process: subprocess.Popen[str], readers: Sequence[threading.Thread]) -> None:
        process.wait()
        for (
            reader
        ) in readers:  # its last words come before what is said of its end; what it left behind may hold the pipe
            reader.join(LAST_WORDS_SECONDS)
        self._news.put(lambda: self._ended(child, process))

    def _ended(self, child: Child, process: subprocess.Popen[str]) -> None:
        if self._stopping or child.process is not process:
            return
        child.kill_group()
        program, status = child.program, process.returncode
        if child.once:
            self._children.remove(child)
            child.once.put(status)
            return
        if status in program.refusals:
            self._output.say(program.when_refused)
            self.refused.append(program.name)
            return
        child.falls = 1 if time.monotonic() - child.started_at > STEADY_AFTER_SECONDS else child.falls + 1
        if program.essential and child.falls >= program.essential:
            self._output.say(
                f"The site cannot run: the process {program.name} ended {child.falls} times in a row, at last with "
                f"{reason(status)}. What it said is at the end of {self._output.file}."
            )
            self.end(1)
            return
        wait = min(FIRST_WAIT_SECONDS * 2 ** (child.falls - 1), LONGEST_WAIT_SECONDS)
        self._output.say(f"The process {program.name} ended ({reason(status)}); it is started again.")
        timer = threading.Timer(wait, lambda: self._news.put(lambda: self._start(child)))
        timer.daemon = True
        timer.start()

    def _end_all(self) -> None:
        """In order: no more requests, then the neighbours they spoke to. A second signal means at once."""
        self._output.ending()
        hurry = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: hurry.set())
        for child in self._children:
            child.signal(signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS
            while child.alive and not hurry.is_set() and time.monotonic() < deadline:
                time.sleep(0.02)
            child.kill_group()
            if child.process:
                child.process.wait()
        os.close(self._held)

    @staticmethod
    def _thread(work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread


def reason(status: int) -> str:
    """In words, what a child's return code says."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
