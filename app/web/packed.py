"""Style sheets, scripts and drawings go gzipped to browsers that take it: on a slow line the frame's sheet alone, plain, would
hold the first paint back for seconds.

Files of the house only. They are the same for everybody and hold nothing of anybody, so that packing them tells nobody a
secret, which packing a page that carries a form's token beside what was typed might (BREACH). RFC 9110, 8.4 and 8.8.3.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

LEAST_BYTES = 1024  # below, the packing is larger than what it saves
MOST_KEPT = 200  # files; there are some sixty
PACKED = ("text/css", "text/javascript", "application/javascript", "image/svg+xml")
_kept: dict[tuple[str, str], bytes] = {}


def pack(response: Response) -> Response:
    """Return a static file's answer packed where the browser takes that. Its ETag becomes a weak one, since two encodings
    share it; asking with it finds the file unchanged all the same."""
    if request.endpoint != "static" or response.mimetype not in PACKED:
        return response
    response.vary.add("Accept-Encoding")
    etag = response.get_etag()[0]
    if etag is not None:
        response.set_etag(etag, weak=True)
    takes = request.accept_encodings["gzip"] > 0 and request.method == "GET" and "Range" not in request.headers
    if response.status_code != 200 or not takes or etag is None or (response.content_length or 0) < LEAST_BYTES:
        return response
    key = (request.path, etag)
    packed = _kept.get(key)
    if packed is None:
        response.direct_passthrough = False
        packed = gzip.compress(response.get_data(), 9, mtime=0)
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = packed
    close = getattr(response.response, "close", None)
    if close is not None:
        response.call_on_close(close)  # the file that is not read to its end
    response.set_data(packed)
    response.headers["Content-Encoding"] = "gzip"
    return response


def init_packed(app: Flask) -> None:
    app.after_request(pack)
