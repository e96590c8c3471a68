"""Parts of pages that change by themselves: the same partial template, asked for every two seconds, mostly answered by 304."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from flask import Response, make_response, render_template, request

# What differs in every answer and shows nothing: the form's token and its key.
ONE_USE = re.compile(r'name="(csrf_token|idempotency_key)" value="[^"]*"')
TAG_BYTES = 16


def fragment(template: str, **words: Any) -> Response:
    """Return a partial template with the ETag of what it shows; 304 where the browser shows the same already."""
    text = render_template(template, **words)
    response = make_response(text)
    response.set_etag(sha256(ONE_USE.sub("", text).encode()).hexdigest()[: 2 * TAG_BYTES])
    response.headers["Cache-Control"] = "no-store"
    return response.make_conditional(request)
