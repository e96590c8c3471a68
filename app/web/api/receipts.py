"""Receipts with their proofs, as the account has them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.services import receipts
from app.services.receipts import ReceiptLine
from app.web.api import answers, bp, examples, forms
from app.web.api.operation import answer, operation
from app.web.house import house
from app.web.login import bearer_required
from app.web.sealing import states_of
from app.web.transaction import current_actor, reading
from ledger.errors import NotInLog


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
    return {name: value for name, value in asdict(line).items() if name not in ("entry", "contents")}
