"""Documents of the record: what may be kept, told by the bytes and never by a name or a header.

    document   {title, kind, media_type, size, sha256}

A file is what its first bytes say (PDF: ISO 32000-1, 7.5.2; PNG: W3C PNG, 5.2 and 11.2.1; JPEG: ITU-T T.81, B.1). Nothing of it
is run or laid out here, and what is handed out is handed out for saving or as a picture, in a sandbox.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.domain import clinical
from app.domain.errors import BadInput

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 50_000_000  # of a picture: a small file that unfolds to more would stop a phone
LONGEST_TITLE = 80
MOST_OF_A_PERSON = 500

PDF, PNG, JPEG = "application/pdf", "image/png", "image/jpeg"
SUFFIXES: Mapping[str, str] = MappingProxyType({PDF: "pdf", PNG: "png", JPEG: "jpg"})

# kind -> names, LOINC code of the document's type for export
KINDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "report": ("检查或检验报告", "Test report", "11502-2"),
        "discharge": ("出院小结", "Discharge summary", "18842-5"),
        "referral": ("转诊信", "Referral letter", "57133-1"),
        "picture": ("照片", "Photograph", "72170-4"),
        "certificate": ("证明", "Certificate", "64290-0"),
        "other": ("其他文档", "Other document", "34133-9"),
    }
)


class DocumentTooLarge(BadInput):
    """The file has more bytes than a document may; `limit_mb` says how many."""

    code = "attachment_too_large"
    status = 413


class DocumentTypeUnknown(BadInput):
    """The file is neither a PDF nor a PNG or JPEG picture, whatever its name says."""

    code = "attachment_type"
    status = 415


class TooManyDocuments(BadInput):
    """The record holds as many documents as one may."""

    code = "attachment_too_many"


@dataclass(frozen=True)
class Sniffed:
    """What bytes are: their media type, and the size of a picture in pixels."""

    media_type: str
    width: int = 0
    height: int = 0

    @property
    def is_picture(self) -> bool:
        return self.media_type in (PNG, JPEG)


def sniff(data: bytes, field: str = "file") -> Sniffed:
    """Return what `data` is. Raises DocumentTooLarge, DocumentTypeUnknown (also for a picture too large to show)."""
    if len(data) > MOST_BYTES:
        raise DocumentTooLarge(field, limit_mb=MOST_BYTES // 1024 // 1024)
    found = _pdf(data) or _png(data) or _jpeg(data)
    if found is None or found.width * found.height > MOST_PIXELS:
        raise DocumentTypeUnknown(field)
    return found


def document(title: str, kind: str, data: bytes) -> dict[str, Any]:
    """Return a document's payload. Raises BadInput (`title`, `kind`) and what `sniff` raises."""
    if kind not in KINDS:
        raise BadInput("kind")
    said = sniff(data)
    return {
        "title": clinical.text(title, "title", longest=LONGEST_TITLE),
        "kind": kind,
        "media_type": said.media_type,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _pdf(data: bytes) -> Sniffed | None:
    # A reader takes a header anywhere in the first kilobyte; so do those who hide one in a picture: only at the very start.
    is_pdf = data.startswith((b"%PDF-1.", b"%PDF-2."))
    return Sniffed(PDF) if is_pdf and b"%%EOF" in data[-1024:] else None


def _png(data: bytes) -> Sniffed | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR" or len(data) < 45:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return Sniffed(PNG, width, height) if width and height and data[-8:-4] == b"IEND" else None


def _jpeg(data: bytes) -> Sniffed | None:
    """Walk the segments to the frame header, which says how large the picture is."""
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in (0xD8, 0xD9, 0xDA) or 0xD0 <= marker <= 0xD7:
            return None  # a scan before any frame: no picture
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Sniffed(JPEG, width, height) if width and height else None
        if length < 2:
            return None
        at += 2 + length
    return None
