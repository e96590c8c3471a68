"""What the pretend platform knows and does: registered apps, one-use codes, tokens. No HTTP here.

Lifetimes follow developers.weixin.qq.com: wx.login and web OAuth codes live five minutes and work once, user tokens
two hours, refresh tokens thirty days. Secrets lie in memory as digests; tokens that must come out a second time the
same (a refreshed user token, a stable token, a session_key) are derived again instead of being stored.
"""

import base64
import hashlib
import hmac
import secrets
import string
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from app.wechat_mock.accounts import Account, new_account, openid_of
from app.wechat_mock.errors import Refusal, RefusedToStart
from app.wechat_mock.tables import Tables, digest_of

CODE_SECONDS = 5 * 60
ACCESS_TOKEN_SECONDS = 7200
REFRESH_TOKEN_SECONDS = 30 * 24 * 3600
KEPT_AFTER_EXPIRY_SECONDS = 24 * 3600  # so that a late second use is still told "been used"
NEW_ACCOUNTS_KEPT = 1000
NEW_ACCOUNTS_SHOWN = 3

_ALPHANUMERIC = string.ascii_letters + string.digits


@dataclass(frozen=True)
class App:
    """One registered AppID. `secret_digest` is the SHA-256 of its AppSecret."""

    appid: str
    secret_digest: bytes = field(repr=False)

    @classmethod
    def registered(cls, appid: str, secret: str) -> "App":
        """Return the app for an AppID and the AppSecret that it will have to present."""
        return cls(appid, hashlib.sha256(secret.encode()).digest())


@dataclass(frozen=True)
class Code:
    """A code just spent: for whom it was given, and what it allows."""

    account_id: str
    scope: str
    is_snapshot: bool


@dataclass(frozen=True)
class UserToken:
    """A user's token pair after OAuth; `access_expires_in` is seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    openid: str = field(repr=False)
    scope: str
    access_expires_in: int = ACCESS_TOKEN_SECONDS


@dataclass(frozen=True)
class TokenHolder:
    """Whose user token was presented, and what it allows."""

    account_id: str
    openid: str = field(repr=False)
    scope: str


def parse_apps(text: str) -> list[App]:
    """Return the apps in `appid:secret appid:secret`. Raises RefusedToStart for anything else."""
    apps = []
    for position, pair in enumerate(text.split(), start=1):
        appid, colon, secret = pair.partition(":")
        if not (appid and colon and secret):
            # The pair itself is not repeated: it may hold a secret.
            raise RefusedToStart(f"WECHAT_MOCK_APPS: item {position} is not appid:secret.")
        apps.append(App.registered(appid, secret))
    return apps


class Platform:
    """The pretend platform behind its doors; safe from any thread."""

    def __init__(
        self, tables: Tables, apps: Iterable[App], redirect_hosts: Iterable[str], clock: Callable[[], float]
    ) -> None:
        self.tables = tables
        self.apps = {app.appid: app for app in apps}
        self.redirect_hosts = frozenset(host.strip("[]").lower() for host in redirect_hosts)
        self.now = clock
        self._sweep_lock = threading.Lock()
        self._swept_at = 0.0
        if not self.apps:
            raise RefusedToStart("No app is registered with the pretend WeChat.")

    # Apps

    def require_app(self, appid: str | None) -> App:
        """Return the registered app. Raises Refusal 41002 or 40013."""
        if not appid:
            raise Refusal(41002)
        if appid not in self.apps:
            raise Refusal(40013)
        return self.apps[appid]

    def require_secret(self, app: App, secret: str | None) -> str:
        """Return the secret if it is the app's. Raises Refusal 41004 or 40125."""
        if not secret:
            raise Refusal(41004)
        if not hmac.compare_digest(digest_of(secret), app.secret_digest):
            raise Refusal(40125)
        return secret

    # People

    def seed(self, accounts: Iterable[Account]) -> None:
        """Write the seeded accounts, replacing what an older version of them said."""
        with self.tables.act() as connection:
            connection.execute("UPDATE account SET seed_rank = NULL")
            connection.executemany(
                "INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (a.id, a.nickname, a.about_zh, a.about_en, a.phone, rank, self.now())
                    for rank, a in enumerate(accounts)
                ],
            )

    def people(self) -> list[Account]:
        """Return whom a visitor may choose to be: the seeded, then the newest accounts made here."""
        columns = "SELECT id, nickname, about_zh, about_en, phone FROM account WHERE seed_rank IS"
        with self.tables.act() as connection:
            rows = connection.execute(f"{columns} NOT NULL ORDER BY seed_rank").fetchall()
            rows += connection.execute(
                f"{columns} NULL ORDER BY created_at DESC, id LIMIT ?", (NEW_ACCOUNTS_SHOWN,)
            ).fetchall()
        return [Account(**dict(row)) for row in rows]

    def find_account(self, account_id: str) -> Account | None:
        """Return the account, or None when nobody has that id."""
        with self.tables.act() as connection:
            row = connection.execute(
                "SELECT id, nickname, about_zh, about_en, phone FROM account WHERE id = ?", (account_id,)
            ).fetchone()
        return Account(**dict(row)) if row else None

    def add_account(self) -> Account:
        """Return a new WeChat account. Only the newest thousand are kept."""
        account = new_account()
        with self.tables.act() as connection:
            connection.execute(
                "INSERT INTO account VALUES (?, ?, ?, ?, ?, NULL, ?)",
                (account.id, account.nickname, account.about_zh, account.about_en, account.phone, self.now()),
            )
            connection.execute(
                "DELETE FROM account WHERE id IN (SELECT id FROM account WHERE seed_rank IS NULL"
                " ORDER BY created_at DESC, id LIMIT -1 OFFSET ?)",
                (NEW_ACCOUNTS_KEPT,),
            )
        return account

    # One-use codes

    def issue_code(self, kind: str, app: App, account_id: str, *, scope: str = "", is_snapshot: bool = False) -> str:
        """Return a fresh code of `kind` (oauth, js or phone), 32 characters, for one use within five minutes."""
        self._sweep()
        code = "".join(secrets.choice(_ALPHANUMERIC) for _ in range(32))
        with self.tables.act() as connection:
            connection.execute(
                "INSERT INTO code VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                (digest_of(code), kind, app.appid, account_id, scope, is_snapshot, self.now() + CODE_SECONDS),
            )
        return code

    def spend_code(self, kind: str, app: App, code: str | None) -> Code:
        """Return what the code stands for, once. Raises Refusal 41008, 40029 (unknown, expired) or 40163 (used)."""
        if not code:
            raise Refusal(41008)
        now, key = self.now(), (digest_of(code), kind, app.appid)
        with self.tables.act() as connection:
            row = connection.execute("SELECT * FROM code WHERE (digest, kind, appid) = (?, ?, ?)", key).fetchone()
            if row is None:
                raise Refusal(40029)
            if row["used_at"] is not None:
                raise Refusal(40163)
            if now >= row["expires_at"]:
                raise Refusal(40029)
            connection.execute("UPDATE code SET used_at = ? WHERE digest = ?", (now, key[0]))
        return Code(row["account_id"], row["scope"], bool(row["is_snapshot"]))

    # User tokens, from web OAuth

    def issue_user_token(self, app: App, code: Code) -> UserToken:
        """Return the first token pair for a spent code."""
        refresh_token, now = f"97_{secrets.token_urlsafe(64)}", self.now()
        access_token = _access_token_of(refresh_token, 0)
        openid = openid_of(code.account_id, app.appid)
        with self.tables.act() as connection:
            connection.execute(
                "INSERT INTO user_token VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)",
                (
                    digest_of(refresh_token),
                    digest_of(access_token),
                    app.appid,
                    code.account_id,
                    openid,
                    code.scope,
                    now + ACCESS_TOKEN_SECONDS,
                    now + REFRESH_TOKEN_SECONDS,
                ),
            )
        return UserToken(access_token, refresh_token, openid, code.scope)

    def refresh_user_token(self, app: App, refresh_token: str | None) -> UserToken:
        """Return the pair with its access token renewed: the same text while it lives, a new one afterwards.

        Raises Refusal 40030 (unknown) or 42002 (older than thirty days).
        """
        now = self.now()
        with self.tables.act() as connection:
            row = connection.execute(
                "SELECT * FROM user_token WHERE refresh_digest = ? AND appid = ?",
                (digest_of(refresh_token or ""), app.appid),
            ).fetchone()
            if row is None:
                raise Refusal(40030)
            if now >= row["refresh_expires_at"]:
                raise Refusal(42002)
            generation = row["generation"] + (now >= row["access_expires_at"])
            access_token = _access_token_of(refresh_token, generation)
            connection.execute(
                "UPDATE user_token SET access_digest = ?, generation = ?, access_expires_at = ?"
                " WHERE refresh_digest = ?",
                (digest_of(access_token), generation, now + ACCESS_TOKEN_SECONDS, row["refresh_digest"]),
            )
        return UserToken(access_token, refresh_token, row["openid"], row["scope"])

    def require_user_token(self, access_token: str | None, openid: str | None) -> TokenHolder:
        """Return whose token it is. Raises Refusal 41001, 40001, 42001, or 40003 for another person's openid."""
        if not access_token:
            raise Refusal(41001)
        with self.tables.act() as connection:
            row = connection.execute(
                "SELECT * FROM user_token WHERE access_digest = ?", (digest_of(access_token),)
            ).fetchone()
        if row is None:
            raise Refusal(40001)
        if self.now() >= row["access_expires_at"]:
            raise Refusal(42001)
        if openid != row["openid"]:
            raise Refusal(40003)
        return TokenHolder(row["account_id"], row["openid"], row["scope"])

    # Session keys, from wx.login

    def renew_session(self, app: App, account_id: str) -> tuple[str, str]:
        """Return (openid, session_key) after a wx.login; the user's former key at this app dies with it."""
        openid = openid_of(account_id, app.appid)
        with self.tables.act() as connection:
            row = connection.execute(
                "INSERT INTO mini_session VALUES (?, ?, ?, 1) ON CONFLICT (appid, openid)"
                " DO UPDATE SET generation = generation + 1 RETURNING generation",
                (app.appid, openid, account_id),
            ).fetchone()
        return openid, _session_key_of(app, openid, row["generation"])

    def session_key(self, app: App, openid: str | None) -> str:
        """Return the user's session_key in force. Raises Refusal 40003 for somebody who never signed in here."""
        with self.tables.act() as connection:
            row = connection.execute(
                "SELECT generation FROM mini_session WHERE appid = ? AND openid = ?", (app.appid, openid)
            ).fetchone()
        if row is None:
            raise Refusal(40003)
        return _session_key_of(app, openid, row["generation"])

    def _sweep(self) -> None:
        """Drop what expired a day ago, once an hour, so that the file stays bounded."""
        now = self.now()
        with self._sweep_lock:
            if now < self._swept_at + 3600:
                return
            self._swept_at = now
        limit = (now - KEPT_AFTER_EXPIRY_SECONDS,)
        with self.tables.act() as connection:
            connection.execute("DELETE FROM code WHERE expires_at < ?", limit)
            connection.execute("DELETE FROM user_token WHERE refresh_expires_at < ?", limit)
            connection.execute("DELETE FROM server_token WHERE expires_at < ?", limit)


def _access_token_of(refresh_token: str, generation: int) -> str:
    digest = hmac.digest(refresh_token.encode(), b"access\n%d" % generation, "sha512")
    return f"97_{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _session_key_of(app: App, openid: str, generation: int) -> str:
    digest = hmac.digest(app.secret_digest, f"session_key\n{openid}\n{generation}".encode(), "sha256")
    return base64.b64encode(digest[:16]).decode()
