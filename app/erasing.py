"""Going on with erasures: keys are destroyed between two transactions, which is why this is no service.

The chore does it within seconds, in whichever worker runs the chores, and first of all after a start; `flask --app wsgi
retention` does the same by hand, and begins the final erasure of what law no longer keeps.
"""

from __future__ import annotations

import time

import click
from flask import Flask

from app.adapters.wiping import empty_journal, rewrite
from app.domain.retention import KEYS_CACHED
from app.services import erasure, events
from app.web.house import House, house


def carry_on(house: House) -> int:
    """Do the next step of every erasure that waits for one; return how many steps were done."""
    now, count = house.clock(), 0
    with house.reading_session() as session:
        begun, destroyed = erasure.to_destroy(session), erasure.to_complete(session, now)
    for one in begun:
        house.vault.destroy(one.keys, one.holders)
        with house.writing_session() as session:
            erasure.destroyed(session, one.id, now)
        count += 1
    for erasure_id in destroyed:
        with house.writing_session() as session:
            erasure.complete(session, erasure_id, now)
            recorded = events.recorded(session)
        count += 1
        if recorded:
            house.bell.knock()
    if count:
        empty_journal(house.engine)
    return count


def retire(house: House) -> int:
    """Begin the final erasure of every restricted record whose time is over; return how many."""
    count, now = 0, house.clock()
    with house.reading_session() as session:
        found = erasure.due(session, now, limit=10_000)
    for erasure_id in found:
        with house.writing_session() as session:
            count += erasure.finish(session, erasure_id, now) is not None
            recorded = events.recorded(session)
        if recorded:
            house.bell.knock()
    return count


def work(house: House) -> int:
    """What the chore does: begin what is due, and go on with what was begun."""
    return retire(house) + carry_on(house)


def init_erasing(app: Flask) -> None:
    @app.cli.command("retention")
    @click.option("--wait", is_flag=True, help="Wait the minute until everything is completed.")
    @click.option("--rewrite", "does_rewrite", is_flag=True,
                  help="Then write the database anew (VACUUM): takes its size in free disk, and others wait meanwhile.")  # fmt: skip
    def retention_command(wait: bool, does_rewrite: bool) -> None:
        """Erase for good the restricted records that law no longer keeps, and go on with every erasure that was begun."""
        click.echo(f"{retire(house())} records whose time is over are being erased.")
        carry_on(house())
        deadline = time.monotonic() + KEYS_CACHED.total_seconds() + 30
        while wait and left(house()) and time.monotonic() < deadline:
            time.sleep(1)
            carry_on(house())
        click.echo(f"{left(house())} erasures wait for their last step.")
        if does_rewrite:
            rewrite(house().engine)
            click.echo("The database was written anew.")


def left(house: House) -> int:
    """Return how many erasures are not completed."""
    with house.reading_session() as session:
        return erasure.unfinished(session)
