"""The laboratory's door: whose sample, what was found, and what had to be amended."""

from flask import Blueprint

bp = Blueprint("lab", __name__, url_prefix="/staff/lab")

from app.web.lab import orders  # noqa: E402, F401 (their views register themselves on `bp`)
