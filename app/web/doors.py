"""The doors there are: each a blueprint, registered in one place."""

from __future__ import annotations

from flask import Flask

from app.config import Settings
from app.web import health


def init_doors(app: Flask, settings: Settings) -> None:
    app.register_blueprint(health.bp)
