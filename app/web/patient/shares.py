"""Sharing part of the record by a link: choosing, showing the link and its QR code, stopping; and the page that opens one."""

from __future__ import annotations

from typing import Any

from flask import flash, make_response, render_template, request, url_for
from flask_babel import gettext as _

from app.domain.shares import KINDS, LASTING, USUAL, ShareUnreadable, parse_choice
from app.services import oauth_grants, shares
from app.web.disclosing import disclosing
from app.web.house import house
from app.web.i18n import named
from app.web.limits import limiter
from app.web.login import patient_required, public
from app.web.messages import words_for
from app.web.outcomes import frame
from app.web.patient import bp
from app.web.sealing import base_url, qr_svg
from app.web.share_words import KINDS as KIND_WORDS
from app.web.share_words import LASTING as LASTING_WORDS
from app.web.share_words import STATES, viewer_words
from app.web.transaction import act, current_actor, opening, reading, see_other


@bp.get("/me/shares", endpoint="shares")
@patient_required
def list_shares() -> Any:
    """Which links this account handed out, whether they open, who opened them and when."""
    with reading() as session:
        found = shares.of_account(session, current_actor(), house().clock())
    return render_template("patient/shares.html", shares=found, states=STATES, kind_words=KIND_WORDS)


@bp.get("/me/shares/new")
@patient_required
@disclosing
def new_share() -> Any:
    """The form: what, for how long, with a passcode or without. Its list of results opens them, which is a disclosure."""
    typed = {
        "kinds": [kind for kind in KINDS if kind != "results"],
        "results": [],
        "lasting": USUAL,
        "label": "",
        "live": "",
        "direct": "",
    }
    return _form(request.args.get("person", ""), typed, {})


@bp.post("/me/shares/new")
@patient_required
@limiter.limit("60 per hour")
def make_share() -> Any:
    """Make a link to what was chosen."""
    form = request.form
    person, passcode = form.get("person", ""), form.get("passcode", "")
    typed = {
        "kinds": form.getlist("kinds"),
        "results": form.getlist("results"),
        "lasting": form.get("lasting", ""),
        "label": form.get("label", ""),
        "live": form.get("live", ""),
        "direct": form.get("direct", ""),
    }
    kinds = [*typed["kinds"], *(["results"] if typed["results"] else [])]
    try:
        choice = parse_choice(
            kinds, typed["results"], typed["lasting"], passcode=passcode, label=typed["label"],
            is_live=bool(typed["live"]), is_direct=bool(typed["direct"]),
        )  # fmt: skip
    except ShareUnreadable as wrong:
        return _form(person, typed, {wrong.field: words_for(wrong).title}, 400)
    passcode_hash = (
        house().passwords.hash(choice.passcode) if choice.passcode else ""
    )  # slow on purpose: before the gate
    at = frame()
    with act() as a:
        made = shares.make(a.session, a.actor, at, person, choice, passcode_hash, a.now)
        a.answer = see_other("patient.share", share_id=made)
    return a.sealed()


@bp.get("/me/shares/<share_id>")
@patient_required
def share(share_id: str) -> Any:
    """One share: its link and QR code while it opens, and who opened it."""
    base = base_url(request.host_url)
    with reading() as session:
        shown, link = shares.link_of(session, current_actor(), share_id, base, house().clock())
    address = f"{base}{url_for('patient.open_share')}#{link}" if link else ""
    return render_template(
        "patient/share.html",
        share=shown,
        link=link,
        address=address,
        qr=qr_svg(address) if address else "",
        states=STATES,
        kind_words=KIND_WORDS,
    )


@bp.post("/me/shares/<share_id>/stop")
@patient_required
def stop_share(share_id: str) -> Any:
    """Stop sharing: whoever asks next gets nothing, and pages that are open hide what they show."""
    with act() as a:
        shares.stop(a.session, a.actor, share_id, a.now)
        a.answer = see_other("patient.shares")
    flash(_("已停止分享。链接现在起打不开，已经打开的页面几秒内收起内容。"), "success")
    return a.sealed()


@bp.get("/share")
@public
def open_share() -> Any:
    """The page on which whoever was given a link reads it. The link stands behind the # and never comes here; what it shows is
    asked for by the page's script and opened in the browser."""
    return render_template("patient/open_share.html", words=viewer_words())


def _form(person: str, typed: dict[str, Any], errors: dict[str, str], status: int = 200) -> Any:
    now = house().clock()
    with reading() as session:
        people = oauth_grants.readable_people(session, current_actor(), now)
    chosen = next((ref for ref, _name in people if ref == person), None)
    if chosen is None and person and status != 200:
        _results(person)  # where the refusal is recorded
    if chosen is None and len(people) == 1:
        chosen = people[0][0]
    if chosen is None:
        return render_template("patient/new_share.html", people=people, person=None)
    results = _results(chosen)
    page = render_template(
        "patient/new_share.html",
        people=people,
        person=chosen,
        name=next(name for ref, name in people if ref == chosen),
        kinds=[{"value": kind, "title": KIND_WORDS[kind]} for kind in KINDS if kind != "results"],
        results=[{"value": one.id, "title": named(one.name), "at": one.at} for one in results],
        lasting=[{"value": name, "title": LASTING_WORDS[name]} for name in LASTING],
        typed=typed,
        errors=errors,
    )
    return make_response(page, status)


def _results(person: str) -> list[shares.Result]:
    """Return what of a person's results there is to choose: their names are content. Raises NotFound, NotAllowed."""
    return opening(lambda session, actor, now: shares.results_of(session, actor, person, now))[0]
