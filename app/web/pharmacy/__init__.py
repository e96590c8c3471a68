"""The pharmacist's door: prescriptions with what their review needs, and nothing else."""

from flask import Blueprint

bp = Blueprint("pharmacy", __name__, url_prefix="/staff/pharmacy")

from app.web.pharmacy import review  # noqa: E402, F401 (their views register themselves on `bp`)
