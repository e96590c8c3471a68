"""`python -m ledger export DIR`: the published log as files, for a CDN, a mirror or the worst day.

Exit codes: 0 done, or told to stop; 1 the database or the folder failed; 2 the command line names something that cannot
be used; 3 folder and log contradict each other, which a person has to look at. With --follow, failures are tried again
and told as lines of JSON on the standard error.
"""

import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ledger.commands.inputs import KeysRead, UsageError, read_file
from ledger.commands.reporting import report
from ledger.commands.settings import add_settings, settings_of
from ledger.errors import LedgerError, MalformedPolicy
from ledger.export import ExportRefused, FolderTaken, only_exporter
from ledger.export_loop import ExportLoop
from ledger.policy import MAX_POLICY_BYTES, public_policy
from ledger.stores.opening import NoSuchDatabase, open_database
from ledger.stores.publishing import DatabaseExporter

_SETTINGS = ("database", "keys")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say; the environment says the rest."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the files go; made if need be")
    add_settings(parser, _SETTINGS)
    parser.add_argument(
        "--policy", metavar="FILE", help="the witnesses' policy, served as well (default: $WITNESS_POLICY)"
    )
    parser.add_argument("--follow", action="store_true", help="go on exporting until stopped")
    parser.add_argument("--interval", metavar="SECONDS", type=float, default=1.0, help="with --follow (default: 1)")


def run(args: Namespace) -> int:
    """Export once, or until a signal comes."""
    try:
        values = settings_of(args, _SETTINGS)
        keys = KeysRead(values["keys"])
        policy = args.policy or os.environ.get("WITNESS_POLICY")
        files = {"policy": public_policy(read_file(policy, MAX_POLICY_BYTES)).encode()} if policy else {}
        exporter = DatabaseExporter(open_database(values["database"]), args.folder, keys, files)
    except (UsageError, NoSuchDatabase, MalformedPolicy) as e:
        print(e, file=sys.stderr)
        return 2
    try:
        with only_exporter(args.folder):
            if args.follow:
                loop = ExportLoop(exporter, max(0.05, args.interval), report)
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, lambda _caught, _frame: loop.stop())
                return 0 if loop.run() else 3
            done = exporter.step()
    except ExportRefused as e:
        print(f"REFUSED, and nothing was written: {e}.", file=sys.stderr)
        return 3
    except (FolderTaken, LedgerError, OSError) as e:
        print(f"Not exported: {e}.", file=sys.stderr)
        return 1
    print(
        f"{args.folder} holds {done.new_size} entries, {done.new_size - done.old_size} of them new; {done.files} files."
    )
    return 0
