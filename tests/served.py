"""A ward in a real browser: the application of the fixtures behind a socket, with their clock, which stands until it is set.

For what only a browser shows, where nothing needs to be sealed. What needs a sequencer and real time takes `tests.live`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from playwright.sync_api import BrowserContext
from werkzeug.serving import make_server


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application on loopback while the block runs; return its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def lend_cookie(context: BrowserContext, base: str, name: str, value: str, path: str = "/") -> None:
    """Give a browser the cookie of somebody who signed in."""
    host = base.split("//")[1].split(":")[0]
    context.add_cookies([{"name": name, "value": value, "domain": host, "path": path}])
