"""/_demo: what has no twin on the real platform, because there it happens inside people's phones."""

from flask import Blueprint, Response, abort, jsonify, render_template, request

from app.wechat_mock import notices
from app.wechat_mock.accounts import Account
from app.wechat_mock.errors import Refusal
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

    @bp.post("/accept")
    def accept() -> Response:
        """What a tap on "allow" in wx.requestSubscribeMessage does: one more message of each template, to `openid`."""
        body = request.get_json(silent=True)
        if not isinstance(body, dict) or not isinstance(body.get("templates"), list):
            abort(400, "openid and templates are needed")
        try:
            for template_id in body["templates"][:5]:
                notices.accept(platform, named_app(), str(body.get("openid")), str(template_id))
        except Refusal as refusal:
            abort(404, str(refusal))
        return jsonify(errMsg="requestSubscribeMessage:ok")

    @bp.get("/phone")
    def phone() -> str:
        """The messages as the phones show them (服务通知): of `account`, or of all who got any."""
        chosen = request.args.get("account")
        account = platform.find_account(chosen) if chosen else None
        if chosen and account is None:
            abort(404, "no such account")
        return render_template("phone.html", cards=notices.shown(platform, chosen or None), owner=account)

    @bp.get("/messages")
    def messages() -> Response:
        """The same as data, for tests."""
        found = notices.shown(platform, request.args.get("account"))
        return jsonify(
            [{"account": m.account_id, "title": m.title, "fields": dict(m.fields), "page": m.page} for m in found]
        )

    return bp
