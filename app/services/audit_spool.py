"""What an audit has to bring together from far apart, in memory that does not grow: records in buckets, on disk when many.

Each record goes into the bucket of what it is about (a row, a subject), so that a bucket can be settled by itself. A record
holds random ids and digests, nothing of anybody.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

MOST_BUCKETS = 256
RECORDS_A_BUCKET = 100_000
IN_MEMORY_BYTES = 64 * 1024 * 1024  # of all buckets together; what is more lies in temporary files
CHUNK_RECORDS = 4096

# kind of row, its id, version, serial of the event (or one of the two below), digest
OBJECT = struct.Struct(">H40sQQ32s")
ROW, KEPT, TOMBSTONE = (
    2**64 - 1,
    2**64 - 2,
    2**64 - 3,
)  # instead of a serial: the row itself, an old version, a tombstone
# subject, seq, serial (or HEAD), the link that the event names, the link that the next one has to name
LINK = struct.Struct(">40sQQ32s32s")
HEAD = 2**64 - 1


def bucket_of(key: bytes, buckets: int) -> int:
    """Return in which bucket everything about `key` lies."""
    return crc32(key) % buckets


def buckets_for(records: int) -> int:
    """Return how many buckets keep each small where there will be about so many records."""
    return max(1, min(MOST_BUCKETS, -(-records // RECORDS_A_BUCKET)))


class Spool:
    """Buckets of records of one form. Not shared between threads."""

    def __init__(self, form: struct.Struct, buckets: int, folder: Path | None = None) -> None:
        self.form = form
        most = max(4096, IN_MEMORY_BYTES // (2 * buckets))
        self._files = [tempfile.SpooledTemporaryFile(max_size=most, dir=folder) for _ in range(buckets)]  # noqa: SIM115

    def add(self, parts: dict[int, bytes]) -> None:
        """Take records in, by bucket, in the order in which they come."""
        for bucket, records in parts.items():
            self._files[bucket].write(records)

    def read(self, bucket: int) -> Iterator[tuple[object, ...]]:
        """Yield the records of a bucket in the order in which they came."""
        file = self._files[bucket]
        file.seek(0)
        while chunk := file.read(self.form.size * CHUNK_RECORDS):
            yield from self.form.iter_unpack(chunk)

    def __len__(self) -> int:
        return len(self._files)

    def close(self) -> None:
        for file in self._files:
            file.close()
