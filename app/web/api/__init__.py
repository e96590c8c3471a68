"""The mini-program's door: the same services as the pages, answered in JSON to whoever holds a bearer token."""

from flask import Blueprint, Response

bp = Blueprint("api", __name__, url_prefix="/api/v1")

from app.web.api import account, clinic, consenting, description, receipts, record, visits, waiting  # noqa: E402, F401 (their views register themselves on `bp`)


@bp.after_request
def name_scheme(response: Response) -> Response:
    """Say with a 401 what would be accepted (RFC 9110, 11.6.1)."""
    if response.status_code == 401:
        response.headers.setdefault("WWW-Authenticate", "Bearer")
    return response
