"""The people of an account: binding, proving, and the page about oneself."""

from __future__ import annotations

from typing import Any, Literal

from flask import Response, flash, make_response, render_template, request, url_for
from flask_babel import gettext as _

from app.domain.calendar import hospital_day
from app.domain.documents import Passport, ResidentID
from app.domain.errors import BadInput, NotFound, Refused
from app.domain.names import clean_name
from app.ports import SMSUnavailable
from app.services import accounts, guardianship, people, proofs
from app.web.house import house
from app.web.i18n import page_of_ours
from app.web.limits import limiter
from app.web.login import patient_required
from app.web.messages import words_for
from app.web.patient import bp
from app.web.transaction import act, current_actor, reading, see_other
from app.web.typed_document import country_choices, read_document

FIELDS = (
    "relation",
    "document",
    "name",
    "number",
    "country",
    "passport_number",
    "birth_on",
    "sex",
    "phone_owner",
    "consent",
    "next",
)


def is_new_bind(response: Response) -> bool:
    """Tell whether an answer bound somebody: typing errors and repeated presses do not count towards the limit."""
    return response.status_code == 303 and "Idempotency-Replayed" not in response.headers


@bp.get("/me")
@patient_required
def me() -> Any:
    """The account's own page: people, language, sign-out."""
    actor = current_actor()
    with reading() as session:
        mine = people.links_of(session, str(actor.ref))
        phone = accounts.masked_phone_of(session, str(actor.ref))
    return render_template("patient/me.html", people=mine, phone=phone)


@bp.get("/people/new")
@patient_required
def new_person() -> Any:
    """The form that binds a person: oneself, one's child, or a grown-up of the family."""
    relation = _relation(request.args.get("relation", ""))
    return _form({"relation": relation, "document": "resident_id", "next": request.args.get("next", "/")}, {})


def _relation(asked: str) -> Literal["self", "guardian", "family"]:
    return "guardian" if asked == "guardian" else "family" if asked == "family" else "self"


def _form(typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    with reading() as session:
        phone = accounts.masked_phone_of(session, str(current_actor().ref))
    words = {"typed": typed, "errors": errors, "countries": country_choices(), "phone": phone}
    page = render_template("patient/new_person.html", **words)
    return make_response(page, status)


@bp.post("/people/new")
@patient_required
@limiter.limit("10 per hour", deduct_when=is_new_bind)
def bind_person() -> Any:
    """Bind the person who was typed. What was typed stays in the form when something is missing."""
    typed = {field: request.form.get(field, "") for field in FIELDS}
    errors: dict[str, str] = {}
    document: ResidentID | Passport | None = None
    today = hospital_day(house().clock())
    name = ""
    try:
        name = clean_name(typed["name"])
    except BadInput as wrong:
        errors["name"] = words_for(wrong).title
    try:
        document = read_document(typed, name, today, "passport_number")
    except BadInput as wrong:
        errors[_field(typed, wrong.field)] = words_for(wrong).title
    if typed["consent"] != "yes":
        errors["consent"] = _("勾选同意后才能继续。不同意也可以到前台办理。")
    if errors or document is None:
        return _form(typed, errors, 400)
    relation = _relation(typed["relation"])
    is_own = typed["phone_owner"] != "other"
    try:
        with act() as a:
            link_id = people.bind(
                a.session, a.actor, document, name, a.now, relation=relation, has_consented=True, is_own_phone=is_own
            )
            link = next(v for v in people.links_of(a.session, str(a.actor.ref)) if v.id == link_id)
            if link.is_active:
                a.answer = {"location": page_of_ours(typed["next"] or "/")}
            else:
                a.answer = see_other("patient.person", link_id=link_id)
    except (people.AlreadyBound, people.PeopleFull, people.NotAChild, people.NotGrownUp) as refused:
        said = words_for(refused)
        return _form(typed, {"relation": f"{said.title} {said.next_step}"}, 409)
    return a.sealed()


def _field(typed: dict[str, str], field: str) -> str:
    return "passport_number" if field == "number" and typed["document"] == "passport" else field


@bp.get("/people/<link_id>")
@patient_required
def person(link_id: str) -> Any:
    """One bound person: what is open, or how to prove who one is."""
    return _person_page(link_id, {})


def _person_page(link_id: str, errors: dict[str, str], status: int = 200, sent: bool = False) -> Response:
    with reading() as session:
        views = people.links_of(session, str(current_actor().ref))
        link = next((v for v in views if v.id == link_id), None)
        if link is None:
            raise NotFound()
        now = house().clock()
        is_proven_self = link.relation == "self" and link.is_active and link.proof != "none"
        held_by = guardianship.stand_ins(session, link.patient_ref, now) if is_proven_self else []
    stage = guardianship.stage_of(link, now)
    page = render_template("patient/person.html", link=link, errors=errors, sent=sent, held_by=held_by, stage=stage)
    return make_response(page, status)


@bp.post("/people/<link_id>/proof/phone")
@patient_required
@limiter.limit("10 per hour")
def ask_proof(link_id: str) -> Any:
    """Send a code to the phone that the hospital has on file. The number is not shown: that too would tell something."""
    sms = house().sms
    try:
        with act() as a:
            number, code = proofs.ask_phone_proof(a.session, a.actor, link_id, a.now)
        if sms is None:
            raise SMSUnavailable
        sms.send_code(number, code, "claim")
    except SMSUnavailable:
        return _person_page(link_id, {"": _("短信暂时发不出去。过一分钟再试，或带证件到前台。")}, 503)
    except Refused as refused:
        if isinstance(refused, NotFound):
            raise
        said = words_for(refused)
        return _person_page(link_id, {"": f"{said.title} {said.next_step}"}, refused.status)
    return _person_page(link_id, {}, sent=True)


@bp.post("/people/<link_id>/proof")
@patient_required
@limiter.limit("20 per hour")
def prove(link_id: str) -> Any:
    """Take the code from the phone on file, or from the desk."""
    with act() as a:
        is_proven = proofs.prove(a.session, a.actor, link_id, request.form.get("code", ""), a.now)
        a.answer = {"location": url_for("patient.person", link_id=link_id)}
    if not is_proven:
        return _person_page(link_id, {"code": _("这个码不对或已过期。可以重新获取，或到前台再要一个。")}, 400)
    return a.sealed()


@bp.post("/people/<link_id>/unbind")
@patient_required
def unbind(link_id: str) -> Any:
    """Take a person off this account; the record stays the person's."""
    with act() as a:
        people.unbind(a.session, a.actor, link_id, a.now)
        a.answer = see_other("patient.me")
    return a.sealed()


@bp.post("/people/guardians/<link_id>/end")
@patient_required
def end_guardian(link_id: str) -> Any:
    """Let the person themself end what a guardian or family holds of them, at once."""
    with act() as a:
        guardianship.revoke(a.session, a.actor, link_id, a.now)
        a.answer = see_other("patient.me")
    flash(_("已取消。对方现在起看不到您的任何内容。"), "success")
    return a.sealed()
