"""`flask --app wsgi demo-data`: make the demo's house and history where they are missing, and bring its day up to now."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from app.ports import WeChat, WeChatIdentity, WeChatUnavailable
from app.services.demo import history
from app.services.demo import house as demo_house
from app.services.demo.cast import PLAYERS
from app.web.demo.keeping import keep_day
from app.web.house import House

MOCK_WAIT_SECONDS = 10.0


def bring_up(house: House, js_code: Callable[[str], str]) -> None:
    """Do what is missing. `js_code` gives what wx.login would give an account of the pretend WeChat."""
    now = house.clock()
    with house.reading_session() as session:
        is_built = demo_house.is_built(session)
    if not is_built:
        identities = {p.wechat: _identity(house.wechat, js_code, p.wechat) for p in PLAYERS if p.wechat}
        house.vault.welcome("hospital")
        with house.writing_session() as session:
            demo_house.build(session, house.passwords.hash, now)
        _live(house, identities)
    keep_day(house)
    house.bell.knock()


def _live(house: House, identities: dict[str, WeChatIdentity]) -> None:
    """Let the demo's people have lived: all are known since before their first visit."""
    now = house.clock()
    first = max(visit.days_ago for visit in history.VISITS.values()) + 5
    since = now - history.timedelta(days=first)
    with house.writing_session() as session:
        known = history.enrol(session, identities, since)
        at = demo_house.find(session)
        for player in PLAYERS:
            actor, ref = known[player.key]
            history.prove(session, at, player, actor, ref, since)
    for turn, player in enumerate(PLAYERS):
        actor, ref = known[player.key]
        for name in sorted(player.plan, key=lambda n: -history.VISITS[n].days_ago):
            with house.writing_session() as session:
                history.live_through(session, at, player, actor, ref, history.VISITS[name], turn, now)


def _identity(wechat: WeChat, js_code: Callable[[str], str], account: str) -> WeChatIdentity:
    """Ask the pretend WeChat who an account is, waiting for it to start."""
    until = time.monotonic() + MOCK_WAIT_SECONDS
    while True:
        try:
            return wechat.js_code_to_session(js_code(account))
        except WeChatUnavailable:
            if time.monotonic() > until:
                raise click.ClickException(
                    "The pretend WeChat does not answer; start the demo by `make run`."
                ) from None
            time.sleep(0.1)
