"""A real process, killed with signal 9 while a provider has its message in hand: it went once at most, and is called unknown."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app import ROOT, create_app, sending
from app.domain.actor import Actor
from app.domain.documents import parse_resident_id
from app.domain.messages import LEASE
from app.models import OutboxMessage
from app.ports import WeChatIdentity
from app.services import accounts, outbox, people
from tests.conftest import Clock, settings_in
from tests.people import LI_ID

PATIENCE_SECONDS = 60


class Provider:
    """Hands out a token, takes a message, and answers nothing to it until it is let go."""

    def __init__(self) -> None:
        self.sends = 0
        self.has_one, self.let_go = threading.Event(), threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if "/message/" in self.path:
                    provider.sends += 1
                    provider.has_one.set()
                    provider.let_go.wait(PATIENCE_SECONDS)
                body = b'{"access_token":"t","expires_in":7200}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


def test_killed_in_the_middle_the_message_is_unknown_and_goes_no_second_time(var: Path) -> None:
    provider = Provider()
    environ = {"WECHAT_API_BASE": provider.base}
    clock = Clock()
    from datetime import UTC, datetime

    clock.now = datetime.now(UTC)  # the other process has no clock of ours
    app = create_app(settings_in(var, **environ), clock)
    house: Any = app.extensions["mingzhen"]()
    with house.writing_session() as session:
        ref = accounts.account_for_wechat(session, WeChatIdentity("wxdemo", "openid-of-li"), clock())
        actor = Actor("patient", ref, "patient")
        document = parse_resident_id(LI_ID, clock().date())
        people.bind(session, actor, document, "李明", clock(), relation="self", has_consented=True)
        outbox.ask_to_be_told(session, actor, ("queue",))
        patient = people.links_of(session, ref)[0].patient_ref
        outbox.tell(session, patient, "passed", clock(), ticket="A001")

    sender = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "chores"],
        cwd=ROOT,
        env={**os.environ, "MINGZHEN_VAR": str(var), "WECHAT_MOCK_INTERNAL": "http://127.0.0.1:9", **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert provider.has_one.wait(PATIENCE_SECONDS)
    os.kill(sender.pid, signal.SIGKILL)
    sender.wait()
    provider.let_go.set()

    clock.now = datetime.now(UTC)
    assert sending.send(house) == 0  # its lease runs: nobody takes it
    clock.now += LEASE
    sending.send(house)
    sending.send(house)
    with house.reading_session() as session:
        [row] = session.scalars(select(OutboxMessage).where(OutboxMessage.state != "spread"))
    assert (row.state, row.reason, provider.sends) == ("unknown", "sender_fell", 1)
    house.close()
    provider.server.shutdown()
    provider.server.server_close()
