"""The front desk's door: the clinic's day, checking people in, and the screens."""

from flask import Blueprint

bp = Blueprint("desk", __name__, url_prefix="/staff/desk")

from app.web.desk import board, screens  # noqa: E402, F401 (their views register themselves on `bp`)
