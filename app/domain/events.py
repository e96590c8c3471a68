"""The event types there are, and the reviewed `detail` fields of each.

`docs/events.md` says the same in words, with the route, command or timer that makes each; a test holds the two together.
Detail is what a person wants to read on a receipt: never clinical, never a name, never a number of a person. Where the
type itself would tell something sensitive, only its class is named (`record.signed`, not "diagnosis written").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Detail = dict[str, str | int | bool | None]


@dataclass(frozen=True)
class EventType:
    """One type: its `detail` fields, and on which page of a person's receipts it stands.

    `look` types are somebody's opening, or attempt at it; when the actor is not the person they stand under 谁看过.
    """

    fields: frozenset[str]
    side: Literal["act", "look"] = "act"


def _act(*fields: str) -> EventType:
    return EventType(frozenset(fields))


def _look(*fields: str) -> EventType:
    return EventType(frozenset(fields), "look")


CATALOGUE: dict[str, EventType] = {
    # sign-in
    "account.created": _act("door"),
    "session.signed_in": _act("door"),
    "session.signed_out": _act(),
    "staff.signed_in": _act("role", "way"),
    "staff.signed_out": _act(),
    "staff.sign_in_failed": _act("member", "way"),
    "staff.switched": _act("role"),
    "staff.locked": _act("cause"),
    "staff.unlocked": _act("way"),
    "staff.sitting_ended": _act(),
    "staff.password_changed": _act(),
    "staff.pin_set": _act(),
    "totp.enrolled": _act(),
    "totp.recovery_used": _act(),
    "totp.reset": _act("member"),
    "code.sent": _act("purpose"),
    # people
    "consent.given": _act("purpose", "wording"),
    "person.bound": _act("relation", "proof"),
    "person.bind_requested": _act("relation"),
    "person.claimed": _act("proof"),
    "person.superseded": _act(),
    "person.unbound": _act("relation"),
    "claim_code.issued": _act("valid_minutes"),
    "guardianship.requested": _act(),
    "guardianship.verified": _act("until", "papers"),
    "guardianship.revoked": _act("relation", "by"),
    "person.registered": _act("document"),
    "person.verified": _act("document"),
    # booking
    "appointment.held": _act("starts_at", "held_until"),
    "appointment.released": _act(),
    "appointment.booked": _act("starts_at"),
    "appointment.walked_in": _act(),
    "slip.printed": _act("valid_days"),
    "appointment.cancelled": _act("by"),
    # fair booking
    "waitlist.joined": _act("day", "place"),
    "waitlist.left": _act(),
    "waitlist.offered": _act("starts_at", "until"),
    "waitlist.accepted": _act("starts_at"),
    "waitlist.lapsed": _act("why"),
    "appointment.no_show": _act("starts_at"),
    "strike.given": _act("kind", "starts_at", "until", "evidence", "calls"),
    "strike.excused": _act("kind", "starts_at", "why"),
    "appeal.made": _act(),
    "appeal.opened": _look(),
    "appeal.upheld": _act("why"),
    "appeal.denied": _act("why"),
    "session.stopped": _act("why", "people", "starts_at"),
    "appointment.move_offered": _act("was_at", "to_at", "until"),
    "appointment.moved": _act("was_at", "to_at"),
    # check-in and queue
    "appointment.checked_in": _act("ticket", "method", "within_m"),
    "ticket.called": _act("ticket", "room"),
    "ticket.recalled": _act("ticket", "room", "calls"),
    "ticket.passed": _act("ticket", "passes", "why"),
    "ticket.requeued": _act("ticket", "places"),
    "ticket.no_show": _act("ticket", "passes"),
    "ticket.priority_granted": _act("ticket", "priority", "reason"),
    "ticket.priority_withdrawn": _act("ticket", "priority"),
    "priority_note.opened": _look("ticket", "count"),
    "ticket.away": _act("ticket"),
    "ticket.returned": _act("ticket"),
    "ticket.left": _act("ticket", "by"),
    "ticket.moved": _act("ticket", "room", "from"),
    "ticket.transferred": _act("ticket", "to"),
    "ticket.undone": _act("ticket", "undone"),
    "session.late": _act("minutes", "room"),
    # visit and records
    "visit.started": _act("room"),
    "visit.resumed": _act("room"),
    "visit.finished": _act(),
    "record.signed": _act("part"),
    "record.imported": _act("count", "kept_unverified"),
    "record.opened": _look("count"),
    "identity.opened": _look("fields"),
    "act.refused": _look("rule"),
    # consents to read, emergencies, complaints, the audit
    "permit.given": _act("purpose", "parts", "reader", "until"),
    "permit.withdrawn": _act("purpose"),
    "break_glass.opened": _look("why", "minutes"),
    "break_glass.ended": _act(),
    "break_glass.read": _look(),
    "break_glass.reviewed": _act("verdict"),
    "audit.opened": _look(),
    "complaint.made": _act(),
    "complaint.opened": _look(),
    "complaint.answered": _act("outcome"),
    # orders, laboratory, pharmacy
    "order.placed": _act("sample"),
    "order.cancelled": _act("sample", "by"),
    "sample.collected": _act("sample"),
    "report.signed": _act("sample", "status"),
    "report.amended": _act("sample", "revision", "changed"),
    "report.released": _act("sample"),
    "prescription.signed": _act("round"),
    "prescription.reviewed": _act(),
    "prescription.returned": _act(),
    "prescription.dispensed": _act(),
    "allergy.recorded": _act(),
    # the person's lists and documents
    "problem.recorded": _act(),
    "problem.changed": _act(),
    "immunization.recorded": _act(),
    "document.added": _act(),
    "document.withdrawn": _act(),
    # applications of others
    "app.registered": _act("app"),
    "app.disabled": _act("app"),
    "app.authorized": _act("app", "kinds", "until"),
    "app.withdrawn": _act("app", "cause"),
    "app.read": _look("app", "count"),
    "takeout.asked": _act(),
    "takeout.fetched": _look("count"),
    # links that a person hands out; who opened them says so in a row of its own, never here
    "share.made": _act("kinds", "until", "passcode", "follows"),
    "share.opened": _look("count"),
    "share.refused": _look("rule", "remaining"),
    "share.ended": _act("cause"),
    # erasing
    "record.restricted": _act("until", "law"),
    "restricted.opened": _look("reason", "hours"),
    "correction.asked": _act("about"),
    "correction.opened": _look(),
    "correction.answered": _act("about", "answer"),
    "erasure.begun": _act("kind", "rows", "events", "list_digest", "kept_until"),
    "erasure.completed": _act("kind", "rows", "events", "list_digest", "backups_until"),
    "keys.rotation_begun": _act("from_version", "to_version"),
    "keys.rotated": _act("from_version", "to_version", "keys"),
    # the house
    "board.opened": _act("board"),
    "screen.paired": _act(),
    "screen.unpaired": _act(),
    "screen.code_shown": _act(),
    "staff.created": _act("member", "role"),
    "staff.disabled": _act("member"),
    "staff.enabled": _act("member"),
    "staff.role_granted": _act("member", "role"),
    "staff.role_ended": _act("member", "role"),
    "staff.password_reset": _act("member"),
    "rules.changed": _act("rule", "of", "before", "after"),
    "day.closed": _act("day", "came", "seen", "digest"),
    "clinic.created": _act(),
    "department.created": _act("letter"),
    "room.created": _act(),
    "session.planned": _act("starts_at", "ends_at", "slots"),
    # the log itself
    "log.healed": _act("from", "to", "lost"),
    "log.succeeded": _act("old_origin", "old_size", "old_root", "reason", "successor"),
    "log.key_rotated": _act("old_key", "new_key"),
}


def check_detail(event_type: str, detail: Detail) -> None:
    """Raise ValueError unless `event_type` exists and `detail` has exactly its fields. A mistake of ours, never input's."""
    known = CATALOGUE.get(event_type)
    if known is None:
        raise ValueError(f"no such event type: {event_type}")
    if frozenset(detail) != known.fields:
        raise ValueError(f"{event_type} takes {sorted(known.fields)}, not {sorted(detail)}")
