"""Parts of pages that change by themselves: the same partial template, asked for every two seconds, mostly answered by 304.

A large one (the board of a full clinic has a megabyte) goes gzipped to a script of ours: on a slow line it would not arrive
before the next look. Only to such a script, which says so in a header that no other site can make a browser send: nobody else
can have a page with somebody's token packed beside words of their own and weigh it (BREACH).
"""

from __future__ import annotations

import gzip
import re
from hashlib import sha256
from typing import Any

from flask import Response, make_response, render_template, request

# What differs in every answer and shows nothing: the form's token and its key.
ONE_USE = re.compile(r'name="(csrf_token|idempotency_key)" value="[^"]*"')
TAG_BYTES = 16
LEAST_PACKED = 4096  # bytes
QUICKLY = 4  # gzip's level: a megabyte takes 10 ms


def fragment(template: str, *, of: str | None = None, **words: Any) -> Response:
    """Return a partial template with the ETag of what it shows; 304 where the browser shows the same already.

    `of` says in a text all that the partial is drawn from: then it is drawn only where the browser shows something else,
    and what its clocks say, which the browser counts on by itself, does not make it another one.
    """
    if of is not None:
        tag = sha256(of.encode()).hexdigest()[: 2 * TAG_BYTES]
        text = "" if request.if_none_match.contains(tag) else render_template(template, **words)
    else:
        text = render_template(template, **words)
        tag = sha256(ONE_USE.sub("", text).encode()).hexdigest()[: 2 * TAG_BYTES]
    response = make_response(text)
    response.set_etag(tag)
    response.headers["Cache-Control"] = "no-store"
    if len(text) >= LEAST_PACKED and request.headers.get("X-Requested-With") == "fetch":
        response.vary.update(("Accept-Encoding", "X-Requested-With"))
        if request.accept_encodings["gzip"] > 0:
            response.set_data(gzip.compress(response.get_data(), QUICKLY, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    return response.make_conditional(request)
