"""`python -m ledger rotate-key --to VKEY`: announce the key that follows, under a checkpoint signed by the present one.

Waits until the log has it, then lists the new key among those that are served. Exit codes: 0 announced; 1 not yet, the same
command goes on; 2 the command line names something that cannot be used; 3 refused.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ledger.commands.inputs import UsageError, read_log_keys
from ledger.commands.keys_file import put_first
from ledger.commands.settings import add_settings, settings_of
from ledger.commands.words import printable
from ledger.errors import LedgerError
from ledger.sequencer import now_ms
from ledger.stores.opening import NoSuchDatabase, open_database, storage
from ledger.stores.rotation import RotationRefused, announce, is_announced, record_alone
from ledger.uuid7 import new_id

_SETTINGS = ("database", "keys")
_LOOK_SECONDS = 0.25


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say; the environment says the rest."""
    parser.add_argument("--to", metavar="VKEY", required=True, help="the next verifier key, or the file with it")
    parser.add_argument("--wait", metavar="S", type=float, default=30.0, help="for the log to have it (default: 30)")
    parser.add_argument("--alone", action="store_true", help="for a log beside which no hospital records events")
    add_settings(parser, _SETTINGS)


def run(args: Namespace) -> int:
    """Announce the key, wait, and list it."""
    try:
        values = settings_of(args, _SETTINGS)
        new_keys, keys = read_log_keys(args.to), read_log_keys(values["keys"])
        if len(new_keys) != 1:
            raise UsageError("Name one key: the next one.")
        engine = open_database(values["database"])
    except (UsageError, NoSuchDatabase) as e:
        print(printable(str(e)), file=sys.stderr)
        return 2
    new = new_keys[0]
    old = next((key for key in keys if key != new), keys[0])
    try:
        with storage():
            notice = announce(engine, old, new, now_ms())
            if args.alone:
                record_alone(engine, notice, new_id(now_ms()), now_ms())
            deadline = time.monotonic() + args.wait
            while not (done := is_announced(engine, old, new)) and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)
        if done:
            put_first(Path(values["keys"]), new, keys)
    except RotationRefused as e:
        print(f"REFUSED: {printable(str(e))}.", file=sys.stderr)
        return 3
    except (LedgerError, OSError) as e:
        print(f"Not finished: {printable(str(e))}. The same command goes on where it was.", file=sys.stderr)
        return 1
    if not done:
        print(
            "Not in the log yet: site and sequencer have to run. The same command goes on where it was.",
            file=sys.stderr,
        )
        return 1
    print(
        "Announced. Now set LEDGER_NEXT_KEY_FILE to the new private key and start the site again: checkpoints carry both"
        " signatures.\nWhen witnesses and monitors know the new key, set LEDGER_KEY_FILE to it alone."
    )
    return 0
