"""What every act is measured against: a bare Flask route that inserts one row and commits.

The same server settings, the same SQLite, pragmas and gate as the hospital's (`ledger.stores.engine.recording`), and
nothing else: no session, no form guard, no sealing, no event.
"""

from __future__ import annotations

import os
import secrets

from flask import Flask, Response, request
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, func, insert, select

from app import ROOT
from app.config import read_settings
from ledger.stores.engine import open_engine, recording

ROW_BYTES = 300  # as in the baselines
metadata = MetaData()
row = Table("row", metadata, Column("id", Integer, primary_key=True), Column("content", LargeBinary, nullable=False))

app = Flask(__name__)
engines = {}  # one for each process: a connection must not cross the fork


def engine():  # type: ignore[no-untyped-def]
    if os.getpid() not in engines:
        engines[os.getpid()] = open_engine(read_settings(os.environ, ROOT).database_url)
    return engines[os.getpid()]


@app.post("/row")
def add_row() -> Response:
    """Insert a row under its own commit, and say where to look, as the hospital's forms do."""
    assert request.form["idempotency_key"]
    with recording(engine()) as connection:
        connection.execute(insert(row).values(content=secrets.token_bytes(ROW_BYTES)))
    return Response(status=303, headers={"Location": "/"})


def prepare(database_url: str) -> None:
    opened = open_engine(database_url)
    with recording(opened) as connection:
        metadata.create_all(connection)
    opened.dispose()


def count(database_url: str) -> int:
    """Return how many rows there are."""
    opened = open_engine(database_url)
    with opened.connect() as connection:
        rows = connection.execute(select(func.count()).select_from(row)).scalar_one()
    opened.dispose()
    return int(rows)
