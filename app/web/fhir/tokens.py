"""The token endpoint and giving a token back. Public clients: what proves them is the verifier of their own challenge (PKCE).

Sources: RFC 6749, 4.1.3, 5 and 6; RFC 7636, 4.5; RFC 7009.
"""

from __future__ import annotations

from flask import Response, jsonify, make_response, request

from app.domain.fhir.write import fhir_id
from app.services import oauth_tokens
from app.services.oauth_tokens import GrantRefused, Issued
from app.web.fhir import bp
from app.web.login import public
from app.web.transaction import act

LONGEST = 500


@bp.post("/oauth/token")
@public
def token() -> Response:
    """Take a code, or a renewing token, and answer with tokens; else with the error of RFC 6749, 5.2."""
    form = request.form
    if any(len(values) > 1 or len(values[0]) > LONGEST for values in form.listvalues()):
        return _refused("invalid_request")
    kind, client = form.get("grant_type", ""), form.get("client_id", "")
    needs = {"authorization_code": ("code", "redirect_uri", "code_verifier"), "refresh_token": ("refresh_token",)}
    if kind not in needs:
        return _refused("unsupported_grant_type" if kind else "invalid_request")
    if not client or not all(form.get(name) for name in needs[kind]):
        return _refused("invalid_request")
    issued: Issued | None = None
    with act(is_keyed=False) as a:  # a refusal here keeps what it did: a code that comes twice ends its grant
        try:
            if kind == "authorization_code":
                wanted = (form["code"], form["redirect_uri"], form["code_verifier"])
                issued = oauth_tokens.redeem(a.session, client, *wanted, a.now)
            else:
                issued = oauth_tokens.renew(a.session, client, form["refresh_token"], a.now)
        except GrantRefused:
            pass
    return _refused("invalid_grant") if issued is None else _answer(issued)


@bp.post("/oauth/revoke")
@public
def revoke() -> Response:
    """End the grant of a token; the answer is the same for a token that nobody knows (RFC 7009, 2.2)."""
    given, client = request.form.get("token", ""), request.form.get("client_id", "")
    if not given or not client or max(len(given), len(client)) > LONGEST:
        return _refused("invalid_request")
    with act(is_keyed=False) as a:
        oauth_tokens.revoke(a.session, client, given, a.now)
    return make_response("", 200)


def _answer(issued: Issued) -> Response:
    body = {
        "access_token": issued.access,
        "token_type": "Bearer",
        "expires_in": issued.seconds,
        "scope": issued.scope,
        "patient": fhir_id(issued.patient),
    }
    response = jsonify(body | ({"refresh_token": issued.refresh} if issued.refresh else {}))
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _refused(error: str) -> Response:
    return make_response(jsonify({"error": error}), 400)
