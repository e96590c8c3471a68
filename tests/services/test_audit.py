"""The audit both ways: a sound hospital is sound, and whatever an owner of the database does to it is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app import audit as command
from app import create_app
from app.audit import Auditor, said
from app.domain.actor import SYSTEM
from app.models import Appointment, Base, Bound
from app.services import audit_events, audit_rows, audit_spool, events
from app.services.audit_findings import WORDS
from app.services.audit_kinds import BY_TABLE, KINDS, MODELS
from app.services.sealing import seal_again
from ledger.stores.engine import recording
from tests.conftest import Clock, sequencer_in, settings_in
from tests.fixtures_visit import build_ward
from tests.sealed import until_sealed


@dataclass
class Owner:
    """Somebody who owns the database file, and neither keys nor the application."""

    house: Any

    @contextmanager
    def at_work(self) -> Iterator[Any]:
        with recording(self.house.engine) as connection:
            for table in ("ledger_entry", "ledger_tree", "ledger_checkpoint", "ledger_tile"):
                for what in ("delete", "update"):
                    connection.execute(text(f"DROP TRIGGER IF EXISTS tr_{table}_{what}"))
            yield connection

    def does(self, sql: str, **values: Any) -> int:
        with self.at_work() as connection:
            connection.execute(text("PRAGMA defer_foreign_keys=ON"))
            return int(connection.execute(text(sql), values).rowcount)

    def asks(self, sql: str, **values: Any) -> Any:
        with self.house.reading_session() as session:
            return session.execute(text(sql), values).first()


@pytest.fixture(scope="module")
def kept(pristine, tmp_path_factory) -> Iterator[tuple[Path, Any]]:
    """A ward in which some wait and some will come, all of it in the log: made once, copied for each test."""
    var = tmp_path_factory.mktemp("audit") / "var"
    shutil.copytree(pristine, var)
    app = create_app(settings_in(var), Clock())
    ward = build_ward(app.extensions["mingzhen"](), Clock())
    with sequencer_in(var):
        ward.waiting()
        ward.booked(ward.person())
        ward.waiting(ward.pool)
        until_sealed(ward.house)
    app.extensions["mingzhen"].close()
    yield var, ward


@pytest.fixture
def var(kept, tmp_path) -> Path:
    shutil.copytree(kept[0], tmp_path / "var", ignore=shutil.ignore_patterns("*.sock"))
    return tmp_path / "var"


@pytest.fixture
def sealed_ward(kept, app) -> Iterator[Any]:
    ward, keeper = kept[1], app.extensions["mingzhen"]
    ward.house = keeper()
    yield ward
    keeper.close()


def audited(ward, **how: Any) -> dict[str, int]:
    return dict(Auditor(ward.house.settings, **how).run().findings.counts)


def found(ward) -> list[Any]:
    return Auditor(ward.house.settings).run().findings.kept


def test_a_hospital_that_nobody_touched_is_sound(sealed_ward):
    report = Auditor(sealed_ward.house.settings).run()
    assert report.findings.kept == []
    assert report.entries > 20
    assert report.rows >= 8


def test_every_bound_model_is_covered():
    assert {model.OBJECT for model in MODELS} == {
        mapper.class_.OBJECT for mapper in Base.registry.mappers if issubclass(mapper.class_, Bound)
    }
    assert len(KINDS) == len(MODELS) == len(BY_TABLE)
    # The audit builds projections from columns, without the objects: a model with a projection of its own would escape it.
    assert [m.OBJECT for m in MODELS if m.project is not Bound.project or m.clear is not Bound.clear] == []


# What the owner of the database does, and the finding that names it.
TAMPERING: dict[str, tuple[str, Callable[[Owner], Any]]] = {
    "a column of a row": ("row.edited", lambda o: o.does("UPDATE appointment SET starts_at = starts_at + 60000")),
    "a consent's purpose": ("row.edited", lambda o: o.does("UPDATE consent SET purpose = 'research'")),
    "a row taken away": ("row.deleted", lambda o: o.does("DELETE FROM consent")),
    "a row put in": (
        "row.swapped",
        lambda o: o.does(
            "INSERT INTO consent SELECT 'AAAAAAAAAAAAAAAAAAAAAA', patient_ref, account_ref, purpose, wording, given_at,"
            " withdrawn_at, version, sealed FROM consent LIMIT 1"
        ),
    ),
    "two payloads swapped": (
        "row.swapped",
        lambda o: o.does(
            "UPDATE appointment SET sealed = (SELECT b.sealed FROM appointment b WHERE b.id <> appointment.id LIMIT 1)"
        ),
    ),
    "a version counted up": ("row.swapped", lambda o: o.does("UPDATE consent SET version = version + 1")),
    "an event taken away": ("event.deleted", lambda o: _without_event(o)),
    "an event put in": ("event.inserted", lambda o: _one_more_event(o)),
    "an event's type in clear": (
        "event.relabelled",
        lambda o: o.does("UPDATE event SET type = 'consent.given' WHERE type = 'appointment.booked'"),
    ),
    "an event's instant in clear": ("event.relabelled", lambda o: o.does("UPDATE event SET at = at + 1 WHERE seq = 2")),
    "whose an event is": (
        "event.swapped",
        lambda o: o.does("UPDATE event SET subject_ref = NULL, seq = 100000 + serial WHERE type = 'appointment.booked'"),
    ),
    "an event's entry": ("event.edited", lambda o: o.does("UPDATE event SET entry = :x WHERE serial = 7", x=bytes(33))),
    "an entry of the log": ("log.root", lambda o: o.does("UPDATE ledger_entry SET entry = :x WHERE serial = 7", x=bytes(33))),
    "an entry taken out": ("log.leaf", lambda o: o.does("DELETE FROM ledger_entry WHERE idx = 3")),
    "the root": ("log.root", lambda o: o.does("UPDATE ledger_tree SET root = x'" + "00" * 32 + "'")),
    "the checkpoint": ("log.checkpoint", lambda o: o.does("UPDATE ledger_checkpoint SET note = lower(note)")),
    "the chain's head": ("chain.head", lambda o: o.does("UPDATE subject_chain SET seq = seq + 1 WHERE subject <> 'hospital'")),
    "a tombstone for a row": ("tombstone.unfounded", lambda o: _tombstone_instead_of_row(o)),
    "a tombstone for an event": ("tombstone.unfounded", lambda o: _tombstone_instead_of_event(o)),
}  # fmt: skip


def _without_event(owner: Owner) -> None:
    owner.does("DELETE FROM event WHERE type = 'appointment.booked'")


def _one_more_event(owner: Owner) -> None:
    owner.does(
        "INSERT INTO event SELECT '00000000-0000-7000-8000-000000000000', 1000000, :x, subject_ref,"
        " 1000000, at, type, side, actor_kind, actor_ref, sealed FROM event LIMIT 1",
        x=bytes(33),
    )


def _tombstone_instead_of_row(owner: Owner) -> None:
    some_event = owner.asks("SELECT id FROM event LIMIT 1").id
    owner.does("INSERT INTO erased_row SELECT 'consent.v1', id, version, :e FROM consent", e=some_event)
    owner.does("DELETE FROM consent")


def _tombstone_instead_of_event(owner: Owner) -> None:
    some_event = owner.asks("SELECT id FROM event WHERE subject_ref IS NULL LIMIT 1").id
    owner.does("INSERT INTO erased_event SELECT serial, :e FROM event WHERE type = 'appointment.booked'", e=some_event)
    owner.does("DELETE FROM event WHERE type = 'appointment.booked'")


@pytest.mark.parametrize("what", TAMPERING)
def test_what_the_owner_of_the_database_does_is_named(sealed_ward, what):
    kind, tampering = TAMPERING[what]
    tampering(Owner(sealed_ward.house))
    assert kind in audited(sealed_ward)


def test_the_row_that_was_edited_is_named_with_the_event_that_says_otherwise(sealed_ward):
    owner = Owner(sealed_ward.house)
    row = owner.asks("SELECT id, version FROM appointment LIMIT 1")
    owner.does("UPDATE appointment SET state = 'completed' WHERE id = :id", id=row.id)
    [finding] = found(sealed_ward)
    assert (finding.kind, finding.what, finding.id, finding.version) == (
        "row.edited",
        "appointment.v1",
        row.id,
        row.version,
    )
    event = owner.asks("SELECT type FROM event WHERE id = :id", id=finding.event)
    assert event.type.startswith("appointment.")


def test_an_older_state_of_a_row_with_its_own_payload_is_found(sealed_ward):
    """The owner keeps a row as it was and puts it back later: it opens, and the events know better."""
    owner = Owner(sealed_ward.house)
    was = owner.asks("SELECT id, version, state, sealed FROM appointment WHERE state = 'booked'")
    sealed_ward.do(_give_back, was.id)
    owner.does(
        "UPDATE appointment SET version = :version, state = :state, sealed = :sealed WHERE id = :id", **was._mapping
    )
    assert "row.rolled_back" in audited(sealed_ward)


def _give_back(session, appointment_id, now):
    row = session.get(Appointment, appointment_id)
    row.state = "cancelled"
    seal_again(session, row)
    events.record(
        session, "appointment.cancelled", SYSTEM, now, subject=row.patient_ref, objects=[row], detail={"by": "desk"}
    )


def test_a_kept_version_that_was_changed_is_found(sealed_ward):
    """What a clinical row said before its present version is held against the event of then."""
    ward = sealed_ward
    owner = Owner(ward.house)
    row = owner.asks("SELECT id, version, patient_ref, sealed FROM consent LIMIT 1")
    owner.does(
        "INSERT INTO kept_version (place, row_id, version, patient_ref, clear, sealed)"
        " VALUES ('consent', :id, 1, :p, '{}', :s)", id=row.id, p=row.patient_ref, s=row.sealed,
    )  # fmt: skip
    assert audited(ward) == {"row.edited": 1}


def test_several_processes_and_many_buckets_find_the_same(sealed_ward, monkeypatch, tmp_path):
    owner = Owner(sealed_ward.house)
    owner.does("UPDATE appointment SET state = 'completed'")
    owner.does("DELETE FROM event WHERE type = 'appointment.booked'")
    alone = audited(sealed_ward)
    monkeypatch.setattr(command, "buckets_for", lambda _: 7)
    monkeypatch.setattr(audit_spool, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(audit_events, "BATCH", 5)
    monkeypatch.setattr(audit_rows, "BATCH", 2)
    assert audited(sealed_ward, processes=2, folder=tmp_path) == alone


def test_it_runs_while_the_hospital_works(sealed_ward, monkeypatch):
    """Acts go on between its batches, and it still sees one moment."""
    monkeypatch.setattr(audit_events, "BATCH", 4)
    monkeypatch.setattr(audit_rows, "BATCH", 2)
    done = []

    def act_meanwhile(*_: Any) -> None:
        if len(done) < 3:
            done.append(sealed_ward.waiting(sealed_ward.pool))

    report = Auditor(sealed_ward.house.settings, progress=act_meanwhile).run()
    assert len(done) == 3
    assert report.findings.kept == []


def test_findings_are_bounded_and_counted(sealed_ward, monkeypatch):
    monkeypatch.setattr("app.services.audit_findings.MOST_KEPT", 1)
    Owner(sealed_ward.house).does("UPDATE appointment SET state = 'completed'")
    report = Auditor(sealed_ward.house.settings).run()
    assert len(report.findings.kept) == 1
    assert report.findings.counts["row.edited"] > 1
    assert any("more" in line for line in said(report))


def test_every_kind_of_finding_has_its_words():
    kinds = {kind for kind, _ in TAMPERING.values()}
    assert kinds <= WORDS.keys()


def test_the_command_says_it_in_words_and_in_json_and_by_its_exit_code(app, sealed_ward):
    runner = app.test_cli_runner()
    good = runner.invoke(args=["audit", "--quiet"])
    assert good.exit_code == 0, good.output
    assert good.output.startswith("GOOD: ")
    Owner(sealed_ward.house).does("UPDATE consent SET purpose = 'research'")
    bad = runner.invoke(args=["audit", "--json", "--quiet"])
    assert bad.exit_code == 1
    report = json.loads(bad.output)
    assert report["good"] is False
    assert report["counts"].keys() == {"row.edited"}
    assert {one["what"] for one in report["findings"]} == {"consent.v1"}
    words = runner.invoke(args=["audit", "--quiet"])
    assert words.exit_code == 1
    assert "row.edited: consent.v1" in words.output


def test_what_cannot_be_read_is_told_apart_from_what_is_not_good(app, sealed_ward, var):
    (var / "keys" / "master.key").write_text("1:broken\n")
    result = app.test_cli_runner().invoke(args=["audit"])
    assert result.exit_code == 2
    assert "master key" in result.output
    assert "Traceback" not in result.output
