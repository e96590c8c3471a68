"""Commands for the hospital: `flask --app wsgi …`."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlencode

import click
from flask import Flask

from app import demo_data
from app.adapters.neighbour import Neighbour
from app.config import Settings
from app.web.house import house


def init_cli(app: Flask, settings: Settings) -> None:
    @app.cli.command("migrate")
    def migrate_command() -> None:
        """Bring the databases up to date."""
        from app.setup import migrate

        migrate(settings)
        click.echo("The databases are up to date.")

    @app.cli.command("demo-data")
    def demo_data_command() -> None:
        """Make the demo's people and their past visits where they are missing, and bring its day up to now."""
        if not settings.is_demo:
            raise click.ClickException("This makes fictional patients; APP_ENV is production.")
        demo_data.bring_up(house(), js_code_of(settings))
        click.echo("The demo is up to date.")


def js_code_of(settings: Settings) -> Callable[[str], str]:
    """Return what asks the pretend WeChat for the code that wx.login would give an account."""
    neighbour = Neighbour(settings.wechat_mock_internal or "http://127.0.0.1:9")

    def ask(account: str) -> str:
        query = urlencode({"account": account, "appid": settings.wechat_app_id})
        answer = neighbour.ask("GET", f"/wechat-mock/_demo/js-code?{query}", {}, b"")
        return str(json.loads(answer.body)["code"])

    return ask
