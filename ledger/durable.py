"""Files that are there whole or not at all, also after a power cut."""

import os
from pathlib import Path


def replace_file(path: Path, data: bytes, beside: Path, mode: int = 0o644) -> None:
    """Let `path` hold `data`, on disk when this returns except for the name, which `sync_folder` makes last.

    `beside` is written first and renamed; it is on the same file system, and may be left there by a kill. Any OSError
    leaves `path` as it was or with `data`, never with a part: whoever tries again writes everything anew.
    """
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    beside.replace(path)


def sync_folder(path: Path) -> None:
    """Return once the names in a folder are on disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
