"""The demo page, and being somebody by one press."""

from __future__ import annotations

from typing import Any

import segno
from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from markupsafe import Markup

from app.domain.actor import Actor
from app.domain.errors import NotFound
from app.domain.masking import mask_phone
from app.services import screens, staff_signin
from app.services.demo import cast, day, walk
from app.services.demo import house as demo_house
from app.web import oauth
from app.web.demo import bp
from app.web.demo.keeping import keep_now_and_then
from app.web.device import this_device
from app.web.house import house
from app.web.login import public, set_session_cookie
from app.web.transaction import act, reading

STARTS = {
    "doctor": "doctor.queue",
    "desk": "desk.board",
    "lab": "lab.work",
    "pharmacist": "pharmacy.work",
    "admin": "admin.people",
    "auditor": "auditor.events",
}


@bp.get("/demo")
@public
def home() -> Any:
    """Everybody side by side, one press to be each."""
    keep_now_and_then()
    sms = house().sms
    messages = [(mask_phone(m.phone_e164), m.text) for m in sms.last_messages(5)] if sms is not None else []
    players = [p for p in cast.PLAYERS if p.wechat]
    return render_template(
        "demo/home.html",
        players=players,
        workers=cast.WORKERS,
        sitting=_who_sits(),
        messages=messages,
        address=_address(),
        qr=_qr(_address()),
    )


def _who_sits() -> frozenset[str]:
    """Return which doctors have people to call now; none before the demo's data is there."""
    with reading() as session:
        try:
            return day.who_sits(session, demo_house.find(session), house().clock())
        except LookupError:
            return frozenset()


def _address() -> str:
    return (house().settings.public_url or request.host_url.rstrip("/")) + "/demo"


def _qr(text: str) -> Markup:
    """Return the QR code of a text as SVG."""
    drawn = segno.make(text, micro=False).svg_inline(omitsize=True, border=2, svgclass="ih-qr", lineclass=None)
    return Markup(drawn)  # noqa: S704 (drawn by segno from our own address)


@bp.post("/demo/be/<account>")
@public
def be_patient(account: str) -> Any:
    """Begin WeChat's sign-in for one of the demo's people: 307 keeps the POST, which the pretend WeChat takes as the tap."""
    if account not in {p.wechat for p in cast.PLAYERS if p.wechat} | {"new"}:
        abort(404)
    keep_now_and_then()
    return redirect(oauth.start("/"), code=307)


@bp.post("/demo/work/<login>")
@public
def be_staff(login: str) -> Any:
    """Sign in one of the demo's staff, with a cookie for their own pages only: the desk and a doctor fit into one browser."""
    if login not in {w.login for w in cast.WORKERS}:
        abort(404)
    keep_now_and_then()
    with act(Actor("staff")) as a:
        member = demo_house.actor_of(a.session, login)
        area = url_for(STARTS[str(member.role)]).split("/")[2]
        token, actor = staff_signin.sign_in(
            a.session, str(member.ref), a.now, device=this_device(), way="demo", area=area
        )
        a.answer = {"location": url_for(STARTS[str(actor.role)])}
    return set_session_cookie(a.sealed(), "staff", token, path=f"/staff/{area}")


@bp.post("/demo/screen")
@public
def be_screen() -> Any:
    """Pair this browser as the waiting room's screen, as the desk would."""
    with act(Actor("staff")) as a:
        at = demo_house.find(a.session)
        code = screens.show_pairing_code(a.session, at.desk, at.clinic, a.now)
        token, _actor = screens.pair(a.session, code, a.now)
        a.answer = {"location": url_for("screen.board")}
    return set_session_cookie(a.sealed(), "screen", token)


@bp.post("/demo/call-me")
@public
def call_me() -> Any:
    """Let the doctor see those before this browser's patient, then call them: each move is an act of its own."""
    ticket_id = _my_ticket()
    for _ in range(walk.MOST_STEPS):
        with act(Actor("staff"), is_keyed=False) as a:
            is_there = walk.step_towards(a.session, demo_house.find(a.session), ticket_id, a.now)
        if is_there:
            break
    a.wait_for_seal()
    return redirect(url_for("patient.queue"), code=303)


@bp.post("/demo/see-me")
@public
def see_me() -> Any:
    """Let the doctor see this browser's patient, write the visit and sign it."""
    ticket_id = _my_ticket()
    with act(Actor("staff")) as a:
        walk.see(a.session, demo_house.find(a.session), ticket_id, a.now)
    a.wait_for_seal()
    return redirect(url_for("patient.records"), code=303)


def _my_ticket() -> str:
    if not current_user.is_authenticated:
        raise NotFound()
    with reading() as session:
        ticket = walk.ticket_of(session, current_user.actor, house().clock())
    if ticket is None:
        raise NotFound()
    return ticket.id
