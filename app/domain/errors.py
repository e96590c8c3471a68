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
    """A rule said no. `facts` is what the page needs to say why and what to do next.

    `about` is the person (subject) or object whose thing it was, where that is known: the refusal then stands in that
    person's own log. It is for the event alone and never shown to whoever was refused.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    is_recorded: ClassVar[bool] = True  # whether a signed-in actor's refusal becomes an event of its own (A6)

    def __init__(self, *, about: str | None = None, **facts: object) -> None:
        super().__init__(self.code)
        self.about = about
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
        super().__init__(about=None, field=field, **facts)
        self.field = field


class TooMany(Refused):
    """A limit was reached; `retry_seconds` says when to try again."""

    code = "too_many"
    status = 429
    is_recorded = False


# What people type: form only. The facts say which part is wrong; the typed value is never among them.


class DocumentLengthWrong(BadInput):
    """A resident ID has 18 characters (15 on cards before 1999); `length` is what was typed."""

    code = "document_length"


class DocumentCharactersWrong(BadInput):
    """Something stands in a resident ID that cannot: digits everywhere, X only at the end."""

    code = "document_characters"


class DocumentAreaUnknown(BadInput):
    """The first two digits of a resident ID name no province."""

    code = "document_area"


class DocumentDateWrong(BadInput):
    """Digits 7 to 14 of a resident ID are no day of the calendar, or one still to come."""

    code = "document_date"


class DocumentCheckDigitWrong(BadInput):
    """The last character of a resident ID does not follow from the others: one of them is mistyped."""

    code = "document_check_digit"


class DocumentDisagrees(BadInput):
    """A resident ID says another `what` ("birth_on" or "sex") than what was typed beside it."""

    code = "document_disagrees"


class CountryUnknown(BadInput):
    """No country has these three letters (ISO 3166-1 alpha-3)."""

    code = "country_unknown"


class PassportNumberWrong(BadInput):
    """A passport number has 5 to 15 Latin letters and digits."""

    code = "passport_number"


class PassportNameWrong(BadInput):
    """The name as printed in a passport is written in Latin letters."""

    code = "passport_name"


class BirthDateWrong(BadInput):
    """The day of birth lies in the future, or before anybody now alive was born."""

    code = "birth_date"


class PhoneUnreadable(BadInput):
    """No phone number: 11 digits on the mainland, or + and the country code."""

    code = "phone_unreadable"


class PhoneNotMobile(BadInput):
    """A mainland number that no text message can reach."""

    code = "phone_not_mobile"


class NameEmpty(BadInput):
    """No name was typed."""

    code = "name_empty"


class NameTooLong(BadInput):
    """A name has at most `limit` characters."""

    code = "name_too_long"


class NameCharactersWrong(BadInput):
    """The character at `position` (from 1) belongs in no name: a digit, a sign, or one that cannot be seen."""

    code = "name_characters"


class TicketUnreadable(BadInput):
    """No ticket looks like this."""

    code = "ticket_unreadable"


class LabValueUnreadable(BadInput):
    """A laboratory value is a plain decimal number."""

    code = "lab_value"


class LabRangeUnreadable(BadInput):
    """A reference range is written 3.9-6.1, <5.2 or >1.0."""

    code = "lab_range"


class DiagnosisCodeWrong(BadInput):
    """An ICD-10 code is a letter and two digits, then perhaps a point and more."""

    code = "diagnosis_code"


class RuleMalformed(BadInput):
    """A stored or typed rule has a `field` that it must not have, lacks one, or gives it an impossible value."""

    code = "rule_malformed"


# Booking


class SlotPast(Refused):
    """The slot has begun."""

    code = "slot_past"


class SlotTooFar(Refused):
    """The slot's day is not yet open for booking; `opens_on` is when it will be."""

    code = "slot_too_far"


class SlotStopped(Refused):
    """The session does not take place (停诊)."""

    code = "slot_stopped"


class SlotTaken(Conflict):
    """Somebody else holds or has booked the slot."""

    code = "slot_taken"


class AlreadyBooked(Refused):
    """The patient has an open appointment that excludes this one; `scope` says how: "session" or "department"."""

    code = "already_booked"


class HoldExpired(Refused):
    """The hold ended at `ended_at`; the slot may be free still."""

    code = "hold_expired"


class CancelTooLate(Refused):
    """Cancelling ended at `until_at`; the desk can help."""

    code = "cancel_too_late"


class AppointmentMoved(Conflict):
    """The appointment is in a state from which this does not follow; `state` is the present one."""

    code = "appointment_moved"


# Check-in


class CheckInTooEarly(Refused):
    """Check-in opens at `opens_at`, in `minutes` minutes."""

    code = "check_in_too_early"


class CheckInTooLate(Refused):
    """Check-in closed at `closed_at`, `minutes` minutes ago; the desk decides."""

    code = "check_in_too_late"


class VenueCodeUnknown(Refused):
    """The code is none of this place, or has gone; the screen shows a new one every 30 seconds."""

    code = "venue_code_unknown"


class PresenceNeeded(Refused):
    """This browser was not at the clinic in the last ten minutes."""

    code = "presence_needed"


# Queue


class TicketMoved(Conflict):
    """The ticket is in a state from which this does not follow; `state` is the present one."""

    code = "ticket_moved"


class PairingCodeUnknown(Refused):
    """No such pairing code, or it was used, or its ten minutes are over."""

    code = "pairing_code_unknown"
    status = 400
    is_recorded = False


class RoomBusy(Conflict):
    """The clinician has called or is seeing somebody already; `ticket` is who."""

    code = "room_busy"
    is_recorded = False


# Records


class VisitClosed(Conflict):
    """The visit is finished: what was signed stays as it is."""

    code = "visit_closed"


# Receipts


class ReceiptPending(Conflict):
    """The event is recorded and its checkpoint is not published yet: there is no receipt to hand out for some moments."""

    code = "receipt_pending"
    is_recorded = False


# Texts and calls


class TextUnusable(BadInput):
    """A text holds a character that no text has (NUL); `field` names where."""

    code = "text_unusable"


class BodyUnreadable(BadInput):
    """The body is no JSON object with one meaning."""

    code = "body_unreadable"


class BodyOfOtherType(BadInput):
    """The body says of itself that it is no JSON in UTF-8."""

    code = "body_type"
    status = 415


class FieldsWrong(BadInput):
    """The call has a field missing, one too many, or of another form; `fields` names them, never what they held."""

    code = "fields_wrong"
    status = 422

    def __init__(self, fields: str = "") -> None:
        super().__init__(fields, fields=fields)


class ProofWrong(BadInput):
    """The code is not the living one, or has been tried too often."""

    code = "proof_wrong"


class LoginCodeWrong(Refused):
    """WeChat does not know the code of wx.login: too old, or used."""

    code = "login_code_wrong"
    status = 400
    is_recorded = False


class PlatformAway(Refused):
    """Whoever was needed outside (WeChat, the sender of messages) does not answer."""

    code = "platform_away"
    status = 503
    is_recorded = False
