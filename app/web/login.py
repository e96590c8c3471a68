"""Flask-Login over our own session rows: one cookie for patients, another for staff on its own path, one for screens."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, Request, Response, g, redirect, request, url_for
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user

from app.domain.actor import Actor
from app.domain.errors import NotAllowed, SignInNeeded
from app.domain.lockout import Locked
from app.services import websessions
from app.services.websessions import SignedIn, Standing
from app.web.house import house
from app.web.transaction import reading

# Whoever holds several roles acts at each door in that door's: at the desk as the desk, whatever else they may do.
ROLE_AT = {
    "doctor": "doctor", "desk": "desk", "lab": "lab", "pharmacy": "pharmacist", "admin": "admin", "auditor": "auditor",
}  # fmt: skip
COOKIES = {"patient": ("mz_patient", "/"), "staff": ("mz_staff", "/staff"), "screen": ("mz_screen", "/screen")}


class User(UserMixin):
    """Who is signed in at the door of this request."""

    def __init__(self, signed_in: SignedIn) -> None:
        self.actor: Actor = signed_in.actor
        self.roles = signed_in.roles
        self.name_zh = signed_in.name_zh
        self.name_en = signed_in.name_en
        self.area = signed_in.area

    def get_id(self) -> str:
        return str(self.actor.ref)


def door_of(path: str) -> str:
    """Return which door a path belongs to: its cookie is the only one that counts there."""
    if path == "/staff" or path.startswith("/staff/"):
        return "staff"
    if path == "/screen" or path.startswith("/screen/"):
        return "screen"
    if path.startswith("/api/"):
        return "api"
    if path.startswith("/fhir/"):
        return "fhir"
    return "patient"


def token_of(req: Request) -> tuple[str, str | None]:
    """Return (door, token) of a request."""
    door = door_of(req.path)
    if door == "fhir":
        return door, None  # applications are known by their own tokens, there
    if door == "api":
        scheme, _, token = req.headers.get("Authorization", "").partition(" ")
        return door, token.strip() if scheme.lower() == "bearer" and token.strip() else None
    return door, req.cookies.get(COOKIES[door][0])


def init_login(app: Flask) -> None:
    manager = LoginManager()
    manager.session_protection = None  # Flask's session holds nothing about who is signed in
    manager.init_app(app)

    @manager.request_loader
    def load(req: Request) -> User | None:
        door, token = token_of(req)
        if not token or len(token) > 200:
            return None
        at_house = house()
        now = at_house.clock()
        role = ROLE_AT.get(req.path.split("/")[2], "") if door == "staff" and req.path.startswith("/staff/") else ""
        with at_house.reading_session() as session:
            found = websessions.find(session, (door,), token, now, role=role)
        if found is None:
            return None
        if found.must_touch and not (door == "staff" and is_poll(req)):
            with at_house.writing_session(durable=False) as session:
                websessions.touch(session, token, now)
        return User(found)


def is_poll(req: Request) -> bool:
    """Return whether a page asks by itself: that nobody has left is not seen by it, so it keeps no staff page open."""
    return req.method in ("GET", "HEAD") and req.headers.get("X-Requested-With") == "fetch"


def staff_standing() -> Standing | None:
    """Return what this browser's staff session is waiting for, where it has one that opens nothing now."""
    door, token = token_of(request)
    if door != "staff" or not token or len(token) > 200:
        return None
    at_house = house()
    with at_house.reading_session() as session:
        return websessions.standing(session, token, at_house.clock())


def _to_sign_in() -> Response:
    """Lead whoever is not signed in at the staff's door on, and back here; say why to a form. Raises SignInNeeded, Locked."""
    standing, is_read = staff_standing(), request.method in ("GET", "HEAD")
    there = request.full_path.rstrip("?")
    if standing is not None and standing.is_locked and not standing.needs:
        if not is_read:
            raise Locked()
        return redirect(url_for("staff.lock_page", area=standing.area or None, next=there), code=303)  # type: ignore[return-value]
    if not is_read:
        raise SignInNeeded()
    return redirect(url_for("staff.sign_in", next=there), code=303)  # type: ignore[return-value]


def set_session_cookie(response: Response, kind: str, token: str, path: str | None = None) -> Response:
    """Put a new session's token into the browser, for its door or for the narrower `path`."""
    name, door = COOKIES[kind]
    path = path or door
    response.set_cookie(
        name,
        token,
        max_age=int(websessions.LIFETIME[kind].total_seconds()),
        path=path,
        secure=not house().settings.insecure_cookies,
        httponly=True,
        samesite="Lax",
    )
    return response


def clear_session_cookie(response: Response, kind: str, path: str | None = None) -> Response:
    name, door = COOKIES[kind]
    path = path or door
    response.delete_cookie(name, path=path, httponly=True, samesite="Lax")
    return response


def ask_no_more() -> None:
    """Let the rest of this request go on as nobody's where it is not known yet whose it is: finding out may be what failed."""
    if not hasattr(g, "_login_user"):
        g._login_user = AnonymousUserMixin()


def use_actor(actor: Actor) -> None:
    """Let the rest of this request act as somebody who has just signed in."""
    g.actor = actor


def public(view: Callable[..., Any]) -> Callable[..., Any]:
    """Say that a view is for everybody: it shows nothing of anybody."""
    view.audience = frozenset({"public"})  # type: ignore[attr-defined]
    return view


def patient_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Send whoever is not signed in at the patients' door to sign in, and back here afterwards."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not current_user.is_authenticated:
            if request.method in ("GET", "HEAD"):
                return redirect(url_for("patient.sign_in", next=request.full_path.rstrip("?")), code=303)
            raise SignInNeeded()
        return view(*args, **kwargs)

    guarded.audience = frozenset({"patient"})  # type: ignore[attr-defined]
    return guarded


def staff_required(*roles: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let in staff who hold one of `roles`; send others to the staff's sign-in, or say that it is not theirs."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not current_user.is_authenticated:
                return _to_sign_in()
            if not current_user.roles.intersection(roles):
                with reading():  # where a signed-in actor's refusal is recorded (A6)
                    raise NotAllowed(rule="role")
            return view(*args, **kwargs)

        guarded.audience = frozenset(roles)  # type: ignore[attr-defined]
        return guarded

    return decorate


def screen_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let in a paired screen; show any other the pairing page."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not current_user.is_authenticated:
            return redirect(url_for("screen.pair"), code=303)
        return view(*args, **kwargs)

    guarded.audience = frozenset({"screen"})  # type: ignore[attr-defined]
    return guarded


def bearer_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let in the holder of a mini-program token."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not current_user.is_authenticated:
            raise SignInNeeded()
        return view(*args, **kwargs)

    guarded.audience = frozenset({"patient"})  # type: ignore[attr-defined]
    return guarded
