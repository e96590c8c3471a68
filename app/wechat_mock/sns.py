"""/sns: what a server asks with a code that a person's browser or mini-program brought.

developers.weixin.qq.com: web page authorization (网页授权) and code2Session. Order of checks: appid, then grant_type,
then secret, then the code. Parameters count in the query only, also when the request is a POST.
"""

from flask import Blueprint, Response, request

from app.wechat_mock.accounts import NEW_ACCOUNT_NICKNAME, unionid_of
from app.wechat_mock.answers import SNS_CONTENT_TYPE, answer, sns_refusal
from app.wechat_mock.errors import Refusal
from app.wechat_mock.platform import ACCESS_TOKEN_SECONDS, App, Platform

_EITHER = ("GET", "POST")


def make_sns(platform: Platform) -> Blueprint:
    """Return the doors below /sns."""
    bp = Blueprint("sns", __name__)

    def require_client(grant_type: str) -> App:
        app = platform.require_app(request.args.get("appid"))
        if request.args.get("grant_type") != grant_type:
            raise Refusal(40002)
        return app

    @bp.errorhandler(Refusal)
    def refused(refusal: Refusal) -> Response:
        return sns_refusal(refusal, platform.now())

    @bp.route("/oauth2/access_token", methods=_EITHER)
    def access_token() -> Response:
        app = require_client("authorization_code")
        platform.require_secret(app, request.args.get("secret"))
        code = platform.spend_code("oauth", app, request.args.get("code"))
        token = platform.issue_user_token(app, code)
        body: dict[str, object] = {
            "access_token": token.access_token,
            "expires_in": token.access_expires_in,
            "refresh_token": token.refresh_token,
            "openid": token.openid,
            "scope": token.scope,
        }
        if code.is_snapshot:
            body["is_snapshotuser"] = 1
        if code.scope == "snsapi_userinfo":
            body["unionid"] = unionid_of(code.account_id)
        return answer(body, SNS_CONTENT_TYPE)

    @bp.route("/oauth2/refresh_token", methods=_EITHER)
    def refresh_token() -> Response:
        app = require_client("refresh_token")
        token = platform.refresh_user_token(app, request.args.get("refresh_token"))
        body = {
            "openid": token.openid,
            "access_token": token.access_token,
            "expires_in": ACCESS_TOKEN_SECONDS,
            "refresh_token": token.refresh_token,
            "scope": token.scope,
        }
        return answer(body, SNS_CONTENT_TYPE)

    @bp.route("/userinfo", methods=_EITHER)
    def userinfo() -> Response:
        holder = platform.require_user_token(request.args.get("access_token"), request.args.get("openid"))
        if holder.scope != "snsapi_userinfo":
            raise Refusal(48001)
        account = platform.find_account(holder.account_id)
        body = {
            "openid": holder.openid,
            "nickname": account.nickname if account else NEW_ACCOUNT_NICKNAME,
            "sex": 0,
            "language": "",
            "city": "",
            "province": "",
            "country": "",
            "headimgurl": "",
            "privilege": [],
            "unionid": unionid_of(holder.account_id),
        }
        return answer(body, SNS_CONTENT_TYPE)

    @bp.route("/auth", methods=_EITHER)
    def auth() -> Response:
        platform.require_user_token(request.args.get("access_token"), request.args.get("openid"))
        return answer({"errcode": 0, "errmsg": "ok"}, SNS_CONTENT_TYPE)

    @bp.route("/jscode2session", methods=_EITHER)
    def jscode2session() -> Response:
        app = require_client("authorization_code")
        platform.require_secret(app, request.args.get("secret"))
        code = platform.spend_code("js", app, request.args.get("js_code"))
        openid, session_key = platform.renew_session(app, code.account_id)
        body = {"session_key": session_key, "openid": openid, "unionid": unionid_of(code.account_id)}
        return answer(body, SNS_CONTENT_TYPE)

    return bp
