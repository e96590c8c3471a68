"""/connect/oauth2/authorize: the page that asks a person for consent. Here it first asks who they are.

developers.weixin.qq.com, 网页授权: parameters in a fixed order and case, a registered host to go back to, a state of at
most 128 bytes that comes back untouched. The real platform refuses with a page of its own; so do we, with status 400.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request

from app.wechat_mock.errors import PageRefused
from app.wechat_mock.platform import App, Platform

REQUIRED = ["appid", "redirect_uri", "response_type", "scope"]
OPTIONAL = ("state", "forcePopup", "forceSnapShot")
SCOPES = ("snsapi_base", "snsapi_userinfo")
MAX_STATE_BYTES = 128


@dataclass(frozen=True)
class Ask:
    """A well-formed authorize link: which app asks, where the answer goes, and what is asked for."""

    app: App
    redirect_uri: str
    scope: str
    state: str | None
    is_snapshot: bool

    @property
    def host(self) -> str:
        """Who gets the answer, as a person would read it."""
        return urlsplit(self.redirect_uri).netloc

    @property
    def origin(self) -> str:
        """Where the answer goes, as a content security policy spells it."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"


def make_pages(platform: Platform) -> Blueprint:
    """Return the door below /connect."""
    bp = Blueprint("pages", __name__)

    @bp.errorhandler(PageRefused)
    def refused(error: PageRefused):
        return render_template("refused.html", reason_zh=error.reason_zh, reason_en=error.reason_en), 400

    @bp.get("/connect/oauth2/authorize")
    def authorize() -> Response:
        """Show who one can be."""
        ask = _read_ask(platform)
        page = make_response(
            render_template(
                "choose.html",
                people=platform.people(),
                host=ask.host,
                asks_nickname=ask.scope == "snsapi_userinfo",
                action=f"{request.path}?{request.query_string.decode('ascii', 'replace')}",
            )
        )
        # Browsers hold the redirect after a form to form-action too, so the asking site has to stand in it.
        page.headers["Content-Security-Policy"] = (
            f"default-src 'self'; base-uri 'none'; frame-ancestors 'self'; form-action 'self' {ask.origin}"
        )
        return page

    @bp.post("/connect/oauth2/authorize")
    def decide():
        """Take the tap: consent as that person, or refusal; either way the browser goes back to the asking site."""
        ask = _read_ask(platform)
        if "refuse" in request.form:
            return redirect(_answered(ask, code=None), 303)
        chosen = request.form.get("account", "")
        account = platform.add_account() if chosen == "new" else platform.find_account(chosen)
        if account is None:
            raise PageRefused("没有这个演示身份", "There is no such demo account.")
        # A snapshot page (快照页) knows nobody: the platform hands out a virtual account there.
        account_id = f"snapshot-of-{account.id}" if ask.is_snapshot else account.id
        code = platform.issue_code("oauth", ask.app, account_id, scope=ask.scope, is_snapshot=ask.is_snapshot)
        return redirect(_answered(ask, code), 303)

    return bp


def _read_ask(platform: Platform) -> Ask:
    """Return the link's question. Raises PageRefused, in the order in which a developer would mend it."""
    names = [pair.partition("=")[0] for pair in request.query_string.decode("ascii", "replace").split("&")]
    extras = names[len(REQUIRED) :]
    if names[: len(REQUIRED)] != REQUIRED or extras != [name for name in OPTIONAL if name in extras]:
        raise PageRefused("参数错误：名称、大小写或顺序不对", "Parameters are missing, misspelt or out of order.")
    app = platform.apps.get(request.args["appid"])
    if app is None:
        raise PageRefused("AppID 参数错误", "This AppID is not registered.")
    redirect_uri = request.args["redirect_uri"]
    if not _is_registered(redirect_uri, platform.redirect_hosts):
        raise PageRefused("redirect_uri 域名与后台配置不一致", "The host of redirect_uri is not registered.")
    if request.args["response_type"] != "code":
        raise PageRefused("response_type 参数错误", "response_type is not code.")
    if request.args["scope"] not in SCOPES:
        raise PageRefused("scope 参数错误或没有 scope 权限", "This scope is unknown here.")
    state = request.args.get("state")
    if state is not None and len(state.encode()) > MAX_STATE_BYTES:
        raise PageRefused("state 超过 128 字节", "state is longer than 128 bytes.")
    is_snapshot = request.args.get("forceSnapShot") == "true"
    return Ask(app, redirect_uri, request.args["scope"], state, is_snapshot)


def _is_registered(redirect_uri: str, hosts: frozenset[str]) -> bool:
    # Only plain printable ASCII without a backslash: browsers read "\" as "/" where urlsplit does not, and would end
    # up at another host than the one checked here.
    if not re.fullmatch(r"https?://[!-\[\]-~]+", redirect_uri):
        return False
    try:
        parts = urlsplit(redirect_uri)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return port_is_sound and parts.username is None and (parts.hostname or "") in hosts


def _answered(ask: Ask, code: str | None) -> str:
    """Return where the browser goes: the asked address with `code` (unless refused) and `state` added to its query."""
    address, hash_mark, fragment = ask.redirect_uri.partition("#")
    answers = {"code": code, "state": ask.state}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in answers.items() if value is not None)
    joint = ("&" if "?" in address else "?") if query else ""
    return f"{address}{joint}{query}{hash_mark}{fragment}"
