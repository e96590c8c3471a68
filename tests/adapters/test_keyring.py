"""The keyring: wrapped keys, another master key while others work, and what a copy of it all gives away."""

from __future__ import annotations

import shutil
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from app import rotation
from app.adapters import keyring as module
from app.adapters.errors import KeyringUnavailable, SealBroken
from app.adapters.keyring import Keyring, MasterKey, data_key
from app.adapters.vault import Vault
from app.audit import Auditor
from app.services import checkin
from ledger.stores.engine import open_engine, reading, recording

CANARY = "绝密的诊断"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "master.key"
    MasterKey.generate().write(path)
    return path


def opened(tmp_path: Path, path: Path) -> Keyring:
    engine = open_engine(f"sqlite:///{tmp_path / 'keyring.db'}")
    with recording(engine) as connection:
        module.metadata.create_all(connection)
    return Keyring(engine, MasterKey.read(path))


def turn(keyring: Keyring, path: Path) -> int:
    keyring.begin_rotation(path)
    count, after = 0, ("", "")
    while after is not None:
        done, after = keyring.rewrap(after)
        count += done
    keyring.end_rotation(path)
    return count


def versions(keyring: Keyring) -> set[int]:
    with reading(keyring._engine) as connection:
        return set(connection.scalars(select(data_key.c.master_version)))


def test_another_master_key_leaves_every_data_key_as_it_was(tmp_path, path):
    keyring = opened(tmp_path, path)
    vault = Vault(keyring)
    for n in range(30):
        vault.welcome(f"p{n}")
    sealed = {n: vault.seal(f"p{n}", "clinical", "t|r|1", {"n": n}) for n in range(30)}
    assert turn(keyring, path) == 150
    assert versions(keyring) == {2}
    fresh = Vault(opened(tmp_path, path))
    assert [fresh.open(f"p{n}", "clinical", "t|r|1", sealed[n]) for n in range(30)] == [{"n": n} for n in range(30)]
    assert MasterKey.read(path).versions == (2,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert MasterKey.read(path.with_name("master.key.1")).versions == (1,)


def test_the_old_master_key_opens_nothing_any_more(tmp_path, path):
    old = tmp_path / "old.key"
    keyring = opened(tmp_path, path)
    keyring.ensure("p", ("clinical",))
    shutil.copy(path, old)
    turn(keyring, path)
    with pytest.raises(KeyringUnavailable, match="version 2"):
        opened(tmp_path, old).key("p", "clinical")


def test_a_worker_that_began_before_goes_on_through_all_of_it(tmp_path, path):
    worker, keyring = opened(tmp_path, path), opened(tmp_path, path)
    worker.ensure("before", ("clinical",))
    keyring.begin_rotation(path)
    worker.ensure("meanwhile", ("clinical",))  # made under the new one, though this worker read the file before
    worker._cache.clear()
    keyring.rewrap()
    keyring.end_rotation(path)
    worker.ensure("after", ("clinical",))
    assert versions(keyring) == {2}
    for owner in ("before", "meanwhile", "after"):
        assert len(worker.key(owner, "clinical")) == 32


@pytest.mark.parametrize("at", ["the file", "the first key", "among the keys", "the end"])
def test_killed_anywhere_it_goes_on(tmp_path, path, at, monkeypatch):
    keyring = opened(tmp_path, path)
    vault = Vault(keyring)
    for n in range(8):
        vault.welcome(f"p{n}")
    sealed = vault.seal("p3", "clinical", "t|r|1", {"n": 3})
    monkeypatch.setattr(module, "MOST_AT_ONCE", 7)

    class Killed(Exception):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        if at == "the file":
            patch.setattr(Path, "replace", die)
        elif at == "the first key":
            patch.setattr(Keyring, "digest", die)
        elif at == "among the keys":
            real, calls = Keyring.rewrap, []

            def sometimes(self, after=("", "")):
                calls.append(after)
                return die() if len(calls) == 3 else real(self, after)

            patch.setattr(Keyring, "rewrap", sometimes)
        else:
            patch.setattr(Keyring, "end_rotation", die)
        turn(keyring, path)
    again = opened(tmp_path, path)
    assert Vault(again).open("p3", "clinical", "t|r|1", sealed) == {"n": 3}
    turn(again, path)
    assert versions(again) == {2}
    assert Vault(opened(tmp_path, path)).open("p3", "clinical", "t|r|1", sealed) == {"n": 3}


def test_it_does_not_end_while_a_key_is_left(tmp_path, path):
    keyring = opened(tmp_path, path)
    keyring.ensure("p", ("clinical",))
    keyring.begin_rotation(path)
    with pytest.raises(ValueError, match="still"):
        keyring.end_rotation(path)
    assert MasterKey.read(path).versions == (1, 2)


@pytest.mark.parametrize("line", ["", "x:y", "1:AAAA", "1:" + "A" * 43 + "=\n1:" + "B" * 43 + "="])
def test_a_file_of_another_form_is_refused(tmp_path, line):
    path = tmp_path / "master.key"
    path.write_text(line)
    with pytest.raises(KeyringUnavailable):
        MasterKey.read(path)


def test_rotating_while_people_act(app, ward):
    """Acts go on through it, each with its event; the audit opens everything afterwards."""
    stop, done, failed = threading.Event(), [], []

    def act() -> None:
        while not stop.is_set():
            try:
                done.append(ward.do(checkin.check_in_at_desk, ward.desk, ward.booked(ward.person(), ward.pool)))
            except Exception as wrong:
                failed.append(wrong)
                return

    thread = threading.Thread(target=act)
    thread.start()
    try:
        while not done and not failed:
            stop.wait(0.01)
        runner = app.test_cli_runner()
        first = runner.invoke(args=["rotate-keys"])
        second = runner.invoke(args=["rotate-keys"])
    finally:
        stop.set()
        thread.join(60)
    assert failed == []
    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert "Version 3" in second.output
    assert len(done) >= 2
    assert [kind for kind in ward.types(None) if kind.startswith("keys.")] == [
        "keys.rotation_begun",
        "keys.rotated",
    ] * 2
    ward.house.vault._keyring._cache.clear()
    assert Auditor(ward.house.settings).run().findings.kept == []


def test_killed_between_its_events_and_its_files_it_says_neither_twice(ward, monkeypatch):
    settings = ward.house.settings

    def keyring() -> Keyring:
        return Keyring(open_engine(settings.keyring_url), MasterKey.read(settings.master_key_file))

    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(Keyring, "end_rotation", lambda *_: 1 // 0)
        rotation.rotate(ward.house, keyring())
    assert rotation.rotate(ward.house, keyring())[0] == 2
    assert [kind for kind in ward.types(None) if kind.startswith("keys.")] == ["keys.rotation_begun", "keys.rotated"]


# What a thief has


def test_without_the_master_key_a_copy_of_both_databases_says_nothing(ward, var, tmp_path):
    who = ward.person(CANARY)
    ward.booked(who)
    with ward.house.reading_session() as session:
        place, sealed = (
            f"patient|{who.ref}|1",
            session.scalar(text("SELECT sealed FROM patient WHERE ref = :r"), {"r": who.ref}),
        )
    thief = tmp_path / "thief.key"
    MasterKey.generate().write(thief)
    stolen = Vault(Keyring(open_engine(ward.house.settings.keyring_url), MasterKey.read(thief)))
    with pytest.raises(SealBroken):
        stolen.open(who.ref, "identity", place, sealed)
    ward.house.engine.dispose()
    for file in var.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file.name


@pytest.mark.parametrize("place", ["patient|other|1", "patient|REF|2", "account|REF|1", "patient/contact|REF|1"])
def test_a_ciphertext_opens_in_its_own_place_only(ward, place):
    who, other = ward.person(CANARY), ward.person()
    vault = ward.house.vault
    sealed = vault.seal(who.ref, "identity", f"patient|{who.ref}|1", {"name": CANARY})
    with pytest.raises(SealBroken):
        vault.open(who.ref, "identity", place.replace("REF", who.ref), sealed)
    with pytest.raises(SealBroken):
        vault.open(who.ref, "clinical", f"patient|{who.ref}|1", sealed)
    with pytest.raises(SealBroken):
        vault.open(other.ref, "identity", f"patient|{who.ref}|1", sealed)


def test_a_wrapped_key_of_somebody_else_is_refused(tmp_path, path):
    keyring = opened(tmp_path, path)
    keyring.ensure("mine", ("clinical",))
    keyring.ensure("theirs", ("clinical",))
    with recording(keyring._engine) as connection:
        theirs = select(data_key.c.wrapped).where(data_key.c.owner == "theirs").scalar_subquery()
        connection.execute(update(data_key).where(data_key.c.owner == "mine").values(wrapped=theirs))
    with pytest.raises(SealBroken):
        keyring.key("mine", "clinical")
