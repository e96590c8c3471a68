"""The log's own tables: the entries in their order make the tree's root, and that of the newest checkpoint, which is signed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from app.services.audit_findings import Finding
from ledger.checkpoint import open_checkpoint
from ledger.errors import MalformedError, VerificationError
from ledger.merkle import leaf_hash
from ledger.note import VerifierKey
from ledger.tiles import RightEdge

_TREE = text("SELECT size, root FROM ledger_tree")
_NEWEST = text("SELECT size, note FROM ledger_checkpoint ORDER BY size DESC LIMIT 1")
_ENTRIES = text("SELECT idx, entry FROM ledger_entry WHERE idx >= :start AND idx < :stop ORDER BY idx")
CHUNK = 8192


def check(connection: Connection, keys: Sequence[VerifierKey], origin: str) -> list[Finding]:
    """Return what is wrong with the tree; only its right edge is kept in memory, so that any log can be checked."""
    tree = connection.execute(_TREE).first()
    newest = connection.execute(_NEWEST).first()
    size, root = (int(tree.size), bytes(tree.root)) if tree else (0, RightEdge.EMPTY.root())
    signed_at = int(newest.size) if newest else 0
    findings, edge, at_newest = [], RightEdge.EMPTY, RightEdge.EMPTY.root()
    for end in sorted({*range(CHUNK, size, CHUNK), *([signed_at] if signed_at <= size else []), size} - {0}):
        rows = connection.execute(_ENTRIES, {"start": edge.size, "stop": end}).all()
        if len(rows) != end - edge.size:
            here = {row.idx for row in rows}
            findings.append(Finding("log.leaf", index=next(i for i in range(edge.size, end) if i not in here)))
            return findings
        edge, _ = edge.append([leaf_hash(row.entry) for row in rows])
        if end == signed_at:
            at_newest = edge.root()
    if edge.root() != root:
        findings.append(Finding("log.root", index=size))
    if newest is None:
        return [*findings, Finding("log.checkpoint", index=0)] if size else findings
    if signed_at > size or not any(_is_signed(newest.note, key, origin, signed_at, at_newest) for key in keys):
        findings.append(Finding("log.checkpoint", index=signed_at))
    return findings


def _is_signed(note: str, key: VerifierKey, origin: str, size: int, root: bytes) -> bool:
    try:
        checkpoint = open_checkpoint(note.encode(), key, origin)
    except (MalformedError, VerificationError):
        return False
    return checkpoint.size == size and checkpoint.root == root
