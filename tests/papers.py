"""Small whole files of each kind that the record takes: made here, of nobody."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from werkzeug.datastructures import FileStorage


class Sent(FileStorage):
    """A file for a form that may be sent any number of times: it begins anew once it was read, and never closes."""

    def __init__(self, data: bytes, filename: str) -> None:
        super().__init__(BytesIO(data), filename, content_type="application/octet-stream")

    def read(self, size: int = -1) -> bytes:
        found = self.stream.read(size)
        if not found:
            self.stream.seek(0)
        return found

    def close(self) -> None:
        self.stream.seek(0)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 2, height: int = 2, pixels: bytes | None = None) -> bytes:
    """A grey picture; larger ones say their size and hold nothing, unless `pixels` are given."""
    raw = pixels if pixels is not None else b"\x00\x80\x80" * 2
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(raw)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


PNG = png()
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""
JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x0b\x08\x00\x02\x00\x02\x01\x01\x11\x00" + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x7f\xff\xd9"
)
