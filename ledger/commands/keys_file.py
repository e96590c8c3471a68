"""The file of verifier keys that a log serves: the newest first, none ever taken out."""

from collections.abc import Sequence
from pathlib import Path

from ledger.durable import replace_file, sync_folder
from ledger.export import keys_file
from ledger.note import VerifierKey


def put_first(path: Path, key: VerifierKey, keys: Sequence[VerifierKey]) -> None:
    """Let the file begin with `key`; the others stay behind it, because receipts from their time need them."""
    data = keys_file([key, *(other for other in keys if other != key)])
    replace_file(path, data, path.with_name(f".{path.name}.new"))
    sync_folder(path.absolute().parent)
