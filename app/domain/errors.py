"""What the hospital says no to.

    Refused                     a rule said no; the person can do something else
    ├── NotFound                absent, or not yours: the answer is the same
    ├── NotAllowed              signed in, but this is not yours to do
    ├── SignInNeeded            nobody is signed in
    ├── Conflict                somebody else was first, or the thing has moved on
    ├── BadInput                what was typed is not of the form that it must have; carries the field
    └── TooMany                 a limit was reached; carries when to try again

Each class of a rule has its own `code`, which names the rule in the refusal's event and finds its words in
`app/web/messages.py`. Facts are numbers, instants and codes that those words need; never a name or a number of a person.
"""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):
    """A rule said no. `facts` is what the page needs to say why and what to do next."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    is_recorded: ClassVar[bool] = True  # whether a signed-in actor's refusal becomes an event of its own (A6)

    def __init__(self, **facts: object) -> None:
        super().__init__(self.code)
        self.facts = facts


class NotFound(Refused):
    """None such, or not the actor's: one answer for both, so that nobody can learn what exists (A6)."""

    code = "not_found"
    status = 404


class NotAllowed(Refused):
    """The actor is known and this is not theirs to do. `rule` names the rule of `access` that said so."""

    code = "not_allowed"
    status = 403


class SignInNeeded(Refused):
    """Nobody is signed in at this door."""

    code = "sign_in_needed"
    status = 401
    is_recorded = False


class Conflict(Refused):
    """The thing has moved on since the page was made."""

    code = "conflict"


class BadInput(Refused):
    """What was typed has not the form it must have. `field` names where; the typed value is never carried."""

    code = "bad_input"
    status = 400
    is_recorded = False

    def __init__(self, field: str = "", **facts: object) -> None:
        super().__init__(field=field, **facts)
        self.field = field


class TooMany(Refused):
    """A limit was reached; `retry_seconds` says when to try again."""

    code = "too_many"
    status = 429
    is_recorded = False
