"""Erasing (删除): what goes now, what law keeps and until when, the press, and how far it is; asking for a correction."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import structlog
from flask import make_response, render_template, request
from flask import session as browser
from flask_babel import gettext as _

from app.domain.errors import NotFound, ReceiptPending
from app.domain.retention import MOST_CORRECTION_CHARACTERS, About, NotSure
from app.ports import SMSUnavailable
from app.services import corrections as service
from app.services import erasure, identity, receipts
from app.web import erasure_words, event_words
from app.web.house import house
from app.web.limits import limiter
from app.web.login import clear_session_cookie, patient_required, public
from app.web.patient import bp
from app.web.sealing import verifier_keys, witness_policy
from app.web.transaction import act, current_actor, reading, see_other
from ledger.errors import NotInLog

log = structlog.get_logger(__name__)

KEPT = "erasure"  # where this browser's cookie keeps the token of the page about an erasure


@bp.get("/me/erase")
@patient_required
def erasing() -> Any:
    """What would go, what law keeps and until when; one box and one button."""
    return _page({})


@bp.post("/me/erase")
@patient_required
@limiter.limit("10 per hour")
def erase() -> Any:
    """Erase: the account ends with this answer, and this browser keeps the way to the page that tells how far it is."""
    try:
        with act(is_keyed=False) as a:
            begun = erasure.begin(a.session, a.actor, a.now, is_sure=request.form.get("sure") == "yes")
            a.answer = see_other("patient.erased")
    except NotSure:
        return make_response(_page({"sure": _("看清楚哪些会删除，勾选后再按一次。")}), 400)
    _forget(begun.phones)
    browser[KEPT] = begun.token
    a.wait_for_seal()
    response = make_response("", 303)
    response.headers["Location"] = a.answer["location"]
    return clear_session_cookie(response, "patient")


@bp.get("/erased")
@public
def erased() -> Any:
    """How far the erasure is that this browser asked for, with its receipt; nothing of anybody else."""
    token = str(browser.get(KEPT, ""))
    with reading() as session:
        standing = erasure.standing(session, token) if token else None
        held = receipts.of_erasure(session, standing.event_id) if standing else None
    receipt = None
    if held is not None:
        try:
            receipt = house().log.receipt_for(*held)
        except NotInLog:
            receipt = None
    types, fields = event_words.for_check()
    page = render_template(
        "patient/erased.html", standing=standing, receipt=receipt, keys=verifier_keys(), policy=witness_policy(),
        event_words=types, field_words=fields, laws=erasure_words.LAWS, states=erasure_words.STATES,
    )  # fmt: skip
    return make_response(page, 200 if standing else 404)


@bp.get("/erased/receipt")
@public
def erased_file() -> Any:
    """The receipt of the erasure that this browser asked for, as a file."""
    with reading() as session:
        standing = erasure.standing(session, str(browser.get(KEPT, "")))
        if standing is None:
            raise NotFound()
        held = receipts.of_erasure(session, standing.event_id)
    try:
        receipt = house().log.receipt_for(*held)
    except NotInLog:
        raise ReceiptPending() from None
    response = make_response(receipt)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="erasure.tlog-proof"'
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/me/corrections")
@patient_required
def corrections() -> Any:
    """What the account's people asked to have corrected, the answers, and the form."""
    return _corrections({}, {})


@bp.post("/me/corrections")
@patient_required
@limiter.limit("20 per hour")
def ask_correction() -> Any:
    """Ask for a correction: of whom, about what, what is wrong, what would be right."""
    typed = {name: request.form.get(name, "").strip() for name in ("person", "about", "wrong", "right")}
    errors = {}
    if not typed["person"]:
        errors["person"] = _("选一位就诊人")
    if typed["about"] not in set(About):
        errors["about"] = _("选一项")
    if not typed["wrong"]:
        errors["wrong"] = _("写一下哪里不对")
    for name in ("wrong", "right"):
        if len(typed[name]) > MOST_CORRECTION_CHARACTERS:
            errors[name] = _("最多 %(n)s 个字", n=MOST_CORRECTION_CHARACTERS)
    if errors:
        return make_response(_corrections(errors, typed), 400)
    with act() as a:
        service.ask(a.session, a.actor, typed["person"], About(typed["about"]), typed["wrong"], typed["right"], a.now)
        a.answer = see_other("patient.corrections")
    return a.sealed()


def _forget(phones: Collection[str]) -> None:
    """Have whoever sent messages to these numbers forget them: a demo keeps the last ones in a file."""
    sms = house().sms
    if sms is None:
        return
    try:
        sms.forget(phones)
    except SMSUnavailable:
        log.error("sms.not_forgotten", count=len(phones))


def _page(errors: dict[str, str]) -> str:
    with reading() as session:
        outlook = erasure.outlook(session, current_actor(), house().clock())
    return render_template("patient/erase.html", outlook=outlook, errors=errors, laws=erasure_words.LAWS)


def _corrections(errors: dict[str, str], typed: dict[str, str]) -> str:
    actor = current_actor()
    with reading() as session:
        asked = service.of_people(session, actor, house().clock())
        names = identity.names_of(session, str(actor.ref))
    people = [{"value": ref, "title": name} for ref, name in names.items()]
    abouts = [{"value": code, "title": str(words)} for code, words in erasure_words.ABOUT.items()]
    return render_template(
        "patient/corrections.html", asked=asked, names=names, people=people, abouts=abouts, about=erasure_words.ABOUT,
        answers=erasure_words.ANSWERS, errors=errors, typed=typed, most=MOST_CORRECTION_CHARACTERS,
    )  # fmt: skip
