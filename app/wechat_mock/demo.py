"""/_demo: what has no twin on the real platform, because there it happens inside people's phones."""

from flask import Blueprint, Response, abort, jsonify, request

from app.wechat_mock.accounts import Account
from app.wechat_mock.platform import App, Platform


def make_demo(platform: Platform) -> Blueprint:
    """Return the doors below /_demo."""
    bp = Blueprint("demo", __name__)

    def named_account() -> Account:
        return platform.find_account(request.args.get("account", "")) or abort(404, "no such account")

    def named_app() -> App:
        if "appid" not in request.args:
            return next(iter(platform.apps.values()))
        return platform.apps.get(request.args["appid"]) or abort(404, "no such appid")

    @bp.get("/health")
    def health() -> Response:
        return Response("ok", content_type="text/plain")

    @bp.get("/accounts")
    def accounts() -> Response:
        """Who can be chosen, in the order of the page."""
        return jsonify([{"id": person.id, "nickname": person.nickname} for person in platform.people()])

    @bp.get("/js-code")
    def js_code() -> Response:
        """What wx.login would hand to the mini-program `appid` (the first one by default) on the phone of `account`."""
        code = platform.issue_code("js", named_app(), named_account().id)
        return jsonify(errMsg="login:ok", code=code)

    @bp.get("/phone-code")
    def phone_code() -> Response:
        """What a button with open-type="getPhoneNumber" would hand to the mini-program after a tap of `account`."""
        account = named_account()
        if account.phone is None:
            abort(404, "this account has no phone number")
        return jsonify(errMsg="getPhoneNumber:ok", code=platform.issue_code("phone", named_app(), account.id))

    return bp
