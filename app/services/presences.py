"""Being at the clinic: what a scan, six typed digits or a phone's own idea of where it is give a browser for ten minutes (Q3)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import checkin as rules
from app.domain import places
from app.domain.actor import Actor
from app.domain.checkin import Presence, Way
from app.domain.errors import VenueCodeUnknown
from app.domain.places import PlaceNotUsed, PlaceTooFar
from app.models import Clinic
from app.services import checkin, clinics


def presence_from_code(session: Session, code: str, now: datetime) -> Presence:
    """Return the presence that a scanned code gives: the present or the previous one of any clinic.

    Raises VenueCodeUnknown.
    """
    if len(code) != rules.VENUE_CODE_LENGTH:
        raise VenueCodeUnknown()
    for clinic_id, secret in session.execute(select(Clinic.id, Clinic.venue_secret)):
        if rules.is_venue_code(secret, clinic_id, code, now):
            return Presence(clinic_id, now)
    raise VenueCodeUnknown()


def presence_from_typed(session: Session, actor: Actor, typed: str, now: datetime) -> Presence:
    """Return the presence that six typed digits give, at a clinic where the account has a visit today.

    A million to one, so the door counts tries (`rates.VENUE_SHORT_CODE`). Raises VenueCodeUnknown.
    """
    digits = "".join(typed.split())
    if len(digits) != rules.SHORT_CODE_DIGITS or not digits.isascii() or not digits.isdigit():
        raise VenueCodeUnknown()
    today = {view.clinic_id for view in checkin.today_of(session, actor, now)}
    found = [
        clinic_id
        for clinic_id, secret in session.execute(select(Clinic.id, Clinic.venue_secret).where(Clinic.id.in_(today)))
        if rules.is_venue_code(secret, clinic_id, digits, now)
    ]
    if len(found) != 1:
        raise VenueCodeUnknown()
    return Presence(found[0], now)


def presence_from_place(
    session: Session, actor: Actor, latitude: float, longitude: float, accuracy_m: float, now: datetime
) -> Presence:
    """Return the presence of a phone inside the fence of a clinic where the account has a visit today.

    Where the phone is goes no further than this comparison: not into a row, an event, a log or an error.

    Raises PlaceNotUsed where no such clinic has a fence, PlaceUnsure, PlaceTooFar.
    """
    today = {view.clinic_id for view in checkin.today_of(session, actor, now)}
    fences = {
        clinic.id: fence
        for clinic in session.scalars(select(Clinic).where(Clinic.id.in_(today)).order_by(Clinic.id))
        if (fence := clinics.rules_of(clinic).place) is not None
    }
    refused: PlaceTooFar | None = None
    for clinic_id, fence in fences.items():
        try:
            within_m = places.require_inside(fence, latitude, longitude, accuracy_m)
        except PlaceTooFar as too_far:
            refused = too_far
        else:
            return Presence(clinic_id, now, Way.PLACE, within_m)
    raise refused or PlaceNotUsed()
