"""`python -m ledger audit URL --key VKEY [--state FILE]`: is this log what it says, and what it was?

Exit codes: 0 good, 1 not good or not to be had, 2 the command line names something that cannot be used.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ledger.announced import require_past, signer_of
from ledger.audit import audit_log
from ledger.audit_state import load_state, save_state
from ledger.base64_text import format_base64
from ledger.commands.inputs import UsageError, read_log_keys
from ledger.commands.words import printable
from ledger.errors import SourceError, StateError, VerificationError
from ledger.source import open_source


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say."""
    parser.add_argument("log", metavar="URL", help="the log's address, or a folder with its files")
    parser.add_argument("--key", metavar="VKEY", required=True, help="the log's verifier key, or a file with its keys")
    parser.add_argument(
        "--state", metavar="FILE", type=Path, help="remember what was seen, and begin there the next time"
    )
    parser.add_argument("--origin", metavar="NAME", help="what the log calls itself, if that is not its key's name")
    parser.add_argument("--quiet", action="store_true", help="no progress on the standard error")


def run(args: Namespace) -> int:
    """Check the log and print one line about it; a log that is not good gets the file, the place and the reason."""
    try:
        keys = read_log_keys(args.key)
        source = open_source(args.log)
    except UsageError as e:
        print(e, file=sys.stderr)
        return 2
    except SourceError as e:
        print(f"There is no log to check: {printable(str(e))}.", file=sys.stderr)
        return 2

    meter = _Meter(args.quiet)
    try:
        key, steps = signer_of(source, keys)
        known = [*keys, *(step.new for step in steps)]
        last = None if args.state is None else load_state(args.state, key, args.origin, known)
        seen = audit_log(source, key, last, args.origin, meter.show)
        require_past(source, seen, steps)
    except StateError as e:
        print(f"{args.state}: {e}. Name another file, or delete it to check everything again.", file=sys.stderr)
        return 2
    except SourceError as e:
        meter.clear()
        print(f"NOT GOOD. {printable(str(e))}.", file=sys.stderr)
        return 1
    except VerificationError as e:
        meter.clear()
        print(f"NOT GOOD. {printable(str(e))} (step: {e.step}).", file=sys.stderr)
        _print_evidence(e)
        return 1
    meter.clear()
    new = seen.checkpoint.size - (last.checkpoint.size if last else 0)
    since = "" if last is None else f", {new} of them new since the last audit"
    print(
        f"GOOD: {printable(seen.checkpoint.origin)} has {seen.checkpoint.size} entries{since}; "
        f"root {format_base64(seen.checkpoint.root)}"
    )
    for step in steps:
        print(f"Its key was changed: {step.old.format()} announced, as entry {step.index}, {step.new.format()}")
    if args.state is not None:
        try:
            save_state(args.state, seen, key)
        except StateError as e:
            print(f"{args.state}: {e}. The log is good, but the next audit will not know.", file=sys.stderr)
            return 1
    return 0


def _print_evidence(problem: VerificationError) -> None:
    """Print both checkpoints when the log signed two that contradict each other: together they prove it to anybody."""
    notes = [note for name in ("old_note", "new_note") if isinstance(note := problem.facts.get(name), bytes)]
    if len(notes) == 2:
        print("Keep these two checkpoints, which the log signed and which contradict each other:", file=sys.stderr)
        for note in notes:
            print("", *map(printable, note.decode().split("\n")), sep="\n", end="", file=sys.stderr)


class _Meter:
    """Progress on the standard error: a line that rewrites itself in a terminal, else one line every ten seconds."""

    def __init__(self, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._is_terminal = sys.stderr.isatty()
        self._next_at = time.monotonic() + (0 if self._is_terminal else 10)

    def show(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._is_quiet or now < self._next_at:
            return
        self._next_at = now + (0.2 if self._is_terminal else 10)
        share = 100 * done // total if total else 100
        text = f"checked {done} of {total} entries ({share}%)"
        print(f"\r{text}" if self._is_terminal else text, end="" if self._is_terminal else "\n", file=sys.stderr)
        sys.stderr.flush()

    def clear(self) -> None:
        if self._is_terminal and not self._is_quiet:
            print("\r\x1b[K", end="", file=sys.stderr)
