"""A browser as the day's people use it: cookies, the forms of the page it opened, a connection that is kept.

Connections belong to threads, cookies to people. What every request took and how it was answered is noted in one place.
"""

from __future__ import annotations

import html
import http.client
import json
import re
import socket
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from urllib.parse import urlencode

FORM = re.compile(r'<form\b[^>]*?action="([^"]+)"[^>]*>(.*?)</form>', re.S)
INPUT = re.compile(r"<input\b[^>]*>")
ATTRIBUTE = re.compile(r'\b(name|value|type)="([^"]*)"')
FORM_TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')
PATIENCE_SECONDS = 30.0
TRIES = 4


@dataclass(frozen=True)
class Page:
    status: int
    location: str
    text: str

    @property
    def code(self) -> str:
        """Return the refusal's code where the answer is JSON, else the status."""
        try:
            return str(json.loads(self.text)["code"])
        except (ValueError, KeyError, TypeError):
            return str(self.status)

    def forms(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return each form's address and what it would send as it stands: hidden fields, and boxes as ticked."""
        found = []
        for action, body in FORM.findall(self.text):
            fields = [dict(ATTRIBUTE.findall(tag)) for tag in INPUT.findall(body)]
            sent = [
                (f["name"], html.unescape(f.get("value", "")))
                for f in fields
                if f.get("type") in ("hidden", "checkbox")
            ]
            found.append((html.unescape(action), [pair for pair in sent if pair[0]]))
        return found

    def form(self, ending: str) -> tuple[str, list[tuple[str, str]]] | None:
        """Return the first form whose address ends so."""
        return next((form for form in self.forms() if form[0].partition("?")[0].endswith(ending)), None)


@dataclass
class Watch:
    """What the day's clients saw. Any thread."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    line: threading.local = field(default_factory=threading.local)
    opened: list[http.client.HTTPConnection] = field(default_factory=list)

    def saw(self, kind: str, seconds: float, page: Page) -> None:
        with self.lock:
            self.seconds[kind].append(seconds)
            if page.status >= 500:
                self.failed.append(f"{kind} was answered by {page.status}")
            elif page.status >= 400:
                self.refused[kind, page.code] += 1

    def fail(self, words: str) -> None:
        with self.lock:
            self.failed.append(words)

    def line_to(self, port: int) -> http.client.HTTPConnection:
        """Return this thread's connection, opening it where it has none."""
        line: http.client.HTTPConnection | None = getattr(self.line, "kept", None)
        if line is None:
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
            line.connect()
            line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.line.kept = line
            with self.lock:
                self.opened.append(line)
        return line

    def lose_line(self) -> None:
        """Let go of this thread's connection."""
        line = getattr(self.line, "kept", None)
        self.line.kept = None
        if line is not None:
            line.close()

    def hang_up(self) -> None:
        """Close every connection, once all threads are done."""
        for line in self.opened:
            line.close()

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1


class Browser:
    """One person's or tablet's. `watch` and `port` are the day's."""

    def __init__(self, port: int, watch: Watch, cookies: dict[str, str] | None = None) -> None:
        self.port, self.watch = port, watch
        self.cookies = dict(cookies or {})
        self.form_token = ""

    def get(self, kind: str, path: str) -> Page:
        return self._ask(kind, "GET", path, None, is_page=False)

    def post(self, kind: str, path: str, fields: list[tuple[str, str]], *, is_page: bool = False) -> Page:
        """Send a form; `is_page`: as the page's own script sends it, which is answered in JSON."""
        return self._ask(kind, "POST", path, urlencode(fields), is_page=is_page)

    def cut(self, path: str, fields: list[tuple[str, str]], *, is_page: bool = False) -> None:
        """Send a form and hang up before the answer."""
        body = urlencode(fields)
        lines = [f"POST {path} HTTP/1.1", *(f"{k}: {v}" for k, v in self._headers(body, is_page=is_page).items())]
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as line:
            line.sendall(("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body).encode())
        self.watch.count("connections cut before the answer")

    def _ask(self, kind: str, method: str, path: str, body: str | None, *, is_page: bool) -> Page:
        for attempt in range(TRIES):
            began = time.perf_counter()
            try:
                line = self.watch.line_to(self.port)
                line.request(method, path, body, self._headers(body, is_page=is_page))
                answer = line.getresponse()
                text = answer.read().decode()
                break
            except (OSError, http.client.HTTPException) as lost:  # a kept connection that the server has let go
                self.watch.lose_line()
                if attempt == TRIES - 1:
                    self.watch.fail(f"{kind}: {type(lost).__name__}")
                    return Page(599, "", "")
        for value in answer.headers.get_all("Set-Cookie") or ():
            name, _, rest = value.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        if token := FORM_TOKEN.search(text):
            self.form_token = token[1]
        page = Page(answer.status, answer.headers.get("Location", ""), text)
        self.watch.saw(kind, time.perf_counter() - began, page)
        return page

    def _headers(self, body: str | None, *, is_page: bool) -> dict[str, str]:
        headers = {"Host": "127.0.0.1", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if is_page:
            headers["X-Requested-With"] = "fetch"
        return headers
