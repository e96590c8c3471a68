"""Without a mirror: the log is frozen, a new origin binds it, old receipts verify for ever, everything else goes on."""

import base64

import pytest
from sqlalchemy.exc import DatabaseError

from ledger.__main__ import main
from ledger.audit import audit_log
from ledger.errors import RefusedToStart, VerificationError
from ledger.merkle import verify_consistency
from ledger.note import SigningKey
from ledger.notice import detail_of
from ledger.reader import LogReader
from ledger.receipt import format_extra, parse_receipt, verify_receipt
from ledger.stores.engine import recording, sqlite
from ledger.stores.notices import published_notices
from ledger.stores.sql import SQLStore, add_pending
from ledger.stores.succession import DatabaseSuccession, frozen_logs, prefix_of
from ledger.succeed import SuccessionRefused, succeed
from tests.ledger.test_audit_of_our_log import Served
from tests.ledger.test_heal import place, restored  # noqa: F401 (a fixture)
from tests.ledger.workbench import KEY, ORIGIN, Log, event

NEW = SigningKey("log.hospital.example/2027", bytes(range(1, 33)))
ID = "01a00000-0000-7000-8000-000000000000"


def succeed_it(log, **changes):
    options = {"reason": "restored", "event_id": ID, "at_ms": log.now_ms + 5} | changes
    return succeed(DatabaseSuccession(log.engine), log.head, NEW.verifier_key, **options)


def go_on(log):
    """Start the sequencer of the new log and take everything in."""
    sequencer = log.start(key=NEW, origin=NEW.name)
    while sequencer.round():
        pass
    return sequencer


def test_refused_then_succeeded_then_on_with_every_event_and_every_old_receipt(place):  # noqa: F811
    log = restored(place, 30, [40], waiting=5)
    head = log.head.read()
    with pytest.raises(RefusedToStart) as refused:
        log.start()
    assert "python -m ledger succeed" in refused.value.way_out

    done = succeed_it(log)
    assert (done.old_origin, done.old_size, done.old_root) == (ORIGIN, head.size, head.root)
    with pytest.raises(RefusedToStart, match="this is the log"):
        log.start()  # the old one, with the old key, never again
    sequencer = go_on(log)

    # The first entry binds the old checkpoint, and everybody may read it.
    (first,) = published_notices(log.engine).values()
    bound = verify_receipt(first, NEW.verifier_key)
    assert bound.index == 0
    detail = detail_of(bound, "log.succeeded")
    assert (detail["old_origin"], detail["old_size"]) == (ORIGIN, head.size)
    assert base64.b64decode(str(detail["old_root"])) == head.root

    # Every event that is here has its place in the new log, once, in the old order; nothing else has.
    entries = log.store.entries(0, log.store.load_tree().size)
    assert entries[1:] == [event(number).entry for number in range(35)]
    with recording(log.engine) as connection:
        add_pending(connection, event(1000).entry, log.now_ms)
    assert sequencer.round() == 1
    assert audit_log(Served(LogReader(log.store)), NEW.verifier_key).checkpoint.size == 37
    it = event(7)
    again = LogReader(log.store).receipt_for(it.entry, format_extra(it))
    assert verify_receipt(again.encode(), NEW.verifier_key).index == 8

    # Receipts from before verify against the old key, those of lost events too; not against the new one.
    assert log.receipts
    for receipt in log.receipts.values():
        assert verify_receipt(receipt.encode(), KEY.verifier_key).size <= detail["old_size"]
        with pytest.raises(VerificationError):
            verify_receipt(receipt.encode(), NEW.verifier_key)
    log.close()


def test_the_frozen_log_stays_readable_and_nothing_in_it_ever_changes(place):  # noqa: F811
    log = restored(place, 300, [40])
    succeed_it(log)
    go_on(log)
    assert frozen_logs(log.engine) == [1]
    frozen = LogReader(SQLStore(log.engine, prefix=prefix_of(1)))
    assert audit_log(Served(frozen), KEY.verifier_key).checkpoint.size == 300
    connection = sqlite.connect(log.folder / "hospital.db")
    for name in ("entry", "tile", "edge", "tree", "checkpoint"):
        table = f"{prefix_of(1)}ledger_{name}"
        for act in (f"DELETE FROM {table}", f"INSERT INTO {table} SELECT * FROM {table}"):
            with pytest.raises((DatabaseError, sqlite.DatabaseError), match="frozen"):
                connection.execute(act)
    connection.close()
    log.close()


def test_a_successor_can_be_succeeded(place):  # noqa: F811
    log = restored(place, 3, [4])
    succeed_it(log)
    go_on(log)
    third = SigningKey("log.hospital.example/2028", bytes(range(2, 34)))
    done = succeed(DatabaseSuccession(log.engine), log.head, third.verifier_key, "key-lost", ID, log.now_ms)
    assert (done.old_origin, done.old_size) == (NEW.name, 4)
    sequencer = log.start(key=third, origin=third.name)
    assert sequencer.round() == 4
    assert frozen_logs(log.engine) == [1, 2]
    log.close()


class Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["after the database", "after the old head is kept"])
def test_killed_between_its_steps_neither_log_signs_and_the_same_command_goes_on(place, monkeypatch, where):  # noqa: F811
    log = restored(place, 10, [20])
    head = log.head.read()
    target = "replace_file" if where == "after the database" else "sync_folder"

    def die(*_arguments):
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(f"ledger.succeed.{target}", die)
        succeed_it(log)
    for parts in ({}, {"key": NEW, "origin": NEW.name}):
        with pytest.raises(RefusedToStart):
            log.start(**parts)
    assert succeed_it(log).old_size == head.size
    go_on(log)
    assert succeed_it(log).old_size == head.size  # once more changes nothing
    assert log.store.load_tree().size == 11
    log.close()


def test_when_the_head_is_lost_what_the_database_holds_is_bound(place):  # noqa: F811
    log = Log(place / "log")
    log.grow(12)
    root = log.store.load_tree().root
    log.head.path.unlink()
    with pytest.raises(RefusedToStart, match="the head is missing"):
        log.start()
    done = succeed_it(log, reason="head-lost")
    assert (done.old_size, done.old_root) == (12, root)
    go_on(log)
    log.close()


def test_after_a_compromise_the_log_is_frozen_at_a_witnessed_size_and_what_the_thief_signed_lies_outside(place):  # noqa: F811
    """The key is out: whatever was signed after the checkpoint that witnesses hold may be the thief's."""
    log = Log(place / "log")
    log.grow(20)
    witnessed = log.published()
    log.grow(15)
    done = succeed_it(log, reason="key-compromised", frozen_at=witnessed)
    assert (done.old_size, done.old_root) == (20, witnessed.root)
    go_on(log)

    (first,) = published_notices(log.engine).values()
    detail = detail_of(verify_receipt(first, NEW.verifier_key), "log.succeeded")
    frozen = LogReader(SQLStore(log.engine, prefix=prefix_of(1)))
    inside, outside = log.receipts[19], log.receipts[34]
    early = verify_receipt(inside.encode(), KEY.verifier_key)
    path = frozen.consistency_proof(early.size, int(str(detail["old_size"])))
    verify_consistency(early.size, early.checkpoint.root, 20, witnessed.root, path)  # a receipt within is bound
    assert verify_receipt(outside.encode(), KEY.verifier_key).size > int(str(detail["old_size"]))
    # and the events of those after it have their place in the new log all the same
    assert log.store.index_of(event(34).entry) == 35
    log.close()


def test_what_is_not_this_log_is_not_bound(place):  # noqa: F811
    log = Log(place / "log")
    log.grow(9)
    wrong = log.published()
    with pytest.raises(SuccessionRefused, match="another root for 9"):
        succeed_it(log, frozen_at=type(wrong)(wrong.origin, 9, bytes(32)))
    with pytest.raises(SuccessionRefused, match="is of elsewhere"):
        succeed_it(log, frozen_at=type(wrong)("elsewhere", 9, wrong.root))
    with pytest.raises(SuccessionRefused, match="needs another name"):
        succeed(DatabaseSuccession(log.engine), log.head, KEY.verifier_key, "restored", ID, 0)
    assert frozen_logs(log.engine) == []
    assert log.start().round() == 0
    log.close()


def test_the_command_ends_one_log_begins_another_and_lists_both_keys(place, capsys):  # noqa: F811
    log = restored(place, 3, [4])
    keys, private = place / "keys", place / "old.key"
    keys.write_text(KEY.verifier_key.format() + "\n")
    private.write_text(KEY.format() + "\n")
    settings = [
        "--old-key",
        str(private),
        "--database",
        f"sqlite:///{log.folder}/hospital.db",
        "--head",
        str(log.folder / "head"),
        "--keys",
        str(keys),
    ]
    assert main(["succeed", "--to", NEW.verifier_key.format(), "--reason", "restored", *settings]) == 0
    said = capsys.readouterr().out
    assert f"{ORIGIN} is frozen at 7 entries" in said
    assert "LEDGER_ORIGIN" in said
    assert keys.read_text().split() == [NEW.verifier_key.format(), KEY.verifier_key.format()]
    assert main(["succeed", "--to", NEW.verifier_key.format(), "--reason", "restored", *settings]) == 0
    assert keys.read_text().split() == [NEW.verifier_key.format(), KEY.verifier_key.format()]
    go_on(log)
    assert parse_receipt(published_notices(log.engine)["notices/0.tlog-proof"]).index == 0
    log.close()
