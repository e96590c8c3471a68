"""Migrations: numbered, run by command, the last named in `app/migrations/HEAD` so that two at once collide in review."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, MetaData

from app.adapters import keyring
from app.models import Base
from ledger.stores.engine import recording

HERE = Path(__file__).resolve().parent / "migrations"


METADATA: dict[str, MetaData] = {
    "main": Base.metadata,
    "keyring": keyring.metadata,
}  # the log's tables are the ledger's


def _config(database: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE / database))
    config.attributes["metadata"] = METADATA[database]
    return config


def upgrade(engine: Engine, database: str, revision: str = "head") -> None:
    """Bring one database ("main" or "keyring") up to `revision`, in one transaction behind the gate."""
    with recording(engine) as connection:
        config = _config(database)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(engine: Engine, database: str, revision: str) -> None:
    """Bring one database down to `revision` ("base" empties it)."""
    with recording(engine) as connection:
        config = _config(database)
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def new_revision(engine: Engine, database: str, number: str, message: str) -> None:
    """Write the next migration from the difference between the tables and the models; read it before you commit it."""
    with recording(engine) as connection:
        config = _config(database)
        config.attributes["connection"] = connection
        command.revision(config, message=message, rev_id=number, autogenerate=True)
