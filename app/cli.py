"""Commands for the hospital: `flask --app wsgi …`."""

from __future__ import annotations

import click
from flask import Flask

from app.config import Settings


def init_cli(app: Flask, settings: Settings) -> None:
    @app.cli.command("migrate")
    def migrate_command() -> None:
        """Bring the databases up to date."""
        from app.setup import migrate

        migrate(settings)
        click.echo("The databases are up to date.")
