"""ZIP archives that are sent as they are made: nothing of them is held but what goes out next."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

AT_ONCE_BYTES = 64 * 1024


class _Sink:
    """A file that only takes, for `zipfile`: it finds that there is no going back in it, and writes sizes after the data."""

    def __init__(self) -> None:
        self.held = bytearray()

    def write(self, data: bytes) -> int:
        self.held += data
        return len(data)

    def flush(self) -> None:
        """There is nothing behind this."""

    def take(self) -> bytes:
        taken, self.held = bytes(self.held), bytearray()
        return taken


def zipped(files: Iterable[tuple[str, bytes]], at: datetime) -> Iterator[bytes]:
    """Yield an archive of `files`, by name; of one name that follows itself the bytes go on. `at` is when all were changed."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]  # wants no more than this
        for name, pieces in groupby(files, key=lambda file: file[0]):
            about = zipfile.ZipInfo(name, at.timetuple()[:6])
            about.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(about, "w") as entry:
                for _, data in pieces:
                    entry.write(data)
                    if len(sink.held) >= AT_ONCE_BYTES:
                        yield sink.take()
    yield sink.take()
