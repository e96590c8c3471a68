"""Packing what people take away: one section of one archive a round, read without holding anybody up, stored in short acts.

What is in hand is a part of an archive at a time, whatever the record holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from itertools import chain

from app.domain.errors import NotAllowed, NotFound
from app.domain.fhir.write import Frame
from app.domain.fhir.write_bundle import collection_in_pieces
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
        is_wanted = _pack(house, takeout_id, done, _section(house, takeout_id, takeout.SECTIONS[done], now))
    except (NotFound, NotAllowed):  # the account may not see this record any more
        with house.writing_session() as session:
            takeout.finish(session, takeout_id, now, is_whole=False)
        return 1
    if is_wanted and done + 1 == len(takeout.SECTIONS):
        with house.writing_session() as session:
            takeout.finish(session, takeout_id, now)
    return 1


def _pack(house: House, takeout_id: str, section: int, files: Iterable[tuple[str, Iterable[bytes]]]) -> bool:
    """Store the files of a section, by name and bytes in pieces; False where the archive is not wanted any more."""
    with house.writing_session() as session:
        takeout.begin_section(session, takeout_id, section)
    digests: dict[str, str] = {}
    held: dict[str, bytearray] = {}
    number = size = 0

    def put() -> bool:
        with house.writing_session() as session:
            return takeout.store(session, takeout_id, section, number, held)

    for name, pieces in files:
        digest = sha256()
        for data in pieces:
            digest.update(data)
            held.setdefault(name, bytearray()).extend(data)
            size += len(data)
            if size >= takeout.PART_BYTES:
                if not put():
                    return False
                held, size, number = {}, 0, number + 1
        digests[name] = digest.hexdigest()
    if held and not put():
        return False
    with house.writing_session() as session:
        return takeout.end_section(session, takeout_id, section, digests)


def _section(house: House, takeout_id: str, section: str, now: datetime) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield name and bytes, in pieces, of each file of a section; each is to be read before the next."""
    frame = Frame(f"{house.settings.public_url or 'http://127.0.0.1'}/fhir/R4", house.settings.ledger_origin)
    with house.reading_session() as session:
        actor, patient_ref = takeout.reader_of(session, takeout_id)
        if section == "documents":
            for name, data in takeout.documents(session, actor, patient_ref, now):
                yield name, (data[at : at + takeout.PART_BYTES] for at in range(0, len(data), takeout.PART_BYTES))
            return
        if section != "receipts":
            resources = takeout.resources(session, actor, patient_ref, frame, section, now)
            first = next(resources, None)
            if first is not None:
                pieces = collection_in_pieces(frame, chain([first], resources))
                yield f"fhir/{section}.json", (piece.encode() for piece in pieces)
            return
        ids = takeout.events_of(session, patient_ref)
    for start in range(0, len(ids), RECEIPTS_AT_ONCE):
        with house.reading_session() as session:
            for event_id in ids[start : start + RECEIPTS_AT_ONCE]:
                try:
                    entry, extra = receipts.extra_of(session, actor, event_id, now)
                    file, _state = house.log.receipt_with_state(entry, extra)
                except (NotInLog, NotFound):  # not sealed yet, or before the account's link reaches
                    continue
                yield f"receipts/{event_id}.tlog-proof", [file.encode()]
