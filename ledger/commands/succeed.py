"""`python -m ledger succeed --to VKEY --reason WHY`: end a log that cannot go on, and open another that binds it.

Exit codes: 0 done; 1 something failed, the same command goes on; 2 the command line names something that cannot be used;
3 refused, nothing was changed.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ledger.base64_text import format_base64
from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.commands.inputs import UsageError, read_file, read_log_keys
from ledger.commands.keys_file import put_first
from ledger.commands.settings import add_settings, settings_of
from ledger.commands.words import printable
from ledger.durable import replace_file, sync_folder
from ledger.errors import LedgerError, MalformedKey, RefusedToStart
from ledger.head import FileHead, only_sequencer
from ledger.note import MAX_NOTE_BYTES, SigningKey, VerifierKey, parse_note, verify_note
from ledger.sequencer import now_ms
from ledger.stores.opening import NoSuchDatabase, open_database
from ledger.stores.succession import DatabaseSuccession
from ledger.succeed import BELIEVED, REASONS, SuccessionRefused, succeed
from ledger.successor import SUCCESSOR, is_address
from ledger.uuid7 import new_id

_SETTINGS = ("database", "head", "keys")
_MAX_KEY_BYTES = 10_000
_NO_SIGNER = (
    "Name the private key of the log that ends, with --old-key or LEDGER_KEY_FILE: it signs who goes on, so that holders of"
    " receipts find it. --unsigned goes on without it."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say; the environment says the rest."""
    parser.add_argument("--to", metavar="VKEY", required=True, help="the new log's verifier key, or the file with it")
    parser.add_argument("--reason", choices=REASONS, required=True, help="why the old log cannot go on")
    parser.add_argument(
        "--frozen-at",
        metavar="FILE",
        help="bind this checkpoint of the old log instead of the head: the newest witnessed one",
    )
    parser.add_argument(
        "--old-key",
        metavar="FILE",
        help="the private key of the log that ends, which signs who goes on for it (default: $LEDGER_KEY_FILE);"
        f" only with --reason {' or '.join(BELIEVED)}",
    )
    parser.add_argument("--unsigned", action="store_true", help="go on although the old key cannot sign")
    parser.add_argument(
        "--address", metavar="URL", help="where the new log will be served (default: $PUBLIC_URL/ledger/, or not said)"
    )
    parser.add_argument(
        "--tell",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="put what the old key signed into this folder, an export of the old log, as `successor`",
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
        signer, address = _read_signer(args, new_keys[0]), _read_address(args)
        database = DatabaseSuccession(open_database(values["database"]))
    except (UsageError, NoSuchDatabase) as e:
        print(printable(str(e)), file=sys.stderr)
        return 2
    head = FileHead(Path(values["head"]))
    try:
        with only_sequencer(head):
            event_id, at_ms = new_id(now_ms()), now_ms()
            done = succeed(database, head, new_keys[0], args.reason, event_id, at_ms, frozen_at, signer, address)
            put_first(Path(values["keys"]), new_keys[0], old_keys)
            told = _tell(done.successor, args.tell)
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
        + told
    )
    return 0


def _read_signer(args: Namespace, new: VerifierKey) -> SigningKey | None:
    """Return the key that signs who goes on for the old log; None where it has nothing to say. Raises UsageError."""
    name = args.old_key or os.environ.get("LEDGER_KEY_FILE")
    if args.unsigned or args.reason not in BELIEVED:
        return None
    try:
        if not name:
            raise UsageError(_NO_SIGNER)
        key = SigningKey.parse(read_file(name, _MAX_KEY_BYTES).decode("utf-8", "replace").strip())
    except MalformedKey as e:
        raise UsageError(f"{name} holds no private key: {e}.") from e
    # The settings may name the new key already, when the command is typed once more after it was done.
    return None if args.old_key is None and key.name == new.name else key


def _read_address(args: Namespace) -> str:
    """Return where the new log will be served, "" if that is not said. Raises UsageError."""
    public = os.environ.get("PUBLIC_URL", "")
    address = args.address if args.address is not None else f"{public.rstrip('/')}/ledger/" if public else ""
    if address and not is_address(address):
        raise UsageError(f"{printable(address[:200])!r} is no address of a log: it begins with https://.")
    return str(address)


def _tell(successor: str, folders: list[Path]) -> str:
    """Put the note of the old key into folders; return what there is to say about it. Raises OSError."""
    if not successor:
        return (
            "\nThe old key did not sign that. Tell everybody who holds receipts, by another way, what the new key is."
        )
    for folder in folders:
        if not folder.is_dir():
            raise NotADirectoryError(f"there is no folder {folder}")
        replace_file(folder / SUCCESSOR, successor.encode(), folder / f".{SUCCESSOR}.new")
        sync_folder(folder)
    return (
        f"\nThe old key signed that; give it to whoever serves a copy of the old log, as `{SUCCESSOR}`:\n\n{successor}"
    )


def _read_checkpoint(name: str, keys: list[VerifierKey]) -> Checkpoint:
    try:
        note = parse_note(read_file(name, MAX_NOTE_BYTES))
        verify_note(note, keys)
        return parse_checkpoint(note.text)
    except LedgerError as e:
        raise UsageError(f"{name} is no checkpoint of this log: {e}.") from e
