"""The patients' door: phone browsers and WeChat's browser."""

from flask import Blueprint

bp = Blueprint("patient", __name__)

from app.web.patient import (  # noqa: E402, F401 (their views register themselves on `bp`)
    book,
    checkin,
    complaints,
    complete,
    erase,
    home,
    known,
    moves,
    paper,
    people,
    permits,
    queue,
    receipts,
    records,
    remind,
    shares,
    signin,
    strikes,
    takeout,
    visits,
    waitlist,
)
