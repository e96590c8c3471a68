"""`python -m ledger succeed --to VKEY --reason WHY`: end a log that cannot go on, and open another that binds it.

Exit codes: 0 done; 1 something failed, the same command goes on; 2 the command line names something that cannot be used;
3 refused, nothing was changed.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ledger.base64_text import format_base64
from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.commands.inputs import UsageError, read_file, read_log_keys
from ledger.commands.keys_file import put_first
from ledger.commands.settings import add_settings, settings_of
from ledger.commands.words import printable
from ledger.errors import LedgerError, RefusedToStart
from ledger.head import FileHead, only_sequencer
from ledger.note import MAX_NOTE_BYTES, VerifierKey, parse_note, verify_note
from ledger.sequencer import now_ms
from ledger.stores.opening import NoSuchDatabase, open_database
from ledger.stores.succession import DatabaseSuccession
from ledger.succeed import REASONS, SuccessionRefused, succeed
from ledger.uuid7 import new_id

_SETTINGS = ("database", "head", "keys")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say; the environment says the rest."""
    parser.add_argument("--to", metavar="VKEY", required=True, help="the new log's verifier key, or the file with it")
    parser.add_argument("--reason", choices=REASONS, required=True, help="why the old log cannot go on")
    parser.add_argument(
        "--frozen-at",
        metavar="FILE",
        help="bind this checkpoint of the old log instead of the head: the newest witnessed one",
    )
    add_settings(parser, _SETTINGS)


def run(args: Namespace) -> int:
    """Freeze the old log, begin the new one, and put its key first in the file of keys."""
    try:
        values = settings_of(args, _SETTINGS)
        new_keys, old_keys = read_log_keys(args.to), read_log_keys(values["keys"])
        if len(new_keys) != 1:
            raise UsageError("Name one key: that of the new log.")
        frozen_at = None if args.frozen_at is None else _read_checkpoint(args.frozen_at, old_keys)
        database = DatabaseSuccession(open_database(values["database"]))
    except (UsageError, NoSuchDatabase) as e:
        print(printable(str(e)), file=sys.stderr)
        return 2
    head = FileHead(Path(values["head"]))
    try:
        with only_sequencer(head):
            done = succeed(database, head, new_keys[0], args.reason, new_id(now_ms()), now_ms(), frozen_at)
            put_first(Path(values["keys"]), new_keys[0], old_keys)
    except RefusedToStart as e:
        print(f"REFUSED: {e}.\n{e.way_out}", file=sys.stderr)
        return 3
    except SuccessionRefused as e:
        print(f"REFUSED, and nothing was changed: {printable(str(e))}.", file=sys.stderr)
        return 3
    except (LedgerError, OSError) as e:
        print(f"Not finished: {printable(str(e))}. The same command goes on where it was.", file=sys.stderr)
        return 1
    print(
        f"{done.old_origin} is frozen at {done.old_size} entries, root {format_base64(done.old_root)}.\n"
        f"{done.origin} goes on. Set LEDGER_ORIGIN to it, LEDGER_KEY_FILE to its private key, and start the site again."
    )
    return 0


def _read_checkpoint(name: str, keys: list[VerifierKey]) -> Checkpoint:
    try:
        note = parse_note(read_file(name, MAX_NOTE_BYTES))
        verify_note(note, keys)
        return parse_checkpoint(note.text)
    except LedgerError as e:
        raise UsageError(f"{name} is no checkpoint of this log: {e}.") from e
