"""“Remind me”: one press is one more message before one's turn."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from flask import flash
from flask_babel import gettext as _

from app.domain.messages import FIELDS
from app.ports import OutsideError
from app.services import accounts, outbox
from app.web.house import house
from app.web.login import patient_required
from app.web.patient import bp
from app.web.transaction import act, see_other


@bp.post("/remind")
@patient_required
def remind() -> Any:
    """Count one message of each kind for this account, and say how it will come."""
    with act() as a:
        outbox.ask_to_be_told(a.session, a.actor, FIELDS)
        to = accounts.addresses_of(a.session, str(a.actor.ref))
        a.answer = see_other("patient.queue")
    _allow_on_the_pretend_phone(to.openid)
    flash(_("好的，快到时微信通知您。") if to.openid else _("好的，快到时发短信给您。"), "success")
    return a.sealed()


def _allow_on_the_pretend_phone(openid: str) -> None:
    """In a demo, tap "allow" on the sheet that wx.requestSubscribeMessage would show on a real phone."""
    at_house = house()
    if at_house.neighbour is None or not openid:
        return
    body = {"openid": openid, "templates": [t.id for t in at_house.settings.wechat_templates.values()]}
    path = f"/wechat-mock/_demo/accept?appid={at_house.settings.wechat_app_id}"
    with suppress(OutsideError):  # without it the message comes as a text
        at_house.neighbour.ask("POST", path, {"Content-Type": "application/json"}, json.dumps(body).encode())
