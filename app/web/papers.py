"""Handing out a document's bytes, and taking one in: for patients and for staff alike."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.domain.attachments import MOST_BYTES, PDF
from app.domain.errors import BadInput
from app.services.attachments import File

# Nothing in a document may run, load or lead anywhere, whatever it says it is.
SANDBOX = "sandbox; default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
MOST_UPLOAD_BYTES = MOST_BYTES + 64 * 1024  # with the other fields of the form


def file_of(file: File, *, is_saved: bool = False) -> Response:
    """Return a document's bytes: a picture to be seen on its page, all else, and what is to be saved, as a download. Its name says
    nothing of what it holds."""
    answer = Response(file.data, content_type=file.media_type)
    way = "attachment" if is_saved or file.media_type == PDF else "inline"
    answer.headers["Content-Disposition"] = f'{way}; filename="document.{file.suffix}"'
    answer.headers["Content-Security-Policy"] = SANDBOX
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def take_files(bp: Blueprint, *endpoints: str) -> None:
    """Let these views of a door take a body as large as a document; every other keeps the site's limit (P1)."""

    @bp.url_value_preprocessor
    def _raise_limit(endpoint: str | None, _values: object) -> None:
        if endpoint in endpoints:  # before anything reads the form
            request.max_content_length = MOST_UPLOAD_BYTES


def file_typed(field: str = "file") -> bytes:
    """Return the bytes of the file that a form brought. Raises BadInput where it brought none."""
    file = request.files.get(field)
    data = file.stream.read() if file else b""
    if not data:
        raise BadInput(field)
    return data
