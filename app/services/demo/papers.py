"""The documents of the demo's people, drawn here: nobody's heart, nobody's letter."""

from __future__ import annotations

import struct
import zlib

WIDTH, HEIGHT = 480, 160
# One beat, as heights above the line in tenths of the picture: P, QRS, T. Made up.
BEAT = [0] * 10 + [1, 2, 2, 1] + [0] * 6 + [-1, 7, -3] + [0] * 6 + [1, 2, 3, 2, 1] + [0] * 26


def tracing() -> bytes:
    """Return a picture (PNG) of a heart's tracing on squared paper."""
    rows = [bytearray(b"\xf4" * WIDTH) for _ in range(HEIGHT)]
    for y in range(HEIGHT):
        for x in range(WIDTH):
            if x % 20 == 0 or y % 20 == 0:
                rows[y][x] = 0xD8
    before = HEIGHT // 2
    for x in range(WIDTH):
        now = HEIGHT // 2 - BEAT[x % len(BEAT)] * HEIGHT // 20
        for y in range(min(before, now), max(before, now) + 2):
            rows[y][x] = 0x20
        before = now
    raw = b"".join(b"\x00" + bytes(row) for row in rows)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def letter() -> bytes:
    """Return a page (PDF 1.4) with a few lines of text."""
    lines = ("Mingzhen Demonstration Clinic", "Electrocardiogram: sinus rhythm, 68 beats a minute, no changes.",
             "Invented for the demonstration; about nobody.")  # fmt: skip
    shown = " ".join(f"({line}) Tj 0 -24 Td" for line in lines)
    stream = f"BT /F1 14 Tf 56 780 Td {shown} ET".encode("ascii")
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
