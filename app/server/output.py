"""What the processes say: everything into a file, what an operator must see onto the terminal."""

import json
import sys
import threading
from pathlib import Path
from typing import IO, Any

LARGEST_BYTES = 5 * 1024 * 1024
SHOWN_LEVELS = ("warning", "error", "critical")
UNSHOWN_FIELDS = ("event", "level", "timestamp", "at")


class Output:
    """The terminal and the log file. The file begins anew at 5 MB; the one before is kept beside it as `.1`."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._turn = threading.Lock()
        self._ending = False
        file.parent.mkdir(parents=True, exist_ok=True)
        self._log = file.open("a", encoding="utf-8")

    def say(self, text: str) -> None:
        """The launcher's own words."""
        with self._turn:
            self._write("launcher", text)
            print(text, flush=True)

    def note(self, text: str) -> None:
        """The launcher's words for the file only."""
        with self._turn:
            self._write("launcher", text)

    def ending(self) -> None:
        """From here on what the processes say goes to the file only."""
        self._ending = True

    def close(self) -> None:
        """After the last line."""
        with self._turn:
            self._log.close()

    def follow(self, name: str, stream: IO[str], *, is_error: bool) -> None:
        """Read a process's stream to its end."""
        for line in stream:
            text = line.rstrip("\n")
            shown = None if self._ending else shown_on_terminal(text, is_error=is_error)
            with self._turn:
                self._write(name, text)
                if shown:
                    print(f"{name:<6} | {shown}", file=sys.stderr, flush=True)

    def _write(self, name: str, text: str) -> None:
        self._log.write(f"{name:<8} | {text}\n")
        self._log.flush()
        if self._log.tell() > LARGEST_BYTES:
            self._log.close()
            self.file.replace(self.file.with_suffix(".log.1"))
            self._log = self.file.open("a", encoding="utf-8")


def shown_on_terminal(line: str, *, is_error: bool) -> str | None:
    """The line as an operator should see it, or None for what only the file needs.

    A structured line is shown from `warning` upward, or when it says why something was not done; a plain one if it came on standard
    error, but of a traceback only the line that says what happened. Reminders that a stand-in is `in_use` belong to the
    file: production refuses to start with one.
    """
    if line.startswith("{"):
        try:
            fields: dict[str, Any] = json.loads(line)
        except ValueError:
            return line if is_error else None
        if "why" in fields:
            why = str(fields["why"]).rstrip(".")
            return f"{fields.get('event', '')}: {why}. {fields.get('way_out', '')}".rstrip()
        if fields.get("level") not in SHOWN_LEVELS or str(fields.get("event")).endswith("in_use"):
            return None
        rest = " ".join(f"{key}={value}" for key, value in fields.items() if key not in UNSHOWN_FIELDS)
        return f"{fields['level']} {fields.get('event', '')} {rest}".rstrip()
    if line.startswith("wechat_mock.in_use"):
        return None
    is_told = is_error and line.strip() and not line.startswith((" ", "Traceback (", "During handling of"))
    return line if is_told else None
