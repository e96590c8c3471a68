"""A log that ended says with its own key who goes on: holders of the old key find the new one, and nobody else can say it."""

import pytest

from ledger.audit import audit_log
from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.errors import LedgerError, MalformedCheckpoint, MalformedNote, VerificationError
from ledger.monitor import Memory, Monitor
from ledger.note import SigningKey, format_note, parse_note
from ledger.notice import detail_of, public_opening
from ledger.receipt import format_extra, verify_receipt
from ledger.source import FolderSource
from ledger.stores.engine import recording
from ledger.stores.notices import add_notice, published_notices, tell_notice
from ledger.stores.sql import add_pending
from ledger.stores.succession import DatabaseSuccession, ended_logs, prefix_of, published_keys
from ledger.succeed import SuccessionRefused, succeed
from ledger.successor import SUCCESSOR, Successor, is_address, sign_successor, verify_successor
from tests.ledger.made import LOG, sign, write_log
from tests.ledger.test_heal import place, restored  # noqa: F401 (a fixture)
from tests.ledger.test_monitor import leaves, put_notice, receipt_in, watch
from tests.ledger.workbench import KEY, Log

NEW = SigningKey("log.example/two", b"\x08" * 32)
THIEF = SigningKey(LOG.name, b"\x66" * 32)
ROOT = bytes(range(32))
WHERE = "https://hospital.example/ledger/"
SAID = Successor(Checkpoint(LOG.name, 10, ROOT), NEW.verifier_key, "restored", WHERE)
ID = "01a00000-0000-7000-8000-000000000000"


def said_of(entries, size=None):
    checkpoint = parse_checkpoint(parse_note(sign(entries).encode()).text)
    return Successor(
        Checkpoint(LOG.name, size or checkpoint.size, checkpoint.root), NEW.verifier_key, "restored", WHERE
    )


@pytest.mark.parametrize("address", ["", WHERE])
def test_what_is_signed_is_read_back(address):
    said = Successor(SAID.old, SAID.key, "head-lost", address)
    assert verify_successor(sign_successor(said, LOG).encode(), [LOG.verifier_key]) == said


def test_a_page_is_enough_to_write_it():
    """What docs/log-format.md says, without anything of ours but the signature."""
    text = sign_successor(SAID, LOG).split("\n\n")[0]
    assert text.split("\n") == [
        "mingzhen.successor.v1",
        "old log.example/one",
        "size 10",
        "root AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        f"new {NEW.verifier_key.format()}",
        "reason restored",
        "address https://hospital.example/ledger/",
    ]


def test_every_changed_bit_is_refused():
    good = sign_successor(SAID, LOG).encode()
    for place_in in range(len(good)):
        for bit in range(8):
            changed = bytearray(good)
            changed[place_in] ^= 1 << bit
            with pytest.raises(LedgerError):
                verify_successor(bytes(changed), [LOG.verifier_key])


def test_the_key_of_the_new_log_or_of_anybody_else_cannot_say_it():
    for signer in (NEW, THIEF):
        with pytest.raises(VerificationError):
            verify_successor(sign_successor(SAID, signer).encode(), [LOG.verifier_key])
    with pytest.raises(VerificationError):  # a key that is held, of a log that is not the one
        verify_successor(sign_successor(SAID, NEW).encode(), [LOG.verifier_key, NEW.verifier_key])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size 10", "size 010"),
        ("size 10", "size -1"),
        ("reason restored", "reason Because"),
        ("reason restored\n", ""),
        ("address https", "address ftp"),
        (f"address {WHERE}\n", f"address {WHERE}\naddress {WHERE}\n"),
        (f"address {WHERE}\n", f"address {WHERE}\nmore x\n"),
        ("root AAEC", "root AAE"),
        ("mingzhen.successor.v1", "mingzhen.successor.v2"),
        ("size 10\nroot", "root"),
        ("old log.example/one", "old  log.example/one"),
    ],
)
def test_other_spellings_are_refused_even_signed(old, new):
    text = sign_successor(SAID, LOG).split("\n\n")[0] + "\n"
    assert old in text
    changed = text.replace(old, new)
    note = format_note(changed, [LOG.sign(changed)])
    with pytest.raises((MalformedNote, VerificationError)):
        verify_successor(note.encode(), [LOG.verifier_key])


def test_it_can_never_be_taken_for_a_checkpoint_nor_a_checkpoint_for_it():
    with pytest.raises(MalformedCheckpoint):
        parse_checkpoint(parse_note(sign_successor(SAID, LOG).encode()).text)
    with pytest.raises(MalformedNote):
        verify_successor(sign(leaves(3)).encode(), [LOG.verifier_key])


@pytest.mark.parametrize(
    "text", ["", "hospital.example", "javascript:alert(1)", "https://", "https://a b", "https://a\nb", "https://é"]
)
def test_what_is_no_address_is_refused(text):
    assert not is_address(text)
    with pytest.raises(ValueError, match="not an address"):
        sign_successor(Successor(SAID.old, SAID.key, "restored", text or " "), LOG)


def test_succeeding_signs_it_into_the_first_entry_and_lists_it_with_the_keys(place):  # noqa: F811
    log = restored(place, 3, [4])
    head = log.head.read()
    done = succeed(
        DatabaseSuccession(log.engine), log.head, NEW.verifier_key, "restored", ID, log.now_ms, None, KEY, WHERE
    )
    said = verify_successor(done.successor.encode(), [KEY.verifier_key])
    assert (said.old.size, said.old.root, said.key, said.address) == (head.size, head.root, NEW.verifier_key, WHERE)
    again = succeed(DatabaseSuccession(log.engine), log.head, NEW.verifier_key, "restored", ID, log.now_ms)
    assert again.successor == done.successor

    assert log.start(key=NEW, origin=NEW.name).round() == 4
    (first,) = published_notices(log.engine).values()
    assert detail_of(verify_receipt(first, NEW.verifier_key), "log.succeeded")["successor"] == done.successor
    (ended,) = ended_logs(log.engine)
    assert (ended.origin, ended.size, ended.old_size, ended.goes_on) == (KEY.name, 3, 7, NEW.name)
    keys = published_keys(log.engine, [NEW.verifier_key, KEY.verifier_key]).decode().split("\n")
    assert keys[:2] == [NEW.verifier_key.format(), KEY.verifier_key.format()]
    assert keys[2] == f"# {KEY.name} ended at 7 entries; {NEW.name} goes on: frozen/1/successor"
    log.close()


def test_what_the_old_log_said_about_itself_stays_under_its_own_key(place):  # noqa: F811
    log = Log(place / "log")
    log.grow(3)
    with recording(log.engine) as connection:
        told = public_opening(ID, "2026-11-22T08:00:00.000Z", "log.healed", {"from": 1, "to": 2, "lost": 1})
        number = add_notice(connection, "log.healed", "ready", 1, {"from": 1, "to": 2, "lost": 1})
        tell_notice(connection, number, told.entry, format_extra(told))
        add_pending(connection, told.entry, log.now_ms)
    assert log.start().round() == 1
    before = published_notices(log.engine)
    succeed(DatabaseSuccession(log.engine), log.head, NEW.verifier_key, "restored", ID, log.now_ms, None, KEY)
    log.start(key=NEW, origin=NEW.name).round()
    assert published_notices(log.engine, prefix_of(1)) == before
    (said,) = before.values()
    assert detail_of(verify_receipt(said, KEY.verifier_key), "log.healed")["lost"] == 1
    assert len(published_notices(log.engine)) == 2
    log.close()


@pytest.mark.parametrize(("signer", "reason"), [(NEW, "restored"), (KEY, "key-compromised"), (KEY, "key-lost")])
def test_a_key_of_another_log_or_one_that_a_thief_may_have_signs_nothing(place, signer, reason):  # noqa: F811
    log = restored(place, 3, [4])
    with pytest.raises(SuccessionRefused):
        succeed(DatabaseSuccession(log.engine), log.head, NEW.verifier_key, reason, ID, 1, None, signer)
    assert ended_logs(log.engine) == []
    log.close()


# What a monitor makes of it


def test_a_monitor_of_a_copy_of_the_old_log_is_told_who_goes_on_and_watches_on(tmp_path):
    write_log(tmp_path, leaves(10))
    monitor = watch(tmp_path)
    assert monitor.round(1) == []
    note = sign_successor(said_of(leaves(10)), LOG).encode()
    (tmp_path / SUCCESSOR).write_bytes(note)
    (alarm,) = monitor.round(2)
    assert (alarm.kind, alarm.evidence[0]) == ("succeeded", note)
    assert NEW.verifier_key.format() in alarm.text and WHERE in alarm.text and "signed by the key pinned" in alarm.text
    assert audit_log(FolderSource(tmp_path), LOG.verifier_key).checkpoint.size == 10


def test_a_log_that_ends_before_what_it_had_signed_is_a_rollback(tmp_path):
    write_log(tmp_path, leaves(10))
    monitor = watch(tmp_path)
    monitor.round(1)
    (tmp_path / SUCCESSOR).write_text(sign_successor(said_of(leaves(6)), LOG))
    (alarm,) = monitor.round(2)
    assert (alarm.kind, len(alarm.evidence)) == ("rollback", 2)
    (tmp_path / SUCCESSOR).write_text(sign_successor(said_of(leaves(10, salt=4)), LOG))  # as long, another past
    assert [alarm.kind for alarm in monitor.round(3)] == ["rollback"]


def test_a_note_by_another_key_is_an_alarm_of_its_own(tmp_path):
    write_log(tmp_path, leaves(10))
    monitor = watch(tmp_path)
    (tmp_path / SUCCESSOR).write_text(sign_successor(said_of(leaves(10)), THIEF))
    (alarm,) = monitor.round(1)
    assert alarm.kind == "key"


@pytest.mark.parametrize(("bound", "kind"), [(10, "succeeded"), (12, "succeeded"), (9, "rollback")])
def test_where_the_new_log_took_the_old_ones_address_its_first_entry_brings_the_old_keys_word(tmp_path, bound, kind):
    write_log(tmp_path, leaves(10))
    monitor = watch(tmp_path)
    monitor.round(1)
    note = sign_successor(said_of(leaves(bound)), LOG)
    said = {"old_origin": LOG.name, "old_size": bound, "old_root": "x", "reason": "restored", "successor": note}
    opening = public_opening(ID, "2026-11-22T08:00:00.000Z", "log.succeeded", said)
    write_log(tmp_path, [opening.entry, *leaves(3)], NEW)
    put_notice(tmp_path, receipt_in(opening, 0, [opening.entry, *leaves(3)], NEW))
    (tmp_path / "keys").write_text(f"{NEW.verifier_key.format()}\n{LOG.verifier_key.format()}\n# a comment\n")
    (alarm,) = monitor.round(2)
    assert alarm.kind == kind
    assert "signed by the key pinned" in alarm.text and WHERE in alarm.text
    assert alarm.evidence[-1] == note.encode()

    forged = Monitor(FolderSource(tmp_path), Memory((THIEF.verifier_key,)))  # somebody who pinned another key
    assert ["signed by the key pinned" in alarm.text for alarm in forged.round(3)] == [False]
