"""How people stand on boards, remembered: a board is asked for every two seconds and shows the same few hundred people.

What is kept is the mask alone, by the version of what it was made of: another version is another mask.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import date, datetime
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.calendar import hospital_day
from app.models import Patient
from app.services import identity
from app.services.identity import Masked

MOST_KEPT = 5000  # a few hundred bytes each
AT_ONCE = 500  # SQLite takes a bounded number of parameters

_Key = tuple[str, int, int, date]
_kept: OrderedDict[_Key, Masked] = OrderedDict()
_lock = Lock()


def masked(session: Session, refs: Iterable[str], now: datetime) -> dict[str, Masked]:
    """Return what `identity.masked` does, opening only what changed since it was last asked for."""
    wanted, today_on = sorted(set(refs)), hospital_day(now)
    keys: dict[str, _Key] = {}
    for start in range(0, len(wanted), AT_ONCE):
        some = select(Patient.ref, Patient.version, Patient.contact_version).where(
            Patient.ref.in_(wanted[start : start + AT_ONCE])
        )
        keys.update((ref, (ref, version, contact, today_on)) for ref, version, contact in session.execute(some))
    with _lock:
        found = {ref: _kept[key] for ref, key in keys.items() if key in _kept}
    fresh: dict[str, Masked] = {}
    missing = [ref for ref in keys if ref not in found]
    for start in range(0, len(missing), AT_ONCE):
        fresh.update(identity.masked(session, missing[start : start + AT_ONCE], now))
    with _lock:
        for ref, who in fresh.items():
            _kept[keys[ref]] = who
        for ref in found:
            if keys[ref] in _kept:
                _kept.move_to_end(keys[ref])
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return {ref: (found.get(ref) or fresh[ref]) for ref in keys if ref in found or ref in fresh}  # always in one order
