"""Files and keys named on a command line, and the sentence for each way in which they are not what they should be."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from ledger.announced import steps_from
from ledger.errors import MalformedKey, SourceError, UnsupportedKey
from ledger.note import ED25519, KINDS, VerifierKey
from ledger.paper import unpaper
from ledger.receipt import MAX_RECEIPT_BYTES
from ledger.source import open_source

MAX_KEYS_BYTES = 1_000_000


class UsageError(Exception):
    """The command line names something that cannot be used; the message is one sentence for whoever typed it."""


def read_file(name: str, limit: int) -> bytes:
    """Return what is in the file `name`, "-" for the standard input, but at most `limit` + 1 bytes of it.

    The one byte more lets the parser of the format say that the file is too long. Raises UsageError.
    """
    try:
        if name == "-":
            return sys.stdin.buffer.read(limit + 1)
        with Path(name).open("rb") as file:
            return file.read(limit + 1)
    except FileNotFoundError as e:
        raise UsageError(f"There is no file {name}.") from e
    except IsADirectoryError as e:
        raise UsageError(f"{name} is a folder, not a file.") from e
    except PermissionError as e:
        raise UsageError(f"You may not read {name}.") from e
    except (OSError, ValueError) as e:  # ValueError: a name with a null character
        raise UsageError(f"{name!r} cannot be read: {getattr(e, 'strerror', None) or e}.") from e


def read_receipt(name: str) -> bytes:
    """Return the file of the receipt `name`, or of the one whose digits, as its code on paper has them, are in that file.

    Raises UsageError; MalformedReceipt for digits that are no receipt.
    """
    return unpaper(read_file(name, MAX_RECEIPT_BYTES))


def read_keys(value: str) -> list[VerifierKey]:
    """Return the keys of logs and of witnesses that `value` names: a key itself, or a file with one a line, or "-".

    Raises UsageError.
    """
    return _read_keys(value, KINDS, "a key of a log or of a witness")


def read_log_keys(value: str) -> list[VerifierKey]:
    """Return the keys that `--key` names, at least one: a key itself, or a file with one a line.

    Keys of logs only; a file may also hold keys of kinds that cannot be checked here, which are passed over. Raises
    UsageError.
    """
    return _read_keys(value, (ED25519,), "a key of a log")


def add_key(parser: ArgumentParser) -> None:
    """Declare by which keys a receipt is checked; `keys_of` reads what was said."""
    parser.add_argument("--key", metavar="VKEY", required=True, help="the log's verifier key, or a file with such keys")
    parser.add_argument(
        "--notices", metavar="URL", help="the log, or a copy of it: the keys that it announced under VKEY are good, too"
    )


def keys_of(args: Namespace) -> list[VerifierKey]:
    """Return the keys that `--key` names, and those to which the log of `--notices` leads on from them. Raises UsageError."""
    keys = read_log_keys(args.key)
    if args.notices is None:
        return keys
    try:
        return [*keys, *(step.new for step in steps_from(open_source(args.notices), keys))]
    except SourceError as e:
        raise UsageError(f"The notices of {args.notices} cannot be read: {e}.") from e


class KeysRead:
    """The keys that `value` names, read anew at each call: a file of keys gets a line when a log goes to its next key.

    The first time raises UsageError; later a file that cannot be read leaves the keys as they were.
    """

    def __init__(self, value: str) -> None:
        self._value = value
        self._keys = read_log_keys(value)

    def __call__(self) -> list[VerifierKey]:
        with suppress(UsageError):  # whoever writes it anew comes to an end
            self._keys = read_log_keys(self._value)
        return self._keys


def _read_keys(value: str, kinds: Collection[int], what: str) -> list[VerifierKey]:
    if value.count("+") >= 2 and not Path(value).is_file():
        keys = _parse_keys([value], kinds, strict=True)
    else:
        try:
            lines = read_file(value, MAX_KEYS_BYTES).decode("utf-8").split("\n")
        except UnicodeDecodeError as e:
            raise UsageError(f"{value} holds no keys: it is not text.") from e
        keys = _parse_keys([line.strip(" \t\r") for line in lines], kinds, strict=False)
    if not keys:
        raise UsageError(f"{value} does not hold {what}.")
    return keys


def _parse_keys(lines: list[str], kinds: Collection[int], strict: bool) -> list[VerifierKey]:
    keys: list[VerifierKey] = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        try:
            key = VerifierKey.parse(line)
        except UnsupportedKey as e:
            if strict:
                raise UsageError(f"This key cannot be used: {e}.") from e
            continue
        except MalformedKey as e:
            raise UsageError(f"This is not a verifier key: {e}.") from e
        if key.kind in kinds:
            keys.append(key)
        elif strict:
            raise UsageError(f"The key of {key.name} is a witness's, not a log's.")
    return keys
