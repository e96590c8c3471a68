"""The admin's door: staff, roles, rules, the day's figures. No patients."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("admin", __name__, url_prefix="/staff/admin")

from app.web.admin import apps, day, numbers, people, rules  # noqa: E402, F401 (their views register themselves on `bp`)
