"""The person's own pages about applications: letting one in, seeing which may read, taking that back."""

from flask import Blueprint

bp = Blueprint("smart", __name__)

from app.web.smart import consent, grants  # noqa: E402, F401 (their views register themselves on `bp`)
