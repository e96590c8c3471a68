"""The program that keeps and checks this ledger, for whoever wants to check it and has no copy: `ledger/` as it runs here.

One ZIP file: the sources, the pinned and hashed packages that they import, and how to begin. The same sources give the same bytes, so
that two people, or two hospitals, can compare the digest.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from functools import cache
from pathlib import Path

from flask import Response, current_app

from app.web.log import _file, bp
from app.web.login import public

# What `ledger/` imports, and what those import (tests/web/test_program.py holds it to that).
PACKAGES = ("pycryptodome", "pysqlite3", "rfc8785", "sqlalchemy", "typing-extensions")
BEGINNING = """\
python3 -m venv .venv
.venv/bin/pip install --require-hashes -r requirements.txt
.venv/bin/python -m ledger --help
"""
_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that the format knows: a date would change the digest
_PIN = re.compile(r"^([a-z0-9-]+)==(?:.*\\\n)+.*\n(?:    # .*\n)*", re.MULTILINE)


@bp.get("/ledger/program.zip")
@public
def program() -> Response:
    """The file."""
    answer = _file(program_file(Path(current_app.root_path)), "application/zip", "public, max-age=300")
    answer.headers["Content-Disposition"] = 'attachment; filename="mingzhen-ledger.zip"'
    return answer


@cache
def program_file(root: Path) -> bytes:
    """Return the ZIP file of what lies at `root`: the same bytes for the same sources and requirements."""
    pins = {found[1]: found[0] for found in _PIN.finditer((root / "requirements.txt").read_text("utf-8"))}
    sources = sorted((root / "ledger").rglob("*.py"))
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sources}
    files["requirements.txt"] = "".join(pins[name] for name in PACKAGES).encode()
    files["BEGIN.txt"] = BEGINNING.encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as into:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"mingzhen-ledger/{name}", _NO_DATE)
            entry.external_attr = 0o644 << 16
            into.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def program_digest() -> str:
    """Return the SHA-256 of the file, in hex."""
    return hashlib.sha256(program_file(Path(current_app.root_path))).hexdigest()
