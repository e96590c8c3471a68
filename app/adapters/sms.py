"""Short messages, for demos: kept in a small SQLite file and shown on the demo page instead of being sent.

No vendor is wired in yet, so production has no second door until one is; DemoSMS refuses to stand in for it there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.adapters.errors import EdgeError
from app.ports import SMSUnavailable

KEPT_MESSAGES = 50
TEMPLATES = {
    "sign_in": "【明诊演示】登录验证码 {code}，5 分钟内有效。请勿告诉他人。Sign-in code {code}, good for 5 minutes.",
    "claim": (
        "【明诊演示】有人正在把您的就诊档案关联到一个账号，验证码 {code}，5 分钟内有效。如非本人操作，请勿告诉他人。"
        "Code {code} links your record to an account. If this is not you, tell nobody."
    ),
}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sent_at TEXT NOT NULL, phone_e164 TEXT NOT NULL, template TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT
"""

log = structlog.get_logger(__name__)


class DemoOnly(EdgeError):
    """A stand-in for demos was asked to work in production."""


@dataclass(frozen=True)
class DemoMessage:
    """A message as the phone would have shown it. `sent_at` is aware UTC."""

    sent_at: datetime
    phone_e164: str = field(repr=False)
    template: str
    text: str = field(repr=False)


class DemoSMS:
    """Implements `app.ports.SMSSender` on a file that all workers of a demo share; keeps the last fifty messages."""

    def __init__(
        self, database: Path, *, app_env: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Make the file (mode 0600) and its folder where they lack. Raises DemoOnly in production."""
        if app_env == "production":
            raise DemoOnly("DemoSMS shows codes to everybody: it does not run in production.")
        self._database = database
        self._clock = clock
        database.parent.mkdir(parents=True, exist_ok=True)
        database.touch(mode=0o600)
        with self._open() as connection:
            connection.execute(_SCHEMA)
        log.warning("sms.demo_in_use", meaning="codes are shown on the demo page and sent to nobody")

    def send_code(self, phone_e164: str, code: str, template: str) -> None:
        """Keep the message instead of sending it. Raises SMSUnavailable, or ValueError for an unknown template."""
        if template not in TEMPLATES:
            raise ValueError(f"no such template: {template}")
        self._keep(phone_e164, template, TEMPLATES[template].format(code=code))

    def send_notice(self, phone_e164: str, kind: str, text: str) -> None:
        """Keep a message whose words are ready. Raises SMSUnavailable."""
        self._keep(phone_e164, kind, text)

    def _keep(self, phone_e164: str, template: str, text: str) -> None:
        row = (self._clock().isoformat(), phone_e164, template, text)
        try:
            with self._open() as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO message (sent_at, phone_e164, template, text) VALUES (?, ?, ?, ?)", row)
                connection.execute(
                    "DELETE FROM message WHERE id <= (SELECT max(id) FROM message) - ?", (KEPT_MESSAGES,)
                )
                connection.execute("COMMIT")
        except sqlite3.Error:
            raise SMSUnavailable("the demo's message file cannot be written") from None

    def forget(self, phones: Collection[str]) -> None:
        """Erase the messages to these numbers, their bytes in the file too. Raises SMSUnavailable."""
        try:
            with self._open() as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("DELETE FROM message WHERE phone_e164 = ?", [(phone,) for phone in phones])
                connection.execute("COMMIT")
        except sqlite3.Error:
            raise SMSUnavailable("the demo's message file cannot be written") from None

    def last_messages(self, limit: int = KEPT_MESSAGES) -> list[DemoMessage]:
        """Return the newest messages, newest first, at most `limit` and never more than fifty."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT sent_at, phone_e164, template, text FROM message ORDER BY id DESC LIMIT ?",
                (max(0, min(limit, KEPT_MESSAGES)),),
            ).fetchall()
        return [DemoMessage(datetime.fromisoformat(row[0]), *row[1:]) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give a connection of this thread's own, closed at the end; open transactions are rolled back by that."""
        with closing(sqlite3.connect(self._database, timeout=2, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA secure_delete=ON")  # what goes is overwritten
            connection.execute("PRAGMA journal_mode=MEMORY")  # and no journal on the disk has it either
            yield connection
