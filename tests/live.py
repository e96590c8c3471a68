"""The whole site on loopback, for tests that need real sockets: the application in a thread, the sequencer as a process.

    with LiveSite(var) as site:
        page.goto(site.url)

Time is real here, unless a clock is given. The sequencer can be killed and started again while the site serves.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from playwright.sync_api import Page
from werkzeug.serving import make_server

from app import ROOT, create_app
from ledger.stores.sql import SQLStore
from tests.conftest import settings_in

PATIENCE_SECONDS = 90.0  # a loaded machine is no failure


def wait_until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


class LiveSite:
    """A site over the folder `var`, which holds keys and migrated databases (the fixture `var` does)."""

    def __init__(self, var: Path, *, seals: bool = True, clock: Any = None, **environ: str) -> None:
        self.var = var
        self._clock = clock  # for a site whose hours pass when a test says so
        self._settings = settings_in(var, **environ)
        self._seals = seals
        self._sequencer: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> LiveSite:
        self.app = create_app(self._settings, self._clock) if self._clock else create_app(self._settings)
        self.house = self.app.extensions["mingzhen"]
        self._server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        if self._seals:
            self.start_sequencer()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.kill_sequencer()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.house.close()

    def start_sequencer(self) -> None:
        """Start it and wait until the site says that everything works."""
        keys = self.var / "keys"
        self._sequencer = subprocess.Popen(
            [
                *(sys.executable, "-m", "ledger", "sequencer"),
                *("--database", self._settings.database_url, "--origin", self._settings.ledger_origin),
                *("--key", str(keys / "ledger.key"), "--head", str(self.var / "head")),
                *("--socket", str(self._settings.ledger_socket)),
            ],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: self.status("/readyz") == 200)

    def kill_sequencer(self) -> None:
        """Kill it as a power cut would; return when it is gone."""
        if self._sequencer is not None:
            os.kill(self._sequencer.pid, signal.SIGKILL)
            self._sequencer.wait()
            self._sequencer = None

    def wait_for_seals(self) -> None:
        """Return when everything that was recorded is in a published checkpoint."""
        store = SQLStore(self.house().engine)
        self.house().bell.knock()
        wait_until(lambda: not store.pending(1) and store.newest_size() == store.load_tree().size)  # type: ignore[union-attr]

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.url + path, timeout=PATIENCE_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)

    def read(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE_SECONDS) as answer:
            body: bytes = answer.read()
            return body

    def sign_in(self, page: Page, phone: str = "13800138000") -> None:
        """Sign a browser in through the phone door, with the code that the demo's phone shows."""
        base = re.match(r"https?://[^/]+", page.url)
        page.goto(f"{base.group() if base else self.url}/sign-in")
        page.locator("input[name=phone]").fill(phone)
        page.locator("form[action$='/sign-in/phone'] button[type=submit]").click()
        page.locator("input[name=code]").fill(self.last_code())
        page.locator("form[action$='/sign-in/code'] button[type=submit]").click()
        page.wait_for_url(re.compile(r"^(?!.*/sign-in)"))

    def last_code(self) -> str:
        sms: Any = self.house().sms
        found = re.search(r"\b(\d{6})\b", sms.last_messages(1)[0].text)
        assert found
        return found.group(1)
