"""The doors there are: each a blueprint, registered in one place."""

from __future__ import annotations

from flask import Flask

from app.config import Settings
from app.web import (
    admin,
    api,
    auditor,
    claims,
    demo,
    desk,
    doctor,
    fhir,
    health,
    lab,
    log,
    patient,
    pharmacy,
    screen,
    smart,
    staff,
)


def init_doors(app: Flask, settings: Settings) -> None:
    for door in (
        health,
        patient,
        staff,
        claims,
        admin,
        desk,
        doctor,
        lab,
        pharmacy,
        screen,
        log,
        auditor,
        api,
        fhir,
        smart,
    ):
        app.register_blueprint(door.bp)
    if settings.is_demo:
        app.register_blueprint(demo.bp)
