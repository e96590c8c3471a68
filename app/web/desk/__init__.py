"""The front desk's door: the clinic's day, what the desk does with it, finding somebody, and the screens."""

from flask import Blueprint

bp = Blueprint("desk", __name__, url_prefix="/staff/desk")

# Their views register themselves on `bp`.
from app.web.desk import (  # noqa: E402, F401
    appeals,
    board,
    booking_for,
    corrections,
    finding,
    moves,
    screens,
    slip,
    stopping,
    visit,
    walkin,
)
