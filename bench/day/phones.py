"""Households with a phone: scan, open the form, check in, look at the queue now and then; and those without, at the desk."""

from __future__ import annotations

import re

from bench.day.browser import Browser
from bench.day.crew import Steps
from bench.day.plan import Party, Visit, WalkIn
from bench.day.world import Errand, Shown, World

CARD = re.compile(r'<article class="ih-ticket ih-ticket_(\w+)">(.*?)</article>', re.S)
NUMBER = re.compile(r'ih-ticket__number">([^<]+)<')
RANGE = re.compile(r"<dd>(\d+)–(\d+) 分钟</dd>")
WITHIN = re.compile(r"<dd>(\d+) 分钟以内</dd>")
LOOKS = 5
SCANS = 8


def arrive(world: World, party: Party) -> Steps:
    """Come, check in by phone or at the desk, and wait."""
    clinic = party.visits[0].clinic
    draw = world.draw()
    try:
        if party.token is None:
            for visit in party.visits:
                world.ask_desk(clinic, Errand("check_in", visit))
            return
        phone = world.browser({"mz_patient": party.token})
        done = yield from _check_in(world, phone, party)
        for visit in party.visits:
            if visit.appointment_id not in done:
                world.ask_desk(clinic, Errand("check_in", visit))
        for visit in party.visits:
            if visit.is_elder and visit.appointment_id in done and draw.random() < 0.6:
                world.ask_desk(clinic, Errand("priority", visit))
    finally:
        world.came(clinic)
    for look in range(LOOKS):
        yield draw.uniform(20, 90) if look == 0 else draw.uniform(240, 600)
        if not _look(world, phone):
            return
        if look == 1:
            for visit in party.visits:
                if visit.gives_up:
                    _leave(world, phone, visit)


def walk_in(world: World, who: WalkIn) -> Steps:
    """Stand at the desk without an appointment."""
    world.ask_desk(who.visit.clinic, Errand("walk_in", walk_in=who))
    world.came(who.visit.clinic)
    return
    yield


def _check_in(world: World, phone: Browser, party: Party):  # type: ignore[no-untyped-def]
    """Check in whoever of the household may, and return their appointments. A code that changed meanwhile is scanned anew."""
    clinic = party.visits[0].clinic
    for _ in range(SCANS):
        if phone.get("scan", f"/c/{world.code(clinic)}").status == 303:
            break
        yield 5
    form = phone.get("check-in page", "/check-in").form("/check-in")
    if form is None:
        return set()
    yield 4
    answer = phone.post("check in", *form)
    if answer.status != 303:
        return set()
    mine = {value for name, value in form[1] if name == "appointment"}
    for appointment_id in mine:
        world.journal.did("appointment.checked_in", appointment_id)
    phone.get("queue", answer.location)
    return mine


def _look(world: World, phone: Browser) -> bool:
    """Look at the queue and note what is shown; say whether anybody of the household still waits."""
    at = world.house.clock()
    page = phone.get("queue", "/queue")
    is_waiting = False
    for state, card in CARD.findall(page.text):
        if state != "waiting":
            is_waiting = is_waiting or state in ("missed", "away")
            continue
        is_waiting = True
        number, exact, within = NUMBER.search(card), RANGE.search(card), WITHIN.search(card)
        low, high = (int(exact[1]), int(exact[2])) if exact else (0, int(within[1])) if within else (None, None)
        if number:
            world.journal.saw(Shown(number[1], at, low, high))
    return is_waiting


def _leave(world: World, phone: Browser, visit: Visit) -> None:
    """Wait no longer, where one still waits."""
    ticket_id = world.ticket_of(visit.appointment_id)
    form = phone.get("leave page", f"/queue/{ticket_id}/leave").form("/leave") if ticket_id else None
    if form is not None and phone.post("leave", *form).status == 303:
        world.journal.did("ticket.left", ticket_id)
