"""Run the pretend WeChat: `python -m app.wechat_mock --port 8001 --database var/wechat-mock.sqlite3`.

It listens on this machine only; demos reach it through the hospital's own address. See `app_from_environment` for the
settings that come from the environment.
"""

import argparse
import os
import signal
import sys

from werkzeug.serving import WSGIRequestHandler, make_server

from app.wechat_mock import app_from_environment
from app.wechat_mock.errors import RefusedToStart


class QuietHandler(WSGIRequestHandler):
    """Serves without an access log, since query strings carry secrets and codes."""

    disable_nagle_algorithm = True  # head and body leave in two writes; with Nagle the second waits 40 ms
    timeout = 120  # seconds after which an idle kept-alive connection is closed

    def log_request(self, code="-", size="-") -> None:
        """Say nothing."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop. Returns the exit code: 0 after SIGTERM or Ctrl-C, 2 when the settings are wrong."""
    parser = argparse.ArgumentParser(prog="python -m app.wechat_mock", description="The pretend WeChat, for demos.")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--database", help="its SQLite file (default: WECHAT_MOCK_DATABASE)")
    options = parser.parse_args(arguments)
    environment = dict(os.environ)
    if options.database:
        environment["WECHAT_MOCK_DATABASE"] = options.database
    try:
        flask_app = app_from_environment(environment)
        server = make_server("127.0.0.1", options.port, flask_app, threaded=True, request_handler=QuietHandler)
    except RefusedToStart as refusal:
        print(f"wechat_mock: {refusal}", file=sys.stderr)
        return 2
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, _stop)
    print(f"wechat_mock: pretend WeChat, demo only, on http://127.0.0.1:{server.port}", flush=True)
    try:
        server.serve_forever()
    except (KeyboardInterrupt, SystemExit):
        return 0
    finally:
        server.server_close()
    return 0


def _stop(signal_number: int, frame: object) -> None:
    raise SystemExit


if __name__ == "__main__":
    sys.exit(main())
