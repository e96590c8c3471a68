"""What a measurement measures, as a blind digest of its person's own: its course is found without opening the others.

The digest is an HMAC under the keyring's index key over the person, the code and the unit: two people who were measured the same
have nothing in common in the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.services.sealing import vault_of


def key_of(session: Session, patient_ref: str, payload: Mapping[str, Any]) -> bytes | None:
    """Return the series of a measurement's payload: its first value that has a code; None where none has."""
    parts = payload.get("parts", ())
    own = () if parts and not payload.get("value") else (payload,)
    named = next((m for m in (*own, *parts) if m.get("code")), None)
    if named is None:
        return None
    return vault_of(session).digest("series", f"{patient_ref}\n{named['code']}\n{named.get('unit', '')}")[:16]


def filter_key(session: Session, patient_ref: str, value: str) -> str:
    """Return what stands for `value` in an address of this person's pages: it names nothing to who reads the address (A5)."""
    return vault_of(session).digest("filter", f"{patient_ref}\n{value}")[:6].hex()
