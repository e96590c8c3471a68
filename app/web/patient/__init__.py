"""The patients' door: phone browsers and WeChat's browser."""

from flask import Blueprint

bp = Blueprint("patient", __name__)

from app.web.patient import book, checkin, home, people, queue, receipts, records, signin, visits  # noqa: E402, F401 (their views register themselves on `bp`)
