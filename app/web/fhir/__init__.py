"""The FHIR door: a person's record in HL7 FHIR R4, for applications that the person let in. Its calls carry a token."""

from flask import Blueprint, Response, current_app, request

from app.web.limits import by_address, limiter

bp = Blueprint("fhir", __name__, url_prefix="/fhir")

LIMIT = "600 per minute"  # a token's; a page of 200 resources each, that is more than any record here holds


def by_token() -> str:
    """Key the limit on the token that a call carries, by its hash; on the address where it carries none."""
    from app.services.oauth_tokens import hashed

    token = request.headers.get("Authorization", "")
    return f"fhir:{hashed(token).hex()}" if token else by_address()


limiter.limit(lambda: current_app.config.get("FHIR_LIMIT", LIMIT), key_func=by_token)(bp)

from app.web.fhir import capability, reading, shl, tokens  # noqa: E402, F401 (their views register themselves)


@bp.after_request
def add_fhir_headers(response: Response) -> Response:
    """Let applications that run in a browser read the answer: no cookie counts here, so no other site gains anything by it.
    Say with a 401 what would be accepted (RFC 6750, 3)."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Accept, Content-Type, If-None-Match, Prefer"
    response.headers["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    response.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After, WWW-Authenticate"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if response.status_code == 401 and not (request.endpoint or "").startswith("fhir.shl_"):
        says = ', error="invalid_token"' if request.headers.get("Authorization") else ""
        response.headers["WWW-Authenticate"] = f'Bearer realm="fhir"{says}'
    return response
