"""The mock's own SQLite file: accounts, codes, tokens. Codes and tokens lie there as SHA-256 digests only."""

import hashlib
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.wechat_mock.errors import RefusedToStart

_SCHEMA = """
CREATE TABLE IF NOT EXISTS account (
    id TEXT PRIMARY KEY, nickname TEXT NOT NULL, about_zh TEXT NOT NULL, about_en TEXT NOT NULL, phone TEXT,
    seed_rank INTEGER, created_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS code (
    digest BLOB PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('oauth', 'js', 'phone')), appid TEXT NOT NULL,
    account_id TEXT NOT NULL, scope TEXT NOT NULL, is_snapshot INTEGER NOT NULL, expires_at REAL NOT NULL, used_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS code_by_expiry ON code (expires_at);
CREATE TABLE IF NOT EXISTS user_token (
    refresh_digest BLOB PRIMARY KEY, access_digest BLOB NOT NULL UNIQUE, appid TEXT NOT NULL, account_id TEXT NOT NULL,
    openid TEXT NOT NULL, scope TEXT NOT NULL, generation INTEGER NOT NULL, access_expires_at REAL NOT NULL,
    refresh_expires_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS user_token_by_expiry ON user_token (refresh_expires_at);
CREATE TABLE IF NOT EXISTS server_token (
    digest BLOB PRIMARY KEY, appid TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('plain', 'stable')),
    expires_at REAL NOT NULL, replaced_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS server_token_by_app ON server_token (appid, kind);
CREATE TABLE IF NOT EXISTS stable_token (
    appid TEXT PRIMARY KEY, nonce TEXT NOT NULL, issued_at REAL NOT NULL, expires_at REAL NOT NULL,
    forced_day INTEGER NOT NULL, forced_count INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS mini_session (
    appid TEXT NOT NULL, openid TEXT NOT NULL, account_id TEXT NOT NULL, generation INTEGER NOT NULL,
    PRIMARY KEY (appid, openid)
) STRICT;
CREATE TABLE IF NOT EXISTS accepted (
    appid TEXT NOT NULL, openid TEXT NOT NULL, template TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (appid, openid, template)
) STRICT;
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, account_id TEXT NOT NULL, template TEXT NOT NULL, fields TEXT NOT NULL,
    page TEXT NOT NULL, sent_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sent_on (
    appid TEXT NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (appid, day)
) STRICT;
"""


def digest_of(text: str) -> bytes:
    """Return what the tables keep of a code or token: its SHA-256. All of them are random, so no salt is needed."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class Tables:
    """One connection behind a lock; safe from any thread.

    Several processes on one file work too, since every act is a `BEGIN IMMEDIATE` transaction. Nothing here must
    outlive a power cut, so the file is not synced on each commit.
    """

    def __init__(self, path: Path | str) -> None:
        """Open the file, making it and its tables where they lack. Raises RefusedToStart when that cannot be done."""
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=OFF")
            weakref.finalize(self, self._connection.close)
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise RefusedToStart(f"The mock's database {path} cannot be used: {error}.") from error

    @contextmanager
    def act(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside one transaction: committed at the end, rolled back when the block raises."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
