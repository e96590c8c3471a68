"""Looking up: the record, each opening a disclosure (A4), and receipts with their proofs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.domain.errors import NotAllowed
from app.services import people, receipts
from app.services import records as record
from app.services.receipts import ReceiptLine
from app.web.api import answers, bp, examples, forms
from app.web.api.operation import answer, operation, plain
from app.web.disclosing import disclosing
from app.web.house import house
from app.web.login import bearer_required
from app.web.sealing import states_of
from app.web.transaction import act, current_actor, data, reading
from ledger.errors import NotInLog


@bp.get("/records")
@bearer_required
@operation(list[answers.PersonRecords], [examples.PERSON_RECORDS])
def records() -> Any:
    """The visits of the account's people. A person whose record is not open to this account is left out."""
    actor, now = current_actor(), house().clock()
    found = []
    with reading() as session:
        for link in people.links_of(session, str(actor.ref)):
            if not link.is_active:
                continue
            try:
                visits = record.list_visits(session, actor, link.patient_ref, now)
            except NotAllowed:
                continue
            found.append({"patient_ref": link.patient_ref, "visits": visits})
    return answer(list[answers.PersonRecords], found)


@bp.get("/records/<visit_id>")
@bearer_required
@disclosing
@operation(answers.Visit, examples.VISIT)
def visit_record(visit_id: str) -> Any:
    """Open one visit. The opening is committed before the first byte of this answer, which carries its receipt."""
    with act() as a:
        opened = record.open_visit(a.session, a.actor, visit_id, a.now)
        a.answer = data(plain(answers.Visit, opened))
    return a.sealed()


@bp.get("/receipts", endpoint="receipts")
@bearer_required
@operation(answers.ReceiptPage, examples.RECEIPT_PAGE, asks=forms.ReceiptsQuery)
def list_receipts(query: forms.ReceiptsQuery) -> Any:
    """The account's receipts, newest first: its acts, or others' looks."""
    with reading() as session:
        lines, earlier = receipts.page_of(session, current_actor(), query.side, house().clock(), before=query.before)
    return answer(answers.ReceiptPage, {"receipts": _with_states(lines), "next": earlier})


@bp.get("/receipts/<event_id>")
@bearer_required
@operation(answers.Receipt, examples.RECEIPT, asks=forms.ReceiptQuery)
def receipt(event_id: str, query: forms.ReceiptQuery) -> Any:
    """One receipt with its proof, as the file to keep (`form=me`) or the one to show to others (`form=show`)."""
    actor, now = current_actor(), house().clock()
    with reading() as session:
        line = receipts.one(session, actor, event_id, now)
        entry, extra = receipts.extra_of(session, actor, event_id, now, form=query.form)
    try:
        proof, state = house().log.receipt_with_state(entry, extra)
    except NotInLog:
        proof, state = None, "pending"
    shown = {**_shown(line), "state": state}
    return answer(answers.Receipt, {"receipt": shown, "tlog_proof": proof})


def _with_states(lines: list[ReceiptLine]) -> list[dict[str, Any]]:
    states = states_of([line.entry for line in lines])
    return [{**_shown(line), "state": state} for line, state in zip(lines, states, strict=True)]


def _shown(line: ReceiptLine) -> dict[str, Any]:
    return {name: value for name, value in asdict(line).items() if name != "entry"}
