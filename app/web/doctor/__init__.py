"""The doctors' door: the own line, and writing the visit."""

from flask import Blueprint

bp = Blueprint("doctor", __name__, url_prefix="/staff/doctor")

from app.web.doctor import emergency, granted, lists, orders, queue, restricted, ticket, visit  # noqa: E402, F401 (their views register themselves on `bp`)
