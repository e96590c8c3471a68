"""One answer of each kind, for the description. A test checks each against its model."""

from __future__ import annotations

REF = "3q2hQm7wR1yZ0aBcDeFgHi"
EVENT = "019ca000-0000-7000-8000-000000000001"
WORDS = {"zh": "心内科", "en": "Cardiology"}
CLINIC = {"zh": "明诊门诊部", "en": "Mingzhen Clinic"}
DOCTOR = {"zh": "陈大夫", "en": "Dr Chen"}
TITLE = {"zh": "主任医师", "en": "Chief physician"}
ROOM = {"zh": "1诊室", "en": "Room 1"}
STARTS, ENDS = "2026-03-02T02:30:00Z", "2026-03-02T02:40:00Z"

SESSION = {"token": "kR9wq-example-of-a-token", "idle_seconds": 604800}
PERSON = {
    "id": REF, "patient_ref": REF, "relation": "self", "state": "active", "proof": "none",
    "opens_from": "2026-03-02T02:00:00Z", "name": "李明", "birth_on": "1990-03-07", "sex": "female",
}  # fmt: skip
ME = {"people": [PERSON], "phone_masked": None}
CODE_SENT = {"valid_seconds": 300}
DEPARTMENT = {"id": REF, "clinic_id": REF, "name": WORDS, "free": 12, "first_free_on": "2026-03-02"}
DAY = {"day_on": "2026-03-02", "free": 12}
SITTING = {
    "id": REF, "clinic_id": REF, "department_id": REF, "kind": "expert", "day_on": "2026-03-02",
    "starts_at": "2026-03-02T01:00:00Z", "ends_at": "2026-03-02T04:00:00Z", "clinic": CLINIC, "department": WORDS,
    "room": ROOM, "doctor": DOCTOR, "title": TITLE, "free": 9,
}  # fmt: skip
SLOT = {"id": REF, "session_id": REF, "starts_at": STARTS, "ends_at": ENDS, "is_free": True}
HELD = {
    "id": REF, "patient_ref": REF, "state": "held", "starts_at": STARTS, "ends_at": ENDS,
    "held_until": "2026-03-02T02:10:00Z", "cancel_until": "2026-03-02T02:00:00Z", "clinic_id": REF, "session_id": REF,
    "slot_id": REF, "clinic": CLINIC, "department": WORDS, "doctor": DOCTOR, "title": TITLE, "room": ROOM,
    "ticket_id": None, "ticket": None, "ticket_state": None,
}  # fmt: skip
BOOKED = {**HELD, "state": "booked", "held_until": None}
RELEASED = {**HELD, "state": "released", "held_until": None}
CANCELLED = {**BOOKED, "state": "cancelled"}
ISSUED = {"ticket_id": REF, "ticket": "A001", "appointment_id": REF, "patient_ref": REF, "is_new": True}
TICKET = {
    "id": REF, "ticket": "A004", "state": "waiting", "patient_ref": REF, "appointment_id": REF, "clinic": CLINIC,
    "department": WORDS, "doctor": DOCTOR, "room": ROOM, "passes": 0, "calls": 0, "starts_at": STARTS,
    "checked_in_at": "2026-03-02T02:05:00Z", "called_at": None, "before": 2, "now_calling": ["A001"],
    "wait": {"low": 15, "high": 25}, "priority": None, "overtaken": [{"priority": "elder", "count": 1}], "origin": "",
    "late_minutes": 0,
}  # fmt: skip
LEFT = {**TICKET, "state": "left", "before": None, "wait": None, "overtaken": []}
IN_LINE = {
    "id": REF, "patient_ref": REF, "state": "offered", "day_on": "2026-03-02", "department": WORDS, "doctor": DOCTOR,
    "ahead": 0, "appointment_id": REF, "starts_at": STARTS, "offered_until": "2026-03-02T02:10:00Z",
}  # fmt: skip
NOT_IN_LINE = {**IN_LINE, "state": "left", "appointment_id": None, "starts_at": None, "offered_until": None}
MOVE = {
    "id": REF, "patient_ref": REF, "appointment_id": REF, "state": "open", "reason": "equipment", "was_at": STARTS,
    "from_doctor": DOCTOR, "to_at": ENDS, "to_doctor": DOCTOR, "to_title": TITLE, "to_room": ROOM,
    "until_at": "2026-03-02T02:10:00Z", "is_in_line": False, "is_same_rank": True, "may_accept": True, "ticket": None,
}  # fmt: skip
RECEIPT_LINE = {
    "id": EVENT, "at": STARTS, "type": "appointment.checked_in", "side": "act", "subject": REF, "is_mine": True,
    "actor_kind": "patient", "role": "patient", "who_zh": "", "who_en": "",
    "detail": {"ticket": "A001", "method": "venue"}, "purpose": "", "reason": "", "state": "sealed",
}  # fmt: skip
RECEIPT_PAGE = {"receipts": [RECEIPT_LINE], "next": None}
RECEIPT = {"receipt": RECEIPT_LINE, "tlog_proof": "c2sp.org/tlog-proof@v1\nextra …\nindex 7\n…\n"}
DESCRIPTION = {"openapi": "3.1.0", "info": {"title": "Mingzhen 明诊", "version": "1"}, "paths": {}}
