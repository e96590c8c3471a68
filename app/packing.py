"""Packing what people take away: one section of one archive a round, read without holding anybody up, stored in a short act."""

from __future__ import annotations

from datetime import datetime

from app.domain.errors import NotAllowed, NotFound
from app.domain.fhir.write import Frame
from app.domain.fhir.write_bundle import to_json, write_collection
from app.services import receipts, takeout
from app.web.house import House
from ledger.errors import NotInLog

RECEIPTS_AT_ONCE = 200


def work(house: House) -> int:
    """Pack the next section of the oldest archive that waits; return 1 where there was one, or something to take away."""
    now = house.clock()
    with house.reading_session() as session:
        found, is_over = takeout.next_asked(session, now), bool(takeout.over(session, now))
    if is_over:
        with house.writing_session() as session:
            takeout.expire(session, now)
    if found is None:
        return int(is_over)
    takeout_id, done = found
    try:
        files = _section(house, takeout_id, takeout.SECTIONS[done], now)
    except (NotFound, NotAllowed):  # the account may not see this record any more
        with house.writing_session() as session:
            takeout.finish(session, takeout_id, now, is_whole=False)
        return 1
    with house.writing_session() as session:
        takeout.store(session, takeout_id, files, done + 1)
        if done + 1 == len(takeout.SECTIONS):
            session.flush()
            takeout.finish(session, takeout_id, now)
    return 1


def _section(house: House, takeout_id: str, section: str, now: datetime) -> dict[str, bytes]:
    frame = Frame(f"{house.settings.public_url or 'http://127.0.0.1'}/fhir/R4", house.settings.ledger_origin)
    with house.reading_session() as session:
        actor, patient_ref = takeout.reader_of(session, takeout_id)
        if section == "documents":
            return dict(takeout.documents(session, actor, patient_ref, now))
        if section != "receipts":
            resources = takeout.resources(session, actor, patient_ref, frame, section, now)
            bundle = write_collection(frame, resources)
            return {f"fhir/{section}.json": to_json(bundle).encode()} if resources else {}
        ids = takeout.events_of(session, patient_ref)
    files: dict[str, bytes] = {}
    for start in range(0, len(ids), RECEIPTS_AT_ONCE):
        with house.reading_session() as session:
            for event_id in ids[start : start + RECEIPTS_AT_ONCE]:
                try:
                    entry, extra = receipts.extra_of(session, actor, event_id, now)
                    file, _state = house.log.receipt_with_state(entry, extra)
                except (NotInLog, NotFound):  # not sealed yet, or before the account's link reaches
                    continue
                files[f"receipts/{event_id}.tlog-proof"] = file.encode()
    return files
