"""`python -m ledger monitor URL --key VKEY --state FILE`: watch a log for ever.

One line of JSON on the standard output for whatever is worth one: `monitor.started`, `alarm`, `alarm.over`,
`monitor.key_rotated`, `monitor.trouble`, `monitor.stopped`. Exit codes, of --once or when it is stopped: 0 all is as it should be, 1 something
is wrong (an alarm stands), 2 the command line names something that cannot be used.
"""

import signal
import sys
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ledger.commands.inputs import UsageError, read_file, read_log_keys
from ledger.commands.reporting import write_line
from ledger.commands.words import printable
from ledger.errors import SourceError, StateError
from ledger.monitor import Alarm, Memory, Monitor, Patience, Watched
from ledger.monitor_state import load_memory, save_memory
from ledger.note import VerifierKey
from ledger.receipt import MAX_RECEIPT_BYTES
from ledger.sequencer import now_ms
from ledger.source import HTTPSource, Source, open_source

_ENTRY_BYTES = 33


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say."""
    parser.add_argument("log", metavar="URL", help="the log's address, or a folder with its files")
    parser.add_argument(
        "--key",
        metavar="VKEY",
        required=True,
        help="the key to pin: the log's verifier key, or a file with its keys, the newest first",
    )
    parser.add_argument("--state", metavar="FILE", type=Path, required=True, help="where to remember what was seen")
    parser.add_argument("--origin", metavar="NAME", help="what the log calls itself, if that is not its key's name")
    parser.add_argument(
        "--receipt", metavar="FILE", action="append", default=[], help="a receipt whose tree has to stay in the log"
    )
    parser.add_argument(
        "--entry", metavar="HEX", action="append", default=[], help="an entry that waits, and has to be merged"
    )
    parser.add_argument(
        "--interval", metavar="S", type=float, default=60.0, help="seconds between two rounds (default: 60)"
    )
    parser.add_argument("--once", action="store_true", help="one round, then exit with what it found")
    parser.add_argument(
        "--stalled-after", metavar="S", type=float, help="alarm where nothing grew for so long (default: never)"
    )
    parser.add_argument(
        "--late-after", metavar="S", type=float, default=10.0, help="for receipts and entries (default: 10)"
    )
    parser.add_argument("--unreachable-after", metavar="S", type=float, default=300.0, help="(default: 300)")


def run(args: Namespace) -> int:
    """Watch until a signal comes, or once."""
    tell = partial(write_line, sys.stdout)
    try:
        keys = read_log_keys(args.key)
        if len({key.name for key in keys}) > 1:
            raise UsageError("Pin the key of one log, from somewhere else than the log.")
        memory = _memory(args, keys)
        watched = Watched(
            {name: read_file(name, MAX_RECEIPT_BYTES) for name in args.receipt}, [_entry(e) for e in args.entry]
        )
        source = _impatient(open_source(args.log))
    except UsageError as e:
        print(e, file=sys.stderr)
        return 2
    except StateError as e:
        print(f"{args.state}: {e}. Name another file; this one may be evidence.", file=sys.stderr)
        return 2
    except SourceError as e:
        print(f"There is no log to watch: {printable(str(e))}.", file=sys.stderr)
        return 2
    patience = Patience(args.unreachable_after, args.stalled_after, args.late_after)
    monitor = Monitor(source, memory, patience, watched, args.origin, tell)

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _caught, _frame: stopping.set())
    tell("monitor.started", log=args.log, size=0 if memory.seen is None else memory.seen.checkpoint.size)
    standing: list[Alarm] = []
    try:
        while True:
            found = monitor.round(now_ms())
            _tell_changes(tell, standing, found)
            standing = found
            save_memory(args.state, monitor.memory)
            if args.once or stopping.wait(max(0.01, args.interval)):
                break
    except StateError as e:
        tell("monitor.failed", why=f"{args.state}: {e}")
        return 1
    size = 0 if monitor.memory.seen is None else monitor.memory.seen.checkpoint.size
    tell("monitor.stopped", size=size, alarms=len(standing))
    return 1 if standing else 0


def _memory(args: Namespace, keys: Sequence[VerifierKey]) -> Memory:
    """Return what is known by one of `keys`; at first by the oldest, from which the log's notices lead on to the others.

    Raises StateError.
    """
    for key in keys[:-1]:
        try:
            if args.state.exists():
                return load_memory(args.state, key, args.origin)
        except StateError:
            continue
    return load_memory(args.state, keys[-1], args.origin)


def _tell_changes(tell: partial[None], before: list[Alarm], now: list[Alarm]) -> None:
    """Say what is newly wrong, and what no longer is; a standing alarm is not repeated."""
    known = {alarm.kind for alarm in before}
    for alarm in now:
        if alarm.kind not in known:
            evidence = [note.decode("utf-8", "replace") for note in alarm.evidence]
            tell("alarm", kind=alarm.kind, text=alarm.text, **({"evidence": evidence} if evidence else {}))
    for kind in sorted(known - {alarm.kind for alarm in now}):
        tell("alarm.over", kind=kind)


def _impatient(source: Source) -> Source:
    """Return a source that leaves waiting to the next round."""
    return source.asking_once() if isinstance(source, HTTPSource) else source


def _entry(text: str) -> bytes:
    try:
        entry = bytes.fromhex(text)
    except ValueError:
        entry = b""
    if len(entry) != _ENTRY_BYTES or entry.hex() != text:
        raise UsageError(f"An entry is {_ENTRY_BYTES} bytes in lower-case hex, not {printable(text[:80])!r}.")
    return entry
