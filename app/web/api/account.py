"""Who one is: signing in with a mini-program's code, and the people of the account."""

from __future__ import annotations

from typing import Any

from flask import request

from app.domain.calendar import hospital_day
from app.domain.documents import Passport, ResidentID, Sex, parse_passport, parse_resident_id
from app.domain.errors import LoginCodeWrong, NotFound, PlatformAway, ProofWrong
from app.domain.names import clean_name
from app.domain.rates import CODE_LIFE
from app.ports import SMSUnavailable, WeChatRefused, WeChatUnavailable
from app.services import accounts, people, proofs, websessions
from app.services.people import LinkView
from app.web.api import answers, bp, examples, forms
from app.web.api.operation import answer, operation, plain
from app.web.house import house
from app.web.limits import ADDRESS_SIGN_IN, by_address, limiter
from app.web.login import bearer_required, public, token_of
from app.web.transaction import act, current_actor, data, reading, respond


@bp.post("/login")
@public
@limiter.limit(ADDRESS_SIGN_IN, key_func=by_address)
@operation(answers.Session, examples.SESSION, takes=forms.Login, refuses=("login_code_wrong", "platform_away"))
def login(body: forms.Login) -> Any:
    """Sign in with the code of `wx.login`; the answer has the bearer token of a new session."""
    try:
        identity = house().wechat.js_code_to_session(body.code)
    except WeChatRefused:
        raise LoginCodeWrong() from None
    except WeChatUnavailable:
        raise PlatformAway(retry_seconds=5) from None
    with act() as a:
        account = accounts.account_for_wechat(a.session, identity, a.now)
        token, _actor = accounts.sign_in(a.session, account, "wechat", a.now, kind="api")
    # The token goes into this answer and nowhere else: an answer kept for a retry would keep it in clear.
    session = {"token": token, "idle_seconds": int(websessions.IDLE["api"].total_seconds())}
    return respond(data(plain(answers.Session, session)), [e.id for e in a.events], a.wait_for_seal())


@bp.post("/logout")
@bearer_required
@operation(None, None, takes=forms.Nothing)
def logout(body: forms.Nothing) -> Any:
    """End this token's session at once."""
    _door, token = token_of(request)
    with act() as a:
        accounts.sign_out(a.session, a.actor, str(token), a.now)
        a.answer = data(None)
    return a.sealed()


@bp.get("/me")
@bearer_required
@operation(answers.Me, examples.ME)
def me() -> Any:
    """The account: its people, and its phone without the middle."""
    ref = str(current_actor().ref)
    with reading() as session:
        mine, phone = people.links_of(session, ref), accounts.masked_phone_of(session, ref)
    return answer(answers.Me, {"people": mine, "phone_masked": phone})


@bp.get("/people")
@bearer_required
@operation(list[answers.Person], [examples.PERSON])
def list_people() -> Any:
    """The people of the account, oneself first; pending ones open nothing yet."""
    with reading() as session:
        mine = people.links_of(session, str(current_actor().ref))
    return answer(list[answers.Person], mine)


@bp.post("/people")
@bearer_required
@limiter.limit("10 per hour", deduct_when=lambda response: response.status_code == 201)
@operation(
    answers.Person, examples.PERSON, takes=forms.Bind, status=201,
    refuses=("consent_missing", "already_bound", "people_full", "not_a_child", "not_grown_up", "document_check_digit", "name_characters"),
)  # fmt: skip
def bind_person(body: forms.Bind) -> Any:
    """Bind oneself, one's child, or a grown-up of the family. A person whom the hospital knows already stays pending until one proves who one is."""
    typed = body.root
    name = clean_name(typed.name)
    document = _document(typed, name)
    with act() as a:
        link_id = people.bind(
            a.session, a.actor, document, name, a.now, relation=typed.relation, has_consented=typed.consent
        )
        a.answer = data(plain(answers.Person, _link(a.session, a.actor.ref, link_id)), 201)
    return a.sealed()


def _document(typed: forms.BindResidentID | forms.BindPassport, name: str) -> ResidentID | Passport:
    today_on = hospital_day(house().clock())
    if isinstance(typed, forms.BindResidentID):
        return parse_resident_id(typed.number, today_on)
    return parse_passport(typed.country, typed.number, name, typed.birth_on, Sex(typed.sex), today_on)


def _link(session: Any, account_ref: str | None, link_id: str) -> LinkView:
    found = next((v for v in people.links_of(session, str(account_ref)) if v.id == link_id), None)
    if found is None:
        raise NotFound()
    return found


@bp.post("/people/<link_id>/proof/phone")
@bearer_required
@limiter.limit("10 per hour")
@operation(answers.CodeSent, examples.CODE_SENT, takes=forms.Nothing, refuses=("no_phone_on_file", "too_many"))
def ask_proof(link_id: str, body: forms.Nothing) -> Any:
    """Send a code to the phone that the hospital has on file, which is not told."""
    sms = house().sms
    if sms is None:
        raise proofs.NoPhoneOnFile()
    with act() as a:
        number, code = proofs.ask_phone_proof(a.session, a.actor, link_id, a.now)
        a.answer = data({"valid_seconds": int(CODE_LIFE.total_seconds())})
    try:
        sms.send_code(number, code, "claim")
    except SMSUnavailable:
        raise PlatformAway(retry_seconds=60) from None
    return a.sealed()


@bp.post("/people/<link_id>/proof")
@bearer_required
@limiter.limit("20 per hour")
@operation(answers.Person, examples.PERSON, takes=forms.Proof, refuses=("proof_wrong",))
def prove(link_id: str, body: forms.Proof) -> Any:
    """Open a person's records with the code from the phone on file, or from the desk. Five wrong tries kill a code."""
    with act() as a:
        is_proven = proofs.prove(a.session, a.actor, link_id, body.code, a.now)
        if is_proven:
            a.answer = data(plain(answers.Person, _link(a.session, a.actor.ref, link_id)))
    if not is_proven:  # after the commit: a wrong try counts
        raise ProofWrong("code")
    return a.sealed()


@bp.post("/people/<link_id>/unbind")
@bearer_required
@operation(None, None, takes=forms.Nothing)
def unbind(link_id: str, body: forms.Nothing) -> Any:
    """Take a person off this account; the record stays the person's."""
    with act() as a:
        people.unbind(a.session, a.actor, link_id, a.now)
        a.answer = data(None)
    return a.sealed()
