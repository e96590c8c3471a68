"""Tools written by others check our log as it is served: Go's golang.org/x/mod/sumdb, by the program in tests/go."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ledger.receipt import format_extra
from ledger.stores.engine import recording
from ledger.stores.sql import add_pending
from tests.golang import checker
from tests.ledger.made import LOG, WITNESS, entries_around, make_receipt, opening, sign, write_log
from tests.ledger.workbench import START_MS, event
from tests.live import LiveSite

PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def logcheck() -> Path:
    return checker()


def run(logcheck: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(argument) for argument in (logcheck, *arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def test_go_finds_every_entry_and_each_older_checkpoint_in_our_running_log(var, tmp_path, logcheck):
    """Over full and partial tiles of two levels: 1, 300, 301 and 812 entries, a receipt of each time, in both forms."""
    files, number = [], 0
    with LiveSite(var) as site:
        for count in (1, 299, 1, 511):
            with recording(site.house().engine) as connection:
                for number in range(number, number + count):  # noqa: B020 (goes on where it stood)
                    add_pending(connection, event(number + 1).entry, START_MS)
                number += 1
            site.wait_for_seals()
            old = tmp_path / f"after-{number}.checkpoint"
            old.write_bytes(site.read("/ledger/checkpoint"))
            mine = event(number)
            opening = mine if count == 1 else mine.to_show()
            receipt = tmp_path / f"of-{number}.tlog-proof"
            receipt.write_text(site.house().log.receipt_for(mine.entry, format_extra(opening)), encoding="utf-8")
            files += [old, receipt]
        key = site.read("/ledger/keys").decode().split()[0]

        answer = run(logcheck, f"{site.url}/ledger/", key, *files)

    assert answer.stderr == ""
    said = answer.stdout.splitlines()
    assert said[0].startswith("log of 812 entries")
    assert [line for line in said if "continues" in line] == [f"continues the tree of {n}" for n in (1, 300, 301, 812)]
    receipts = [line for line in said if line.startswith("receipt of ")]
    assert [f'"id":"01a00000-0000-7000-8000-{n:012x}"' in line for n, line in zip((1, 300, 301, 812), receipts, strict=True)] == [True] * 4  # fmt: skip


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that is served, and its address: a log at rest, for tests to do harm to."""
    served = tmp_path / "log"
    served.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield served, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


ENTRIES = entries_around(opening().entry, 5, 300)


@pytest.mark.parametrize(
    ("path", "place", "said"),
    [
        ("tile/entries/000", 2 + 40, "entry 1: "),
        ("tile/entries/001.p/44", 3, "entry 256: "),
        ("tile/0/000", 0, ""),
        ("tile/0/001.p/44", 31, ""),
        ("tile/1/000.p/1", 0, "tiles: "),
        ("checkpoint", 20, "checkpoint: "),
    ],
)
def test_go_refuses_a_log_of_which_one_byte_was_changed(folder, logcheck, path, place, said):
    """What the test above calls good would be worth nothing if the program called everything good."""
    place_on_disk, address = folder
    write_log(place_on_disk, ENTRIES)
    assert run(logcheck, address, LOG.verifier_key.format()).returncode == 0

    data = bytearray((place_on_disk / path).read_bytes())
    data[place] ^= 1
    (place_on_disk / path).write_bytes(data)

    answer = run(logcheck, address, LOG.verifier_key.format())
    assert answer.returncode == 1
    assert said in answer.stderr


def test_go_refuses_an_old_checkpoint_of_another_past_and_a_receipt_with_a_changed_byte(folder, logcheck, tmp_path):
    place_on_disk, address = folder
    write_log(place_on_disk, ENTRIES)
    other_past, changed = tmp_path / "old.checkpoint", tmp_path / "changed.tlog-proof"
    other_past.write_text(sign(entries_around(opening().entry, 7, 200)), encoding="utf-8")
    changed.write_bytes(make_receipt(opening()).replace(b"\nindex 5\n", b"\nindex 4\n"))
    for file, said in ((other_past, "old checkpoint: "), (changed, "receipt: ")):
        answer = run(logcheck, address, LOG.verifier_key.format(), file)
        assert answer.returncode == 1
        assert answer.stderr.startswith(said)


def test_go_counts_our_witness_and_refuses_its_forged_line(folder, logcheck, tmp_path):
    place_on_disk, address = folder
    write_log(place_on_disk, ENTRIES)
    note = sign(ENTRIES, witnesses=[WITNESS])
    (place_on_disk / "checkpoint").write_text(note, encoding="utf-8")
    receipt = tmp_path / "mine.tlog-proof"
    receipt.write_bytes(make_receipt(opening(), witnesses=[WITNESS]))

    alone = run(logcheck, address, LOG.verifier_key.format(), receipt)
    both = run(logcheck, address, LOG.verifier_key.format(), WITNESS.verifier_key.format(), receipt)
    assert (alone.returncode, both.returncode) == (0, 0)
    assert ["w.example" in line for line in alone.stdout.splitlines()] == [False, False]
    assert ["w.example" in line for line in both.stdout.splitlines()] == [True, True]

    signature = note.splitlines()[-1].split(" ")[2]
    forged = signature[:40] + ("A" if signature[40] != "A" else "B") + signature[41:]
    (place_on_disk / "checkpoint").write_text(note.replace(signature, forged), encoding="utf-8")
    answer = run(logcheck, address, LOG.verifier_key.format(), WITNESS.verifier_key.format())
    assert answer.returncode == 1
    assert "invalid signature" in answer.stderr
