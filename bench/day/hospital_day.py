"""One day from beginning to end: make the hospital, start the site on a fast clock, let everybody work, stop, check."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from app import build_house, setup
from app.domain.calendar import hospital_day, instant
from app.server.__main__ import demo_version
from app.web.house import House
from bench import hospital, machine
from bench.day import check, desks, phones, plan, rooms
from bench.day.check import Waits
from bench.day.crew import Crew
from bench.day.gathered import Gathered, gather
from bench.day.plan import Options, Plan
from bench.day.world import World
from bench.machine import Machine, Others
from bench.servers import Server, site

THREADS = 24
BEFORE_OPENING = timedelta(minutes=40)  # of the first session: the day begins
BEFORE_SMALL = timedelta(minutes=12)
LONGEST_DAY = timedelta(hours=13)
START_SECONDS = (5.0, 15.0, 45.0, 135.0)  # real ones that the site may take to start; on a busy machine the next
SEALED_WITHIN_SECONDS = 60.0


@dataclass(frozen=True)
class Lived:
    """A day that is over."""

    options: Options
    plan: Plan
    machine: Machine
    began_at: datetime
    real_seconds: float
    day_seconds: float
    world: World
    left: Gathered
    waits: Waits
    findings: list[str]
    others: float


def live(folder: Path, options: Options, say: Callable[[str], None]) -> Lived:
    """Live through a day in `folder`, and return what it was like."""
    said_at, described = datetime.now(UTC), machine.describe()
    day_on = hospital_day(said_at)
    planned = furnish(folder, options, day_on, say)
    with opened(folder, options, day_on) as (server, environ):
        house = _house(environ)
        with closing(house):
            world = World(house, planned, options, server.port)
            others = Others(server.cpu_seconds)
            began, began_at = time.monotonic(), house.clock()
            is_done = people(world).run(THREADS, began_at + LONGEST_DAY)
            world.watch.hang_up()
            real, passed = time.monotonic() - began, house.clock() - began_at
            say(f"the day took {real:.0f} s; now everything is checked")
            if not is_done:
                world.watch.fail("the day did not come to an end")
            share = others.share()
            _wait_for_seals(house, server)
    with closing(_house(environ)) as house:
        left = gather(house, day_on, began_at)
    waits = check.measure_waits(world.journal.shown, left.tickets, left.of_day)
    findings = check.everything(left, world.journal.acts, world.watch.failed, waits)
    return Lived(
        options, planned, described, said_at, real, passed.total_seconds(), world, left, waits, findings, share
    )


def furnish(folder: Path, options: Options, day_on: date, say: Callable[[str], None]) -> Plan:
    """Make the hospital and its people at ten o'clock of the day before, and return what is planned."""
    before = instant(day_on, datetime.min.time()) - timedelta(hours=14)
    environ = hospital.environment(folder, round((before - datetime.now(UTC)).total_seconds()))
    settings = hospital.settings_of(environ)
    setup.make_keys(settings)
    setup.migrate(settings)
    (folder / "demo-data").write_text(demo_version())  # this hospital has its own people: the demo's stay away
    house = build_house(settings, settings.now)
    try:
        planned = plan.furnish(house, options, day_on)
        plan.invite(house, planned, options)
    finally:
        house.close()
    say(f"{planned.booked} visits are booked, {len(planned.walk_ins)} people will walk in")
    return planned


@contextmanager
def opened(folder: Path, options: Options, day_on: date) -> Iterator[tuple[Server, dict[str, str]]]:
    """Run the site; when the day begins it is ready. On a machine too busy for that it is started anew, with more time."""
    for seconds in START_SECONDS:
        since = time.time() + seconds
        environ = clock_of(folder, options, day_on, since)
        with site(folder, environ) as server:
            if (left := since - time.time()) < 0 and seconds != START_SECONDS[-1]:
                continue
            time.sleep(max(0.0, left))
            yield server, environ
            return


def clock_of(folder: Path, options: Options, day_on: date, since: float) -> dict[str, str]:
    """Return what every process is told: from `since` (seconds since 1970) it is early morning and the clock runs fast."""
    begins = instant(day_on, options.halves[0][0]) - (BEFORE_SMALL if options.is_small else BEFORE_OPENING)
    return {
        **hospital.environment(folder, round(begins.timestamp() - since)),
        "DEMO_CLOCK_RATE": str(options.rate),
        "DEMO_CLOCK_SINCE_MS": str(round(since * 1000)),
    }


def _house(environ: dict[str, str]) -> House:
    settings = hospital.settings_of(environ)
    return build_house(settings, settings.now)


def people(world: World) -> Crew:
    """Return the crew of the day, everybody in it from their hour on."""
    now, crew, planned = world.house.clock(), world.crew, world.plan
    for doctor in planned.doctors:
        begins = doctor.sessions[0][1]
        crew.add(max(now, begins - timedelta(minutes=20)), rooms.sit(world, doctor))
    for clinic, members in planned.desks.items():
        for ref in members:
            crew.add(now, desks.work(world, clinic, ref))
    for party in planned.parties:
        world.expect(party.visits[0].clinic)
        crew.add(party.arrives_at, phones.arrive(world, party))
    for walk_in in planned.walk_ins:
        world.expect(walk_in.visit.clinic)
        crew.add(walk_in.visit.starts_at, phones.walk_in(world, walk_in))
    return crew


def _wait_for_seals(house: House, server: Server) -> None:
    """Wait until every event stands in a published checkpoint; what does not is found by the check."""
    deadline = time.monotonic() + SEALED_WITHIN_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        counted = hospital.count(house)
        if counted.published >= counted.entries:
            return
        time.sleep(0.2)
