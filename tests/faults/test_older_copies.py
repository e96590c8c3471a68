"""F12, F13: database, head, or both put back from an older copy."""

import shutil

import pytest

from ledger.audit import audit_log
from ledger.checkpoint import open_checkpoint
from ledger.errors import NotInLog, RefusedToStart, VerificationError
from ledger.merkle import verify_consistency
from ledger.reader import LogReader
from ledger.receipt import parse_receipt, verify_receipt
from tests.ledger.test_audit_of_our_log import Served
from tests.ledger.workbench import KEY, Log

FILES = {"database": ["hospital.db"], "head": ["head"], "both": ["hospital.db", "head"]}


def grown_and_put_back(folder, what, rounds):
    """Return a log of 254 entries that grew by `rounds` more rounds, `what` of which was then put back."""
    folder.mkdir()
    log = Log(folder).grow(254)
    log.close()  # and with it the write-ahead log, so that the copy is whole
    shutil.copytree(folder, folder.with_name("copy"))
    for _ in range(rounds):
        log.grow(10)
    log.hand_out([260])
    log.seen = audit_log(Served(LogReader(log.store)), KEY.verifier_key)
    log.close()
    for name in FILES[what]:
        shutil.copy(folder.with_name("copy") / name, folder / name)
    return log


@pytest.mark.parametrize(
    ("what", "rounds", "why"),
    [
        ("database", 1, "the database only at 254"),
        ("database", 3, "the database only at 254"),
        ("head", 3, "not one round after the head"),
    ],
)
def test_an_older_copy_is_refused_and_nothing_is_signed(tmp_path, what, rounds, why):
    log = grown_and_put_back(tmp_path / "log", what, rounds)
    signed = list(log.key.signed)
    with pytest.raises(RefusedToStart, match=why):
        log.start()
    assert log.key.signed == signed
    log.close()


def test_a_head_that_is_one_round_old_is_the_trace_of_a_round_cut_short_and_is_finished(tmp_path):
    log = grown_and_put_back(tmp_path / "log", "head", 1)
    log.grow(1)
    log.check()
    log.close()


def test_database_and_head_put_back_together_are_told_by_any_receipt_and_by_whoever_audited(tmp_path):
    """Nothing on this machine can know (I8): the threat model says so. Outside, everybody who kept something does."""
    log = grown_and_put_back(tmp_path / "log", "both", 1)
    receipt = log.receipts[260].encode()
    verify_receipt(receipt, KEY.verifier_key)  # it does so for ever, whatever became of the log
    old = open_checkpoint(parse_receipt(receipt).checkpoint.encode(), KEY.verifier_key)
    reader = LogReader(log.store)

    # Shorter than before: no proof leads from the receipt's checkpoint to the log, and an audit calls it a rollback.
    with pytest.raises(NotInLog):
        reader.consistency_proof(old.size)
    with pytest.raises(VerificationError) as found:
        audit_log(Served(reader), KEY.verifier_key, log.seen)
    assert found.value.step == "rollback"

    # Grown past it with other entries: the log now contradicts itself, and both signed notes prove it.
    log.asked = {number: serial for number, serial in log.asked.items() if serial <= 254}
    log.asked |= {1000 + number: 0 for number in range(10)}  # other people come
    log.grow(30)
    published = log.published()
    with pytest.raises(VerificationError):
        verify_consistency(old.size, old.root, published.size, published.root, reader.consistency_proof(old.size))
    with pytest.raises(VerificationError) as found:
        audit_log(Served(reader), KEY.verifier_key, log.seen)
    assert found.value.step == "history"
    assert found.value.facts["old_note"] and found.value.facts["new_note"]
    log.close()
