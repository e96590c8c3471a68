"""The platform's tokens for servers: /cgi-bin/token and /cgi-bin/stable_token, which know nothing of each other.

developers.weixin.qq.com, getAccessToken and getStableAccessToken: a new plain token leaves the former one five more
minutes; the stable one stays the same until less than five minutes are left; forcing kills the former at once, works
twenty times a day, and changes nothing when repeated within thirty seconds.
"""

import base64
import hmac
import secrets

from app.wechat_mock.errors import Refusal
from app.wechat_mock.platform import ACCESS_TOKEN_SECONDS, App, Platform
from app.wechat_mock.tables import digest_of

OVERLAP_SECONDS = 5 * 60
FORCED_PER_DAY = 20
FORCED_APART_SECONDS = 30


def issue_plain_token(platform: Platform, app: App) -> tuple[str, int]:
    """Return a new token and its lifetime in seconds; the former one lives five more minutes."""
    token, now = f"98_{secrets.token_urlsafe(96)}", platform.now()
    with platform.tables.act() as connection:
        connection.execute(
            "UPDATE server_token SET replaced_at = ? WHERE appid = ? AND kind = 'plain' AND replaced_at IS NULL",
            (now + OVERLAP_SECONDS, app.appid),
        )
        connection.execute(
            "INSERT INTO server_token VALUES (?, ?, 'plain', ?, NULL)",
            (digest_of(token), app.appid, now + ACCESS_TOKEN_SECONDS),
        )
    return token, ACCESS_TOKEN_SECONDS


def stable_token(platform: Platform, app: App, secret: str, *, force_refresh: bool) -> tuple[str, int]:
    """Return the stable token and the seconds it still lives (300 at least).

    `secret` is the app's own, which the token is derived from, so that nothing readable has to be stored.
    Raises Refusal 45009 at the twenty-first forced refresh of a day.
    """
    now = platform.now()
    with platform.tables.act() as connection:
        row = connection.execute("SELECT * FROM stable_token WHERE appid = ?", (app.appid,)).fetchone()
        forced_day, forced_count = int(now // 86400), 0
        if row is not None and row["forced_day"] == forced_day:
            forced_count = row["forced_count"]
        is_alive = row is not None and row["expires_at"] - now >= OVERLAP_SECONDS
        if is_alive and (not force_refresh or now - row["issued_at"] < FORCED_APART_SECONDS):
            return _stable_text(secret, row["nonce"]), int(row["expires_at"] - now)
        if force_refresh:
            if forced_count >= FORCED_PER_DAY:
                raise Refusal(45009)
            forced_count += 1
            connection.execute(
                "UPDATE server_token SET replaced_at = ? WHERE appid = ? AND kind = 'stable'", (now, app.appid)
            )
        nonce = secrets.token_hex(16)
        token, expires_at = _stable_text(secret, nonce), now + ACCESS_TOKEN_SECONDS
        connection.execute(
            "INSERT OR REPLACE INTO stable_token VALUES (?, ?, ?, ?, ?, ?)",
            (app.appid, nonce, now, expires_at, forced_day, forced_count),
        )
        connection.execute(
            "INSERT INTO server_token VALUES (?, ?, 'stable', ?, NULL)", (digest_of(token), app.appid, expires_at)
        )
    return token, ACCESS_TOKEN_SECONDS


def require_server_token(platform: Platform, token: str | None) -> App:
    """Return the app whose token it is. Raises Refusal 41001, 40001 (unknown, superseded) or 42001 (expired)."""
    if not token:
        raise Refusal(41001)
    with platform.tables.act() as connection:
        row = connection.execute("SELECT * FROM server_token WHERE digest = ?", (digest_of(token),)).fetchone()
    now = platform.now()
    if row is None or row["appid"] not in platform.apps or (row["replaced_at"] or now + 1) <= now:
        raise Refusal(40001)
    if row["expires_at"] <= now:
        raise Refusal(42001)
    return platform.apps[row["appid"]]


def jsapi_ticket(platform: Platform, app: App) -> tuple[str, int]:
    """Return the ticket that pages of the app sign with, the same for everybody in a window of two hours."""
    window, elapsed = divmod(int(platform.now()), ACCESS_TOKEN_SECONDS)
    digest = hmac.digest(app.secret_digest, b"jsapi_ticket\n%d" % window, "sha512")
    return base64.urlsafe_b64encode(digest).decode().rstrip("="), ACCESS_TOKEN_SECONDS - elapsed


def _stable_text(secret: str, nonce: str) -> str:
    digest = hmac.digest(secret.encode(), f"stable_token\n{nonce}".encode(), "sha512")
    return f"99_{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
