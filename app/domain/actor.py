"""Who is acting: one value that every service takes and every event names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["patient", "staff", "screen", "app", "share", "system", "anonymous"]
Role = Literal["patient", "doctor", "desk", "lab", "pharmacist", "admin", "auditor", "screen", "app", "system"]


@dataclass(frozen=True)
class Actor:
    """One who acts.

    `ref` is random and says nothing: an account's for patients, a staff member's, a screen's, an application's,
    of whoever holds a shared link that of the opening. `session` names the web
    session (never its token), so that one sitting counts as one opening. `clinics` are those a staff member works in.
    """

    kind: ActorKind
    ref: str | None = None
    role: Role | None = None
    session: str | None = None
    clinics: frozenset[str] = frozenset()

    @property
    def is_signed_in(self) -> bool:
        return self.ref is not None and self.kind in ("patient", "staff", "screen", "app")


ANONYMOUS = Actor("anonymous")
SYSTEM = Actor("system", ref="system", role="system")
