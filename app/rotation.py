"""`flask --app wsgi rotate-keys`: another master key, while the hospital works. Every data key is wrapped anew; nothing that is
sealed changes.

1. `keys.rotation_begun` is recorded, then the new master key stands in the file beside the old one and is in force;
2. the data keys are wrapped anew, a few hundred at a time;
3. `keys.rotated` is recorded, then the old master key leaves the file and lies beside it, for the keyring's backups.

Killed anywhere, the same command goes on where it was: the file says that a rotation is under way, and the last event how far.
"""

from __future__ import annotations

from collections.abc import Callable

import click
from flask import Flask

from app.adapters.errors import EdgeError
from app.adapters.keyring import Keyring, MasterKey
from app.config import Settings
from app.domain.actor import SYSTEM
from app.services import events, keys
from app.web.house import House, house
from ledger.stores.engine import open_engine

Progress = Callable[[int], None]


def rotate(house: House, keyring: Keyring, progress: Progress = lambda count: None) -> tuple[int, int]:
    """Rotate, or go on with a rotation; return (the version in force, how many data keys were wrapped anew now)."""
    path = house.settings.master_key_file
    before = MasterKey.read(path)
    is_under_way = len(before.versions) > 1
    if not is_under_way:
        _record(house, "keys.rotation_begun", {"from_version": before.version, "to_version": before.version + 1})
    keyring.begin_rotation(path)
    count, after = 0, ("", "")
    while after is not None:
        done, after = keyring.rewrap(after)  # type: ignore[assignment]
        count += done
        progress(count)
    version = keyring.master.version
    with house.reading_session() as session:
        is_recorded = keys.last_rotation(session) == "keys.rotated"
    if not is_recorded:
        old = keyring.master.versions[0]
        _record(house, "keys.rotated", {"from_version": old, "to_version": version, "keys": count})
    keyring.end_rotation(path)
    return version, count


def _record(house: House, event_type: str, detail: dict[str, str | int | bool | None]) -> None:
    with house.writing_session() as session:
        events.record(session, event_type, SYSTEM, house.clock(), detail=detail)
    house.bell.knock()


def init_rotation(app: Flask, settings: Settings) -> None:
    @app.cli.command("rotate-keys")
    def rotate_keys_command() -> None:
        """Make a new master key and wrap every data key by it, while the hospital works. Killed, it goes on when called again."""
        try:
            keyring = Keyring(open_engine(settings.keyring_url), MasterKey.read(settings.master_key_file))
            version, count = rotate(house(), keyring, lambda done: click.echo(f"{done} keys", err=True))
        except (EdgeError, OSError) as problem:
            raise click.ClickException(str(problem)) from None
        old = f"{settings.master_key_file.name}.{version - 1}"
        click.echo(f"Version {version} of the master key is in force; {count} keys were wrapped anew.")
        click.echo(
            f"The old one lies beside it as {old}: the keyring's backups of the last 7 days need it. Then destroy it."
        )
