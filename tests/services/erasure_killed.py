"""Runs one step of an erasure in a process of its own and dies in the middle of it: for `test_erasure_killed`."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from app import create_app, erasing
from app.adapters import keyring
from app.domain.actor import Actor
from app.services import erasure, erasure_rows
from app.web.house import House
from tests.conftest import settings_in


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(var: str, account: str, at: str, now: str) -> None:
    house: House = create_app(settings_in(Path(var)), lambda: datetime.fromisoformat(now)).extensions["mingzhen"]()
    if at == "in the first transaction":
        erasure_rows.Burial.lay = die  # type: ignore[method-assign,assignment]
    elif at == "before the keys":
        erasing.carry_on = die  # type: ignore[assignment]
    elif at == "among the keys":
        keyring.delete = die  # type: ignore[assignment]
    elif at == "after the keys":
        erasure.destroyed = die  # type: ignore[assignment]
    elif at == "in the last transaction":
        erasure.backups_until = die  # type: ignore[assignment]
    if at != "in the last transaction":
        with house.writing_session() as session:
            erasure.begin(session, Actor("patient", account, "patient", "sitting"), house.clock(), is_sure=True)
    erasing.carry_on(house)
    raise SystemExit(f"it lived through {at}")


if __name__ == "__main__":
    main(*sys.argv[1:])
