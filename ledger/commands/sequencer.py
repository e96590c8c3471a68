"""`python -m ledger sequencer`: the one process that lets a log grow and signs it.

Runs in the foreground until SIGTERM or SIGINT, and ends with 0 then; with 1 when a round failed (a supervisor may start
it again: the start finds out what became of that round), with 2 for settings that make no sense, with 3 when it refused
to start, which a person has to look at. One line of JSON on the standard error for each notable event; never anything
about a person.
"""

import json
import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ledger.bell import BellServer
from ledger.commands.inputs import KeysRead, UsageError, read_file
from ledger.errors import LedgerError, MalformedKey, MalformedPolicy, RefusedToStart
from ledger.head import FileHead, only_sequencer
from ledger.note import SigningKey, VerifierKey
from ledger.policy import MAX_POLICY_BYTES, Policy, parse_policy, public_policy
from ledger.sequencer import Sequencer, now_ms
from ledger.stores.cosigned import open_shelf
from ledger.stores.engine import open_engine
from ledger.stores.publishing import exporting
from ledger.stores.rotation import require_announced
from ledger.stores.sql import SQLStore
from ledger.witnesses import Shelf, Witnesses

_SETTINGS = {
    "database": ("DATABASE_URL", "URL", "where the log's tables are, e.g. sqlite:////var/lib/mingzhen/hospital.db"),
    "origin": ("LEDGER_ORIGIN", "NAME", "what the log calls itself; the name of its key"),
    "key": ("LEDGER_KEY_FILE", "FILE", "the private key, see keygen"),
    "head": ("LEDGER_HEAD", "FILE", "the head: on a disk of this machine, never backed up with the database"),
    "socket": ("LEDGER_SOCKET", "PATH", "the Unix socket on which web workers knock"),
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say; the environment says the rest."""
    for name, (variable, metavar, meaning) in _SETTINGS.items():
        parser.add_argument(f"--{name}", metavar=metavar, help=f"{meaning} (default: ${variable})")
    parser.add_argument(
        "--export", metavar="DIR", help="export into this folder as well (default: $LEDGER_EXPORT, or not)"
    )
    parser.add_argument(
        "--keys", metavar="FILE", help="the keys to export (default: $LEDGER_PUBLIC_KEY_FILE, or our own)"
    )
    parser.add_argument(
        "--policy",
        metavar="FILE",
        help="ask the witnesses of this policy to cosign (default: $WITNESS_POLICY, or none)",
    )
    parser.add_argument(
        "--next-key", metavar="FILE", help="sign with this announced key as well (default: $LEDGER_NEXT_KEY_FILE)"
    )
    parser.add_argument("--clock-offset", metavar="SECONDS", type=float, default=0.0, help="for demos: shift the clock")
    parser.add_argument("--clock-rate", metavar="N", type=int, default=1, help="for demos: N times as fast,")
    parser.add_argument("--clock-since", metavar="MS", type=int, default=0, help="from this time on, in ms since 1970")


def run(args: Namespace) -> int:
    """Serve until a signal comes, and return the exit code."""
    values, missing = _settings(args, os.environ)
    if missing:
        print(f"Missing: {', '.join(missing)}.", file=sys.stderr)
        return 2
    try:
        key = SigningKey.parse(Path(values["key"]).read_text(encoding="utf-8").strip())
        next_key = _read_next_key(args)
        engine = open_engine(values["database"])
        policy = _read_policy(args.policy or os.environ.get("WITNESS_POLICY"), key)
    except (
        MalformedKey,
        MalformedPolicy,
        UsageError,
        OSError,
        ValueError,
        ArgumentError,
        ImportError,
    ) as e:  # none repeats the text of the key
        print(f"These settings cannot be used: {str(e).rstrip('.')}.", file=sys.stderr)
        return 2

    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: stopping.append(caught))  # a round in progress is finished
    offset_ms = int(args.clock_offset * 1000)
    head = FileHead(Path(values["head"]))

    def clock() -> int:
        return int(args.clock_since + (now_ms() - args.clock_since) * args.clock_rate + offset_ms)

    try:
        with (
            only_sequencer(head),
            _exporting(args, engine, key),
            _witnessed(policy, values["origin"], _log_keys(args, key)(), open_shelf(engine, clock)) as outside,
        ):
            if next_key is not None:
                require_announced(engine, key.verifier_key, next_key.verifier_key)
            bell = BellServer(Path(values["socket"]))
            try:
                Sequencer(
                    SQLStore(engine, for_one_thread=True),
                    head,
                    key,
                    values["origin"],
                    bell,
                    clock=clock,
                    report=_report,
                    outside=outside,
                    next_key=next_key,
                ).run(lambda: bool(stopping))
            finally:
                bell.close()
    except UsageError as e:
        print(e, file=sys.stderr)
        return 2
    except RefusedToStart as e:
        _report("sequencer.refused", why=str(e), way_out=e.way_out)
        return 3
    except (LedgerError, OSError, SQLAlchemyError) as e:
        # Whatever it was, it may have happened or not. Only a new start can tell.
        _report("sequencer.failed", why=_describe(e))
        return 1
    _report("sequencer.stopped")
    return 0


def _read_next_key(args: Namespace) -> SigningKey | None:
    """Return the key that the log goes over to, None where none is named. Raises as reading the log's own key does."""
    name = args.next_key or os.environ.get("LEDGER_NEXT_KEY_FILE")
    return SigningKey.parse(Path(name).read_text(encoding="utf-8").strip()) if name else None


def _exporting(args: Namespace, engine: Engine, key: SigningKey) -> AbstractContextManager[None]:
    """Return what exports beside the sequencer: into no folder unless one is named."""
    folder = args.export or os.environ.get("LEDGER_EXPORT")
    policy = args.policy or os.environ.get("WITNESS_POLICY")
    files = {}
    if policy:
        files["policy"] = public_policy(read_file(policy, MAX_POLICY_BYTES)).encode("utf-8", "surrogateescape")
    return exporting(engine, Path(folder) if folder else None, _log_keys(args, key), _report, files)


def _log_keys(args: Namespace, key: SigningKey) -> Callable[[], Sequence[VerifierKey]]:
    """Return what gives the keys that this log has signed with, so far as a file names them; the present one otherwise."""
    named = args.keys or os.environ.get("LEDGER_PUBLIC_KEY_FILE")
    return KeysRead(named) if named else lambda: [key.verifier_key]


def _read_policy(name: str | None, key: SigningKey) -> Policy | None:
    """Return the policy in a file, None where none is named. Raises UsageError, MalformedPolicy."""
    if not name:
        return None
    policy = parse_policy(read_file(name, MAX_POLICY_BYTES))
    if policy.logs and key.verifier_key not in policy.logs:
        raise UsageError(f"{name} names other logs than ours")
    return policy


@contextmanager
def _witnessed(
    policy: Policy | None, origin: str, keys: Sequence[VerifierKey], shelf: Shelf
) -> Iterator[Witnesses | None]:
    """Yield the witnesses of the policy, for the sequencer to start; they are left in peace afterwards."""
    if policy is None:
        yield None
        return
    witnesses = Witnesses(policy, origin, keys, shelf, _report)
    try:
        yield witnesses
    finally:
        witnesses.stop()


def _settings(args: Namespace, environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the values of all settings, and how to give those that are missing."""
    values: dict[str, str] = {}
    missing: list[str] = []
    for name, (variable, _, _) in _SETTINGS.items():
        value = getattr(args, name) or environment.get(variable)
        if value:
            values[name] = value
        else:
            missing.append(f"--{name} or {variable}")
    return values, missing


def _describe(error: Exception) -> str:
    """Return what went wrong in one line. Not what SQLAlchemy says: that would repeat the statement and its values."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {cause}".split("\n")[0]


def _report(event: str, **fields: object) -> None:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"at": at, "event": event, **fields}, ensure_ascii=False), file=sys.stderr, flush=True)
