"""The demo's door, never in production: the phone, the screen, the desk, the doctor and the ledger side by side."""

from flask import Blueprint

bp = Blueprint("demo", __name__)

from app.web.demo import pages, wechat  # noqa: E402, F401 (their views register themselves on `bp`)
