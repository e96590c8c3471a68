"""The export: the files that the log serves, whole at every moment, and never an older log over a newer one."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger import durable, export
from ledger.__main__ import main
from ledger.audit import audit_log
from ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from ledger.errors import StoreError
from ledger.export import Exporter, ExportRefused, FolderTaken, keys_file, only_exporter
from ledger.export_loop import ExportLoop
from ledger.note import SigningKey
from ledger.reader import LogReader
from ledger.source import FolderSource
from ledger.store import Overtaken
from ledger.tiles import bundle_path, tile_path, tiles_of
from tests.ledger.test_audit_of_our_log import Served
from tests.ledger.workbench import KEY, Log

VKEY = KEY.verifier_key


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").mkdir()
    log = Log(tmp_path / "log")
    yield log
    log.close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "export").mkdir()
    return tmp_path / "export"


def exporter_of(log, folder):
    return Exporter(LogReader(log.store), folder, [VKEY], lambda: {"keys": keys_file([VKEY])})


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def audit(folder):
    return audit_log(FolderSource(folder), VKEY).checkpoint.size


def served(log, size):
    """Every file that the log serves for its newest checkpoint."""
    source = Served(LogReader(log.store))
    paths = ["checkpoint"]
    for level, index, width in tiles_of(size):
        paths.append(tile_path(level, index, width))
        if level == 0:
            paths.append(bundle_path(index, width))
    return {path: source.fetch(path, 10**8) for path in paths} | {"keys": keys_file([VKEY])}


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 70_000])
def test_the_folder_holds_exactly_the_files_that_the_log_serves(log, folder, size):
    sequencer = log.start()
    log.add(size)
    while sequencer.round():
        pass
    exporter_of(log, folder).step()
    assert files(folder) == served(log, size)


def test_each_step_writes_only_what_is_new_and_a_step_without_news_writes_nothing(log, folder):
    exporter = exporter_of(log, folder)
    log.grow(600)
    assert exporter.step().files == len(served(log, 600))
    before = {path: (folder / path).stat().st_ino for path in files(folder)}
    assert exporter.step().files == 0

    log.grow(1)
    done = exporter.step()
    assert (done.old_size, done.new_size, done.files) == (600, 601, 3)  # one tile, one bundle, the checkpoint
    kept = [path for path in before if path != "checkpoint"]
    assert {path: (folder / path).stat().st_ino for path in kept} == {path: before[path] for path in kept}


def test_partial_files_stay_until_their_tile_is_full_and_do_not_gather(log, folder):
    exporter = exporter_of(log, folder)
    for size in (3, 200, 255):
        log.grow(size - (log.published().size if log.notes() else 0))
        exporter.step()
    assert {f"tile/0/000.p/{w}" for w in (3, 200, 255)} <= set(files(folder))
    log.grow(10)
    exporter.step()
    assert not [path for path in files(folder) if path.startswith(("tile/0/000.p", "tile/entries/000.p"))]
    assert files(folder) == served(log, 265)


class Killed(BaseException):
    """What a process does not notice."""


@pytest.fixture
def killed_at(monkeypatch):
    """Let a kill come before or after the n-th change of the disk."""
    real = (export.replace_file, export.sync_folder, shutil.rmtree, Path.replace)

    def arrange(number, *, after=False):
        count = [0]

        def around(change):
            def wrapped(*arguments, **options):
                count[0] += 1
                is_it = count[0] == number
                if is_it and not after:
                    raise Killed
                result = change(*arguments, **options)
                if is_it:
                    raise Killed
                return result

            return wrapped

        monkeypatch.setattr(export, "replace_file", around(real[0]))
        monkeypatch.setattr(export, "sync_folder", around(real[1]))
        monkeypatch.setattr(export.shutil, "rmtree", around(real[2]))
        monkeypatch.setattr(durable.Path, "replace", around(real[3]))

    return arrange


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_change_the_folder_is_good_as_it_is_and_the_next_step_completes_it(
    log, folder, killed_at, after, tmp_path
):
    log.grow(250)
    exporter_of(log, folder).step()
    base = tmp_path / "base"
    shutil.copytree(folder, base)
    log.grow(300)
    number, finished = 0, False
    while not finished:
        number += 1
        shutil.rmtree(folder)
        shutil.copytree(base, folder)
        killed_at(number, after=after)
        try:
            exporter_of(log, folder).step()
            finished = True
        except Killed:
            pass
        killed_at(0)
        assert audit(folder) in (250, 550)
        exporter_of(log, folder).step()
        assert {p: d for p, d in files(folder).items() if p != ".new"} == served(log, 550)
    assert number > 15


@pytest.mark.parametrize("reason", [28, 5])
def test_a_disk_that_is_full_or_broken_leaves_the_folder_good_and_is_tried_again_from_nothing(
    log, folder, monkeypatch, reason
):
    log.grow(100)
    exporter_of(log, folder).step()
    log.grow(300)
    real, failed = os.fsync, []

    def fsync(handle):
        if len(failed) < 3:
            failed.append(handle)
            raise OSError(reason, os.strerror(reason))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    reports = []
    loop = ExportLoop(exporter_of(log, folder), 0.01, lambda event, **fields: reports.append(event))
    thread = threading.Thread(target=loop.run)
    thread.start()
    while "export.recovered" not in reports:
        assert thread.is_alive()
        thread.join(0.01)
        assert audit(folder) in (100, 400)
    loop.stop()
    thread.join()
    assert reports == ["export.failed", "export.recovered"]
    assert files(folder) == served(log, 400)


def test_an_older_log_is_never_written_over_a_newer_one(log, folder, tmp_path):
    log.grow(10)
    shutil.copytree(log.folder, tmp_path / "backup")
    log.grow(10)
    exporter_of(log, folder).step()
    before = files(folder)

    restored = Log(tmp_path / "backup")
    try:
        with pytest.raises(ExportRefused, match="20 entries, the log has only 10: the log was rolled back"):
            exporter_of(restored, folder).step()
    finally:
        restored.close()
    assert files(folder) == before


def test_another_history_or_another_log_is_never_written_into_the_folder(log, folder, tmp_path):
    log.grow(10)
    exporter_of(log, folder).step()
    (tmp_path / "other").mkdir()
    fork = Log(tmp_path / "other")
    try:
        fork.asked = {-1: 0}  # other events
        fork.grow(12)
        before = files(folder)
        with pytest.raises(ExportRefused, match="another root for 10 entries"):
            exporter_of(fork, folder).step()
        assert files(folder) == before
    finally:
        fork.close()

    stranger = SigningKey("log.example/other", bytes(32))
    (folder / "checkpoint").write_text(sign_checkpoint(Checkpoint(stranger.name, 1, bytes(32)), stranger))
    with pytest.raises(ExportRefused, match="not one of this log"):
        exporter_of(log, folder).step()


def test_a_checkpoint_with_more_signatures_replaces_the_one_with_fewer(log, folder):
    log.grow(5)
    exporter_of(log, folder).step()
    more = log.store.newest_checkpoint() + f"— w.example {'A' * 104}\n"

    class Cosigned(LogReader):
        def read_checkpoint(self):
            return more

    assert Exporter(Cosigned(log.store), folder, [VKEY]).step().files == 1
    assert (folder / "checkpoint").read_text() == more
    assert open_checkpoint(more.encode(), VKEY).size == 5


def test_two_exports_do_not_write_into_one_folder(folder):
    with only_exporter(folder), pytest.raises(FolderTaken), only_exporter(folder):
        raise AssertionError


def test_the_loop_ends_where_the_exporter_refuses_and_goes_on_where_something_fails(folder):
    class Failing:
        def __init__(self, *failures):
            self.failures = list(failures)

        def step(self):
            raise self.failures.pop(0)

    reports = []
    loop = ExportLoop(
        Failing(StoreError("locked"), Overtaken("locked"), ExportRefused("rolled back")),
        0.001,
        lambda event, **fields: reports.append((event, fields["why"])),
    )
    assert not loop.run()
    assert reports == [("export.failed", "StoreError: locked"), ("export.refused", "rolled back")]


def test_the_command_follows_a_log_that_grows_and_survives_being_killed(log, folder):
    """Jepsen's way: kill it at any moment, look at what it left, start it again."""
    (folder.parent / "vkey").write_text(VKEY.format() + "\n")
    command = [sys.executable, "-m", "ledger", "export", str(folder), "--follow", "--interval", "0.05"]
    settings = ["--database", f"sqlite:///{log.folder}/hospital.db", "--keys", str(folder.parent / "vkey")]
    log.grow(40)
    sizes = []
    for _ in range(3):
        process = subprocess.Popen([*command, *settings], stderr=subprocess.PIPE, text=True)
        while not sizes or sizes[-1] < log.published().size:
            assert process.poll() is None, process.stderr.read()
            log.grow(130)
            if (folder / "checkpoint").exists():
                sizes.append(audit(folder))
            if len(sizes) % 3 == 1:
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = subprocess.Popen([*command, *settings], stderr=subprocess.PIPE, text=True)
    log.grow(7)  # something that only this process can have exported: once it is there, the process is at work
    while not (folder / "checkpoint").exists() or audit(folder) < log.published().size:
        assert process.poll() is None, process.stderr.read()
    log.grow(7)
    process.send_signal(signal.SIGTERM)
    assert (process.communicate(timeout=90)[1], process.returncode) == ("", 0)
    assert audit(folder) == log.published().size
    assert sizes == sorted(sizes)
    gone = {p for p in served(log, log.published().size) if p not in files(folder)}
    assert not gone
    assert folder.joinpath("keys").read_text() == f"{VKEY.format()}\n"


def test_the_command_refuses_a_log_that_was_rolled_back_with_3(log, folder, tmp_path, capsys):
    log.grow(10)
    shutil.copytree(log.folder, tmp_path / "backup")
    log.grow(10)
    (tmp_path / "vkey").write_text(VKEY.format() + "\n")

    def run(place):
        return main(
            ["export", str(folder), "--database", f"sqlite:///{place}/hospital.db", "--keys", str(tmp_path / "vkey")]
        )

    assert run(log.folder) == 0
    assert "holds 20 entries, 20 of them new" in capsys.readouterr().out
    assert run(tmp_path / "backup") == 3
    assert "rolled back" in capsys.readouterr().err
    assert run(tmp_path / "nowhere") == 1
    assert "Not exported: OperationalError" in capsys.readouterr().err
    assert main(["export", str(folder), "--database", "nonsense", "--keys", str(tmp_path / "vkey")]) == 2
