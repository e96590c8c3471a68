"""One act, one transaction.

A door opens `act()`, a service does the work and records its event, the block's end commits, then the sequencer is woken.
A page that opens a record goes through `opening`, which reads before it records and shows nothing before that is committed.
A refusal inside rolls everything back and records its own event in a second transaction, before the answer (A6). A form or
call that carries an idempotency key gets the answer that it got the first time (I5).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask import Response, flash, g, jsonify, request, url_for
from flask import session as browser
from flask_login import current_user
from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session

from app.domain.actor import ANONYMOUS, Actor
from app.domain.errors import Conflict, NotAllowed, NotFound, Refused
from app.models import HOSPITAL, IdempotencyKey, Prepared, RefusalSeen
from app.services import disclosure, events
from app.services.events import Recorded
from app.services.sealing import vault_of
from app.web.house import House, house
from app.web.sealed import WhenSealed

REFUSAL_COUNTS_FOR = timedelta(minutes=10)
OBJECT_FIELDS = ("slot",)  # of forms and calls whose object stands in no address
UNKEYED_FIELDS = ("csrf_token", "idempotency_key")


class KeyReused(Conflict):
    """The same idempotency key came with another body (I5)."""

    code = "key_reused"
    status = 422
    is_recorded = False


class Replay(Exception):
    """Not an error: this key has its answer already, and here it is."""

    def __init__(self, answer: dict[str, Any], event_ids: list[str]) -> None:
        super().__init__("replay")
        self.answer = answer
        self.event_ids = event_ids


class Act:
    """What a door holds while its act is under way. `answer` is set before the block ends, and is what a retry gets."""

    def __init__(self, at_house: House, session: Session, actor: Actor, now: datetime) -> None:
        self.session = session
        self.actor = actor
        self.now = now
        self.answer: dict[str, Any] = {}
        self._house = at_house
        self._events: tuple[Recorded, ...] = ()

    def close(self) -> None:
        self._events = tuple(events.recorded(self.session))

    @property
    def events(self) -> tuple[Recorded, ...]:
        return self._events

    def wait_for_seal(self) -> bool:
        """Wait until the act's events stand in a published checkpoint, RECEIPT_WAIT_MS at most; say whether they do."""
        return _is_sealed(self._events)

    def sealed(self) -> Response:
        """Return the answer, with its receipts: a form goes on to its page by 303, a call gets JSON. Neither leaves before the
        seal, or before RECEIPT_WAIT_MS have passed."""
        ids = [e.id for e in self._events]
        if "location" not in self.answer:
            return respond(self.answer, ids, self.wait_for_seal())
        response = _onward(self.answer["location"], ids)
        response.wait = self.wait_for_seal
        return response


def _is_sealed(recorded: Sequence[Recorded]) -> bool:
    """Wait until these events stand in a published checkpoint, RECEIPT_WAIT_MS at most; say whether they do."""
    if not recorded:
        return True
    at_house = house()
    return bool(at_house.bell.wait(max(e.serial for e in recorded), at_house.settings.receipt_wait_ms / 1000))


def see_other(endpoint: str, **values: Any) -> dict[str, Any]:
    """An answer: go on to this page."""
    return {"location": url_for(endpoint, **values)}


def data(value: Any, status: int = 200) -> dict[str, Any]:
    """An answer: this JSON value, in the API's envelope."""
    return {"data": value, "status": status}


def respond(answer: dict[str, Any], event_ids: list[str], is_sealed: bool) -> Response:
    """Return the response that an answer stands for."""
    if "location" in answer:
        return _onward(answer["location"], event_ids)
    state = "sealed" if is_sealed else "pending"
    receipts = [{"id": i, "state": state, "url": f"/api/v1/receipts/{i}"} for i in event_ids]
    response = jsonify({"code": 0, "data": answer.get("data"), "receipts": receipts})
    response.status_code = answer.get("status", 200)
    response.headers["X-Receipt-State"] = state
    return response


def _onward(location: str, event_ids: list[str]) -> WhenSealed:
    """Return the way on to a page; a person's own pages show the receipt there, once."""
    if event_ids and request.blueprint in ("patient", "smart"):
        flash(event_ids[-1], "receipt")
    response = WhenSealed(status=303)
    response.location = location
    return response


def current_actor() -> Actor:
    """Return who acts in this request; anonymous where nobody signed in."""
    actor: Actor | None = g.get("actor")
    if actor is not None:
        return actor
    return current_user.actor if current_user.is_authenticated else ANONYMOUS


@contextmanager
def act(actor: Actor | None = None, *, is_keyed: bool = True) -> Iterator[Act]:
    """Open the transaction of one act.

    A request that makes several acts keys none of them (`is_keyed` False): each must be harmless to repeat by itself.

    Raises Replay when the key has its answer already, KeyReused when it came with another body. A Refused that the block
    raises is recorded and raised on.
    """
    at_house = house()
    who = actor or current_actor()
    now = at_house.clock()
    try:
        with at_house.writing_session() as session:
            doing = Act(at_house, session, who, now)
            scope, digest = _idempotency(who) if is_keyed else (None, b"")
            if scope is not None:
                _replay_if_known(session, who, scope, digest)
            yield doing
            doing.close()
            if scope is not None and doing.answer:  # an act without an answer has nothing to say again
                kept = {
                    "scope": scope,
                    "body_digest": digest,
                    "answer": _kept(session, who, scope, doing.answer),
                    "event_ids": " ".join(e.id for e in doing.events),
                    "created_at": now,
                }
                _KEEP.run(session.connection(), **kept)
    except Refused as refusal:
        record_refusal(at_house, who, refusal, now)
        raise
    if doing.events:
        at_house.bell.knock()


@contextmanager
def reading() -> Iterator[Session]:
    """Open a read transaction. A Refused that the block raises is recorded and raised on, as in an act (A6)."""
    at_house = house()
    try:
        with at_house.reading_session() as session:
            yield session
    except Refused as refusal:
        record_refusal(at_house, current_actor(), refusal, at_house.clock())
        raise


Shown = TypeVar("Shown")


def opening(show: Callable[[Session, Actor, datetime], Shown]) -> Shown:
    """Return what `show` opens of a record, once the events that say so are committed."""
    return disclosed(show)[0]


def disclosed(show: Callable[[Session, Actor, datetime], Shown]) -> tuple[Shown, tuple[Recorded, ...]]:
    """Return what `show` opens of a record and the events that say so, committed.

    1. Look, in a read transaction: nobody waits while payloads are opened. A refusal is recorded, as in an act (A6).
    2. Record what was looked at, in a transaction of its own that opens nothing; within fifteen minutes there may be nothing.
    3. Only now hand it on. Where a version or a grant changed between, look and record in one transaction instead.
    """
    at_house, who = house(), current_actor()
    now = at_house.clock()
    with reading() as session:
        disclosure.look(session)
        shown = show(session, who, now)
        seen = disclosure.looked(session)
    if not seen.due:
        return shown, ()
    try:
        with at_house.writing_session() as session:
            disclosure.record_due(session, who, seen, now)
            recorded = tuple(events.recorded(session))
    except disclosure.Changed:
        with act() as a:
            shown = show(a.session, a.actor, a.now)
        return shown, a.events
    at_house.bell.knock()
    return shown, recorded


def disclosed_data(show: Callable[[Session, Actor, datetime], Any]) -> Response:
    """Return the JSON value that `show` opens of a record as the API's answer, with the receipts of its opening (`disclosed`)."""
    value, recorded = disclosed(show)
    return respond(data(value), [e.id for e in recorded], _is_sealed(recorded))


def record_refusal(at_house: House, actor: Actor, refusal: Refused, now: datetime) -> None:
    """Record a signed-in actor's refusal as its own event, once per actor, object and rule in ten minutes (A6).

    Later ones within that time answer 429 without an event, except NotFound: that answer must be the same always.
    """
    if not (refusal.is_recorded and actor.is_signed_in):
        return
    about = refusal.about
    if isinstance(refusal, NotFound) and about is None:
        return  # nothing there: a guess like any other, for the security log only
    key = hashlib.sha256("\n".join((str(actor.ref), str(request.endpoint), _object_of(refusal), refusal.code)).encode())
    with at_house.writing_session() as session:
        seen = session.get(RefusalSeen, key.digest())
        if seen is not None and now - seen.at < REFUSAL_COUNTS_FOR:
            if not isinstance(refusal, NotFound):
                refusal.facts["retry_seconds"] = int((REFUSAL_COUNTS_FOR - (now - seen.at)).total_seconds()) + 1
                refusal.status = 429  # type: ignore[misc]
            return
        session.merge(RefusalSeen(key=key.digest(), at=now))
        events.record(session, "act.refused", actor, now, subject=about, detail={"rule": refusal.code})
    at_house.bell.knock()


def _object_of(refusal: Refused) -> str:
    """Return what a refusal was about, as it counts once: whose it was, the object in the address, and, where there was a
    right to ask and the thing said no, the object in the form or call (another slot that is taken is another object)."""
    named = [f"{k}={v}" for k, v in sorted((request.view_args or {}).items())]
    if not isinstance(refusal, NotFound | NotAllowed):
        body = request.get_json(silent=True) if request.is_json else request.form
        named += [f"{k}={body[k]}" for k in OBJECT_FIELDS if isinstance(body, Mapping) and k in body]
    return "|".join([str(refusal.about), *named])


def _idempotency(actor: Actor) -> tuple[bytes | None, bytes]:
    key = request.headers.get("Idempotency-Key") or request.form.get("idempotency_key")
    if not key or request.method in ("GET", "HEAD"):
        return None, b""
    who = actor.ref or str(browser.get("id", ""))
    if not who:
        return None, b""  # nobody to keep an answer for: strangers must not meet each other's
    scope = hashlib.sha256(f"{actor.kind}\n{who}\n{request.endpoint}\n{request.path}\n{key[:200]}".encode()).digest()
    if request.is_json:
        body = request.get_data()
    else:
        fields = sorted((k, v) for k, v in request.form.items(multi=True) if k not in UNKEYED_FIELDS)
        body = json.dumps([*fields, *_files()], ensure_ascii=False).encode()
    return scope, hashlib.sha256(body).digest()


def _files() -> list[tuple[str, str]]:
    """Return what files a form brought, each by its digest."""
    found = []
    for name, file in sorted(request.files.items(multi=True), key=lambda pair: pair[0]):
        found.append((name, hashlib.sha256(file.stream.read()).hexdigest()))
        file.stream.seek(0)
    return found


_KEEP = Prepared(insert(IdempotencyKey.__table__))
_KNOWN = Prepared(
    select(IdempotencyKey.body_digest, IdempotencyKey.answer, IdempotencyKey.event_ids).where(
        IdempotencyKey.scope == bindparam("scope")
    )
)


def _replay_if_known(session: Session, actor: Actor, scope: bytes, digest: bytes) -> None:
    known = _KNOWN.first(session.connection(), scope=scope)
    if known is None:
        return
    if known.body_digest != digest:
        raise KeyReused()
    raise Replay(_kept_answer(session, actor, scope, known.answer), known.event_ids.split())


def _kept(session: Session, actor: Actor, scope: bytes, answer: dict[str, Any]) -> str:
    """Return an answer as the table keeps it: the address of a page, which is all random refs, in clear; data, which may
    name a person, sealed under the actor's key."""
    if "location" in answer:
        return json.dumps(answer)
    return base64.b64encode(vault_of(session).seal(_keeper(actor), "events", _place(scope), answer)).decode()


def _kept_answer(session: Session, actor: Actor, scope: bytes, kept: str) -> dict[str, Any]:
    if kept.startswith("{"):
        answer: dict[str, Any] = json.loads(kept)
        return answer
    return vault_of(session).open(_keeper(actor), "events", _place(scope), base64.b64decode(kept))


def _keeper(actor: Actor) -> str:
    return str(actor.ref) if actor.kind == "patient" and actor.ref else HOSPITAL


def _place(scope: bytes) -> str:
    return f"idempotency_key|{scope.hex()}|1"
