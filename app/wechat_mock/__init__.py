"""A pretend WeChat platform, for demos and tests: a neighbour that our house meets over HTTP only.

It answers below `/wechat-mock` with the paths, key order, error texts and one-use codes that developers.weixin.qq.com
documents for open.weixin.qq.com and api.weixin.qq.com, so that a client moves from one to the other by its base URLs
alone. It proves nobody's identity: whoever opens the page may be any of its people. It therefore says so on every page,
warns when it is built, and refuses to start where APP_ENV is `production`.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from flask import Flask, request

from app.wechat_mock.accounts import SEEDED_ACCOUNTS, Account
from app.wechat_mock.cgi import make_cgi
from app.wechat_mock.demo import make_demo
from app.wechat_mock.errors import RefusedToStart
from app.wechat_mock.notices import MESSAGES_PER_DAY
from app.wechat_mock.pages import make_pages
from app.wechat_mock.platform import App, Platform, parse_apps
from app.wechat_mock.sns import make_sns
from app.wechat_mock.tables import Tables

DEFAULT_PREFIX = "/wechat-mock"
DEFAULT_REDIRECT_HOSTS = ("127.0.0.1", "localhost", "::1")
MAX_BODY_BYTES = 16 * 1024

log = logging.getLogger(__name__)


def create_mock(
    database_path: Path | str,
    public_prefix: str = DEFAULT_PREFIX,
    seed_accounts: Iterable[Account] = SEEDED_ACCOUNTS,
    *,
    apps: Iterable[App],
    redirect_hosts: Iterable[str] = DEFAULT_REDIRECT_HOSTS,
    clock: Callable[[], float] = time.time,
    messages_per_day: int = MESSAGES_PER_DAY,
) -> Flask:
    """Return the mock as a Flask application.

    `database_path` is a SQLite file of its own (":memory:" for one that goes with the process). `apps` are the
    registered AppIDs with their secrets; `redirect_hosts` are host names, without port, that a browser may be sent
    back to. `clock` gives Unix seconds; `messages_per_day` is the quota of subscribe messages. Raises RefusedToStart when no app is registered.
    """
    platform = Platform(Tables(database_path), apps, redirect_hosts, clock)
    platform.seed(seed_accounts)
    log.warning("wechat_mock.in_use: a pretend WeChat that lets anybody be anybody; for demos and tests only")

    flask_app = Flask(__name__, static_url_path=f"{public_prefix}/_demo/static")
    flask_app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    flask_app.register_blueprint(make_pages(platform), url_prefix=public_prefix)
    flask_app.register_blueprint(make_sns(platform), url_prefix=f"{public_prefix}/sns")
    flask_app.register_blueprint(make_cgi(platform, messages_per_day), url_prefix=public_prefix)
    flask_app.register_blueprint(make_demo(platform), url_prefix=f"{public_prefix}/_demo")

    @flask_app.after_request
    def never_kept(response):
        """Codes and tokens travel in these URLs and bodies: no cache keeps them, no Referer carries them on."""
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Content-Security-Policy", "default-src 'self'; frame-ancestors 'self'")
        return response

    return flask_app


def app_from_environment(environment: Mapping[str, str] = os.environ) -> Flask:
    """Return the mock as WECHAT_MOCK_* describe it.

    WECHAT_MOCK_DATABASE is the file, WECHAT_MOCK_APPS the registered `appid:secret` pairs (spaces between),
    WECHAT_MOCK_REDIRECT_HOSTS the allowed hosts (spaces between; this machine by default), WECHAT_MOCK_PREFIX where it
    lives. Raises RefusedToStart in production, or when one of the first two is missing.
    """
    if environment.get("APP_ENV") == "production":
        raise RefusedToStart("APP_ENV is production: the pretend WeChat lets anybody be anybody. Do not start it here.")
    for name in ("WECHAT_MOCK_DATABASE", "WECHAT_MOCK_APPS"):
        if not environment.get(name):
            raise RefusedToStart(f"{name} is not set.")
    hosts = environment.get("WECHAT_MOCK_REDIRECT_HOSTS", "").split() or DEFAULT_REDIRECT_HOSTS
    return create_mock(
        environment["WECHAT_MOCK_DATABASE"],
        environment.get("WECHAT_MOCK_PREFIX", DEFAULT_PREFIX),
        apps=parse_apps(environment["WECHAT_MOCK_APPS"]),
        redirect_hosts=hosts,
    )
