"""The day as a page: `docs/day.md`."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

from app.domain.waits import HIT_SHARE, MEDIAN_WIDTH
from bench.day.hospital_day import Lived
from bench.day.plan import Options


def page(lived: Lived, arguments: Sequence[str]) -> str:
    """Return the page, in Markdown."""
    parts = [_head(lived, arguments), _findings(lived), _figures(lived), _waits(lived), _speed(lived), _left_out(lived)]
    return "\n\n".join(parts) + "\n"


def _head(lived: Lived, arguments: Sequence[str]) -> str:
    o, m = lived.options, lived.machine
    usual = Options()
    smaller = (
        f" **A smaller day than that of `make day`, which has {usual.visits:,} visits.**"
        if o.visits < usual.visits
        else ""
    )
    return f"""# A simulated day

Written by `{" ".join(["python -m bench.day", *arguments])}` on {lived.began_at:%Y-%m-%d %H:%M} UTC, seed {o.seed}. Everybody works over
HTTP against the whole site as `make run` starts it, with its chores, on a clock that runs {o.rate} times as fast; the people
and what they booked were made through the services the day before. Afterwards the site is stopped and its database and log
are read.{smaller}

{m.processor}, {m.cores} cores that the clients share with the site, {m.memory_gib:.1f} GiB; {m.kernel}, {m.python};
{m.parts}. Everybody else on the machine used {lived.others:.0%} of it meanwhile."""


def _findings(lived: Lived) -> str:
    if not lived.findings:
        return "**No findings.**"
    return f"**{len(lived.findings)} findings:**\n\n" + "\n".join(f"- {words}" for words in lived.findings)


def _figures(lived: Lived) -> str:
    left, acts, watch, plan = lived.left, lived.world.journal.acts, lived.world.watch, lived.plan
    by_type = Counter[str]()
    for (kind, _), count in acts.items():
        by_type[kind] += count
    counted = "\n".join(f"| `{kind}` | {count} |" for kind, count in sorted(by_type.items(), key=lambda p: -p[1]))
    beside = Counter(fact.type for fact in left.of_day if fact.type not in by_type)
    others = ", ".join(f"`{kind}` {count}" for kind, count in sorted(beside.items())) or "none"
    states = ", ".join(f"{count} {state}" for state, count in sorted(left.states.items()))
    counts = "; ".join(f"{what}: {count}" for what, count in sorted(watch.counts.items())) or "nothing of the kind"
    refused = ", ".join(f"{kind} {code}: {count}" for (kind, code), count in sorted(watch.refused.items())) or "none"
    sessions = sum(len(doctor.sessions) for doctor in plan.doctors)
    families = sum(len(party.visits) > 1 for party in plan.parties)
    phoneless = sum(party.token is None for party in plan.parties)
    late = sum(doctor.late_minutes > 0 for doctor in plan.doctors)
    phones = len(plan.parties) - sum(party.token is None for party in plan.parties)
    return f"""## What happened

- {len(plan.clinics)} clinics, {len(plan.doctors)} doctors (fast, usual, slow, erratic; {late} said to be late) in {sessions} sessions; half of the
  departments are pools of rooms.
- {plan.booked + len(plan.walk_ins)} visits: {plan.booked} booked, of which {plan.no_shows} never came, and {len(plan.walk_ins)} walked in.
- {phones} phones came, {families} of them of a parent with two children; {phoneless} people without one.
- {sum(left.states.values())} tickets in the end: {states}.
- {lived.day_seconds / 3600:.1f} hours of the hospital's took {lived.real_seconds / 60:.1f} minutes.

| act | each with one event |
| --- | --- |
{counted}

Checked afterwards:

- {sum(map(len, left.numbers.values()))} numbers of {len(left.numbers)} queues run from 1 without gap or double.
- Nobody is called while in a room, and no room has two.
- The order of every queue equals its replay from the recorded events.
- {sum(acts.values())} acts that a client saw succeed have exactly one event each, and no event of these types is without its act.
- {left.verified} receipts, of all {left.entries} events there are, verify offline, against a published log of {left.published} entries.
- {len(left.rows)} tickets and appointments, audited both ways against the events that name them.

Other events, which come by themselves: {others}.

Flaky tablets: {counts}. Refused: {refused}."""


def _waits(lived: Lived) -> str:
    w = lived.waits
    rows = "\n".join(
        f"| {hour}:00 | {looks} | {judged} | {f'{share:.0%}' if judged else '–'} | {f'{width:g} min' if judged else '–'} |"
        for hour, looks, judged, share, width in w.by_hour
    )
    return f"""## Waits

Phones looked {w.looks} times while somebody of theirs waited; {w.shown} times the page gave a range, {w.looks - w.shown} times only
the people in front. Of the {w.judged} ranges whose number was called next, **{w.hit_share:.1%} held, median width {w.median_width:g} minutes**
({HIT_SHARE:.0%} and {MEDIAN_WIDTH:g} are promised).
There is no day before this one to learn from: the morning teaches the rest.

| hour | looks | ranges judged | held | median width |
| --- | --- | --- | --- | --- |
{rows}"""


def _speed(lived: Lived) -> str:
    seconds = lived.world.watch.seconds
    rows = "\n".join(
        f"| {kind} | {len(took)} | {_ms(took, 0.5)} | {_ms(took, 0.99)} |"
        for kind, took in sorted(seconds.items(), key=lambda pair: -len(pair[1]))
    )
    late = sorted(lived.world.crew.late) or [0.0]
    total = sum(map(len, seconds.values()))
    return f"""## Requests

{total} requests, {total / lived.real_seconds:.0f} a second. In real time, forms with the wait for their sealed receipt. A step of somebody's began
{statistics.median(late):.1f} of the hospital's seconds late at the median, {late[int(0.99 * (len(late) - 1))]:.1f} at the 99th percentile.

| request | count | p50 | p99 |
| --- | --- | --- | --- |
{rows}"""


def _left_out(lived: Lived) -> str:
    return """## What is left out

Consultations write no record, order or prescription. Screens and boards that poll by themselves are not there. People look at
the queue some times, not every two seconds. Which person stands in a room the client looks up in the database, as a doctor
would see; a page that was locked on a slow machine is opened by a new sign-in, past the password.
No waitlist, appeal or stopped session: those have their own tests."""


def _ms(took: Sequence[float], share: float) -> str:
    ordered = sorted(took)
    return f"{1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.0f} ms"
