"""`python -m ledger heal --from DIR|URL`: after the database was restored from an older copy.

Exit codes: 0 healed, or nothing to heal; 1 something failed on the way, the same command goes on; 2 the command line names
something that cannot be used; 3 refused, nothing was changed: the way out is printed.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ledger.commands.inputs import UsageError, read_log_keys
from ledger.commands.settings import add_settings, settings_of
from ledger.commands.words import printable
from ledger.errors import LedgerError, RefusedToStart, SourceError
from ledger.head import FileHead, only_sequencer
from ledger.heal import HealRefused, heal
from ledger.sequencer import now_ms
from ledger.source import open_source
from ledger.stores.healing import HealingStore
from ledger.stores.opening import NoSuchDatabase, open_database

_SETTINGS = ("database", "head", "keys")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say; the environment says the rest."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--from", dest="source", metavar="DIR|URL", help="an export of the log, or the address of a mirror"
    )
    what.add_argument("--list", action="store_true", help="list the leaves whose event is lost: index and entry")
    add_settings(parser, _SETTINGS)


def run(args: Namespace) -> int:
    """Heal the log, or list what was lost."""
    try:
        values = settings_of(args, ("database",) if args.list else _SETTINGS)
        store = HealingStore(open_database(values["database"]))
        if args.list:
            return _list(store)
        source = open_source(args.source)
        keys = read_log_keys(values["keys"])
    except (UsageError, NoSuchDatabase, SourceError) as e:
        print(f"{printable(str(e))}", file=sys.stderr)
        return 2
    head = FileHead(Path(values["head"]))
    try:
        with only_sequencer(head), store.failing_as_store():
            done = heal(store, head, source, keys, now_ms())
    except (HealRefused, RefusedToStart) as e:
        print(f"REFUSED: {printable(str(e))}.\n{e.way_out}", file=sys.stderr)
        return 3
    except (LedgerError, OSError) as e:
        print(f"Not finished: {printable(str(e))}. The same command goes on where it was.", file=sys.stderr)
        return 1
    if done.from_size == done.to_size:
        print(f"Nothing to heal: database and head are at {done.to_size} entries.")
        return 0
    print(
        f"HEALED: the log has its entries {done.from_size} to {done.to_size - 1} again. The events of {done.lost} of them"
        " are lost: `python -m ledger heal --list` names their leaves.\nNow start the sequencer; the site records the"
        " event log.healed by itself."
    )
    return 0


def _list(store: HealingStore) -> int:
    try:
        with store.failing_as_store():
            for index, entry in store.lost():
                print(f"{index} {entry.hex()}")
    except LedgerError as e:
        print(f"Not listed: {printable(str(e))}.", file=sys.stderr)
        return 1
    return 0
