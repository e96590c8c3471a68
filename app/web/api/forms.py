"""What calls bring. Strict: a number is no string, and a field that is not here is a mistake of the client's."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from app.domain.calendar import FIRST_DAY, LAST_DAY

Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
EventId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Form(BaseModel):
    """Base of them all."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Nothing(Form):
    """No fields: the address says it all."""


class Login(Form):
    """What `wx.login` gave: it works once, for five minutes."""

    code: Annotated[str, Field(min_length=1, max_length=512)]


class BindResidentID(Form):
    """A person with a resident ID (GB 11643)."""

    document: Literal["resident_id"]
    relation: Literal["self", "guardian", "family"]
    name: Annotated[str, Field(max_length=200)]
    number: Annotated[str, Field(max_length=64)]
    consent: bool


class BindPassport(Form):
    """A person with a passport: country (ISO 3166 alpha-3), number, name as printed."""

    document: Literal["passport"]
    relation: Literal["self", "guardian", "family"]
    name: Annotated[str, Field(max_length=200)]
    country: Annotated[str, Field(max_length=8)]
    number: Annotated[str, Field(max_length=64)]
    birth_on: date
    sex: Literal["male", "female", "unknown"]
    consent: bool


class Bind(RootModel[Annotated[BindResidentID | BindPassport, Field(discriminator="document")]]):
    """Who is to be bound: oneself, one's child, or a grown-up of the family. `consent` is to the processing of sensitive data, given separately."""

    model_config = ConfigDict(hide_input_in_errors=True)


class Proof(Form):
    """The six digits from the phone on file, or from the desk."""

    code: Annotated[str, Field(min_length=1, max_length=32)]


class Hold(Form):
    """For whom, and which slot."""

    person: Ref
    slot: Ref


class CheckIn(Form):
    """The code that was scanned (22 characters) or typed (six digits) at the clinic, and which appointments to check in."""

    code: Annotated[str, Field(min_length=1, max_length=64)]
    appointments: Annotated[list[Ref], Field(min_length=1, max_length=20)]


class Back(Form):
    """The code that was scanned (22 characters) or typed (six digits) at the clinic."""

    code: Annotated[str, Field(min_length=1, max_length=64)]


class Join(Form):
    """For whom, in which department or session, and for which day."""

    person: Ref
    department: Ref | None = None
    session: Ref | None = None
    day: Day


class GivePermit(Form):
    """Who may read: a `doctor`, or every doctor of a `department`; of whom, what for, which parts, for how many days."""

    person: Ref
    doctor: Ref | None = None
    department: Ref | None = None
    purpose: Literal["treatment", "second_opinion", "follow_up"]
    parts: Annotated[
        list[Literal["visits", "medicines", "results", "allergies", "vaccines", "documents"]],
        Field(min_length=1, max_length=6),
    ]
    days: Literal[1, 7, 30, 365]


class Complain(Form):
    """What was not right about the look, in one's own words."""

    words: Annotated[str, Field(max_length=1000)]


class SessionsQuery(Form):
    """A department, by its id, and a day of the hospital's calendar."""

    department: Ref
    day: Day


class SlotsQuery(Form):
    """A session, by its id, and a day."""

    session: Ref
    day: Day


class CourseQuery(Form):
    """`after` is the `next` of the page before."""

    after: Ref | None = None


class ReceiptsQuery(Form):
    """`act` are one's own, `look` others' looks (谁看过); `before` is the `next` of the page before."""

    side: Literal["act", "look"] = "act"
    before: EventId | None = None


class ReceiptQuery(Form):
    """`me` tells whose it is; `show` proves the same and tells nobody whose."""

    form: Literal["me", "show"] = "me"
