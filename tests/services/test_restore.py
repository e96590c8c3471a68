"""The worst day, rehearsed with the site: an older database put back, with a mirror and without, and with the head as well."""

from __future__ import annotations

import shutil

import pytest

from app import create_app
from app.domain.actor import SYSTEM
from app.models import Event
from app.services import events, notices
from ledger.__main__ import main
from ledger.chain import check_chains, healing_of, link_of
from ledger.checkpoint import open_checkpoint
from ledger.errors import RefusedToStart
from ledger.head import FileHead
from ledger.monitor import Memory, Monitor, Watched
from ledger.note import SigningKey, VerifierKey
from ledger.notice import detail_of
from ledger.receipt import ForMe, format_extra, parse_extra, parse_receipt, verify_receipt
from ledger.sequencer import Sequencer
from ledger.source import FolderSource
from ledger.stores.engine import open_engine, sqlite
from ledger.stores.sql import SQLStore
from ledger.successor import verify_successor
from tests.conftest import settings_in
from tests.ledger.workbench import Silent

LI = "rLi000000000000000000A"


class Day:
    """A hospital whose database can be put back; what people took away is remembered."""

    def __init__(self, var, clock, **environ):
        self.var, self.clock, self.environ = var, clock, environ
        self.export, self.backup = var / "export-of-the-day", var / "backup.db"
        self.receipts: list[bytes] = []
        self.open()
        self.house.vault.welcome(LI)

    def open(self):
        self.settings = settings_in(self.var, **self.environ)
        self.app = create_app(self.settings, self.clock)
        self.house = self.app.extensions["mingzhen"]()

    def close(self):
        self.app.extensions["mingzhen"].close()

    def act(self, count=1):
        """Let something happen to Li, `count` times; return the ids."""
        ids = []
        for _ in range(count):
            with self.house.writing_session() as session:
                ids.append(events.record(session, "day.closed", SYSTEM, self.clock(), subject=LI, detail=DETAIL).id)
        return ids

    def seal(self):
        """A sequencer's start and its rounds until nothing waits."""
        key = SigningKey.parse((self.var / "keys" / self.environ.get("KEY", "ledger.key")).read_text().strip())
        engine = open_engine(self.settings.database_url)
        try:
            head = FileHead(self.var / "head")
            sequencer = Sequencer(SQLStore(engine), head, key, self.settings.ledger_origin, Silent())
            sequencer.start()
            while sequencer.round():
                pass
        finally:
            engine.dispose()

    def take(self, ids):
        """Take the receipts, as a person does."""
        for event_id in ids:
            with self.house.reading_session() as session:
                row = session.get(Event, event_id)
                extra = format_extra(ForMe(*events.open_event(session, row)))
            self.receipts.append(self.house.log.receipt_for(row.entry, extra).encode())

    def live(self, count):
        ids = self.act(count)
        self.seal()
        self.take(ids)

    def command(self, *words):
        keys = str(self.settings.ledger_public_key_file)
        settings = ["--database", self.settings.database_url, "--keys", keys]
        return main([*words, *settings, *([] if words[0] == "export" else ["--head", str(self.var / "head")])])

    def copy(self):
        self.close()
        shutil.copyfile(self.var / "mingzhen.db", self.backup)
        self.open()

    def put_back(self):
        self.close()
        for name in ("mingzhen.db", "mingzhen.db-wal", "mingzhen.db-shm"):
            (self.var / name).unlink(missing_ok=True)
        shutil.copyfile(self.backup, self.var / "mingzhen.db")
        self.open()

    def record_notices(self):
        with self.house.writing_session() as session:
            done = notices.run(session, self.clock())
        self.seal()
        return done

    def get(self, path):
        return self.app.test_client().get(path)

    def keys(self):
        lines = self.get("/ledger/keys").get_data(as_text=True).split("\n")
        return [VerifierKey.parse(line) for line in lines if line and not line.startswith("#")]

    def audit(self):
        result = self.app.test_cli_runner().invoke(args=["audit"])
        return result.exit_code, result.output


DETAIL = {"day": "2026-03-02", "came": 1, "seen": 1, "digest": "00"}


@pytest.fixture
def day(var, clock):
    day = Day(var, clock)
    yield day
    day.close()


def worst(day):
    """Three acts, a backup, two more; all exported; then the backup is put back."""
    day.live(3)
    day.copy()
    day.live(2)
    assert day.command("export", str(day.export)) == 0
    day.put_back()


def parts(receipt, key):
    verified = verify_receipt(receipt, key)
    return verified, parse_extra(parse_receipt(receipt).extra)


def test_with_an_export_the_log_is_healed_and_goes_on(day, capsys):
    worst(day)
    with pytest.raises(RefusedToStart, match="5 entries, the database only at 3"):
        day.seal()
    ids = day.act(1)  # the site goes on, and its receipts wait
    assert day.command("heal", "--from", str(day.export)) == 0
    assert "lost 2 events of the entries 3 to 4; ONLY THIS DATABASE says so" in day.audit()[1]
    day.seal()
    day.take(ids)
    assert day.record_notices() == 1
    (key,) = day.keys()

    answer = day.get("/ledger/notices/0.tlog-proof")
    notice, _ = parts(answer.data, key)
    assert detail_of(notice, "log.healed") == {"from": 3, "to": 5, "lost": 2}
    assert day.get("/ledger/notices/1.tlog-proof").status_code == 404

    # Every receipt ever handed out verifies, and its tree is part of the log as it is now.
    assert day.command("export", str(day.export)) == 0
    assert (day.export / "notices/0.tlog-proof").read_bytes() == answer.data
    watched = Watched({str(n): receipt for n, receipt in enumerate(day.receipts)})
    assert Monitor(FolderSource(day.export), Memory((key,)), watched=watched).round(1) == []

    # Li holds numbers 1 to 5, and number 4 once more: explained by the notice, and by nothing else.
    links = [link_of(str(n), *parts(receipt, key)) for n, receipt in enumerate(day.receipts)]
    assert sorted(link.seq for link in links) == [1, 2, 3, 4, 4, 5]
    (chain,) = check_chains(links, [healing_of(notice)])
    assert chain.is_complete
    assert [finding.kind for finding in chain.findings] == ["restored"]
    assert not check_chains(links)[0].is_complete
    code, said = day.audit()
    assert code == 0, said
    assert "lost 2 events of the entries 3 to 4; the log says so (log.healed)" in said


def test_an_event_that_is_deleted_and_its_leaf_called_bare_is_found_unless_a_published_notice_says_so(day):
    """The owner of the database would hide a deletion behind a restore that never was."""
    day.live(4)
    day.close()
    forged = (
        "DROP TRIGGER tr_ledger_entry_update",
        "DELETE FROM event WHERE seq = 4",
        "UPDATE ledger_entry SET serial = -1 WHERE idx = 3",
        "INSERT INTO ledger_notice (kind, state, at_ms, detail, entry, extra)"
        """ SELECT 'log.healed', 'told', 1, '{"from":3,"lost":1,"to":4}', entry, x'01' FROM ledger_entry WHERE idx = 2""",
    )
    connection = sqlite.connect(day.var / "mingzhen.db")
    for statement in forged:
        connection.execute(statement)
    connection.commit()
    connection.close()
    day.open()
    code, said = day.audit()
    assert code == 1
    assert "a leaf of no event, and no notice of the log says why, entry 3" in said


def test_without_a_mirror_a_new_log_goes_on_and_the_old_receipts_verify(var, clock, capsys):
    day = Day(var, clock)
    worst(day)
    with pytest.raises(RefusedToStart):
        day.seal()
    next_key = SigningKey.generate("mingzhen.demo/log-2")
    (var / "keys" / "next.key").write_text(next_key.format() + "\n")
    asked = ["succeed", "--to", next_key.verifier_key.format(), "--reason", "restored", "--tell", str(day.export)]
    assert day.command(*asked) == 2  # the old key has to say who goes on for it, or somebody that it cannot
    assert "--unsigned" in capsys.readouterr().err
    signed = ["--old-key", str(var / "keys" / "ledger.key"), "--address", "https://hospital.example/ledger/"]
    day.export.mkdir(exist_ok=True)
    assert day.command(*asked, *signed) == 0
    day.close()
    day.environ = {"LEDGER_ORIGIN": next_key.name, "KEY": "next.key"}
    day.open()
    ids = day.act(1)
    day.seal()
    day.take(ids)
    assert day.record_notices() == 1

    new, old = day.keys()
    assert new == next_key.verifier_key
    assert next_key.name in day.get("/ledger/").get_data(as_text=True)
    assert old.name in day.get("/ledger/").get_data(as_text=True)
    page = day.get("/ledger/frozen/1/").get_data(as_text=True)
    assert new.format().replace("+", "&#43;") in page or new.format() in page
    note = day.get("/ledger/frozen/1/successor").data
    assert note == (day.export / "successor").read_bytes()
    assert verify_successor(note, [old]).key == new
    assert f"# {old.name} ended at 5 entries; {new.name} goes on: frozen/1/successor" in day.get(
        "/ledger/keys"
    ).get_data(as_text=True)
    copy = day.var / "copy-of-the-second"
    assert day.command("export", str(copy)) == 0
    for file in ("keys", "frozen/1/successor"):  # a copy has what its own `keys` names
        assert (copy / file).read_bytes() == day.get(f"/ledger/{file}").data
    assert open_checkpoint(day.get("/ledger/frozen/1/checkpoint").data, old).size == 3  # what the backup has of it
    assert day.get("/ledger/frozen/1/notices/0.tlog-proof").status_code == 404  # it said nothing about itself
    assert day.get("/ledger/frozen/1/tile/entries/000.p/3").status_code == 200
    assert day.get("/ledger/frozen/1/tile/entries/000.p/4").status_code == 404
    assert day.get("/ledger/frozen/2/").status_code == day.get("/ledger/frozen/2/successor").status_code == 404
    bound, _ = parts(day.get("/ledger/notices/0.tlog-proof").data, new)
    assert (bound.index, detail_of(bound, "log.succeeded")["old_size"]) == (0, 5)
    for receipt in day.receipts[:5]:
        assert verify_receipt(receipt, old).state == "sealed"
    assert verify_receipt(day.receipts[5], new).state == "sealed"
    with day.house.reading_session() as session:  # what happened before the backup has its place in the new log as well
        assert day.house.log.published_indices([session.get(Event, ids[0]).entry]) == [4]
    assert day.audit()[0] == 0, day.audit()[1]
    day.close()


def test_with_the_head_put_back_too_only_those_outside_can_tell(day, capsys):
    day.live(3)
    day.copy()
    shutil.copyfile(day.var / "head", day.var / "head.copy")
    day.live(2)
    assert day.command("export", str(day.export)) == 0
    (key,) = day.keys()
    outside = Monitor(FolderSource(day.export), Memory((key,)))
    assert outside.round(1) == []
    day.put_back()
    shutil.copyfile(day.var / "head.copy", day.var / "head")

    day.seal()  # this machine cannot know
    assert day.command("export", str(day.export)) == 3  # the export does
    assert "rolled back" in capsys.readouterr().err
    elsewhere = day.var / "served"
    assert day.command("export", str(elsewhere)) == 0
    watching = Monitor(FolderSource(elsewhere), outside.memory)
    assert [alarm.kind for alarm in watching.round(2)] == ["rollback"]  # a monitor does
    day.live(3)
    assert day.command("export", str(elsewhere)) == 0
    assert [alarm.kind for alarm in watching.round(3)] == ["fork"]
    holder = Monitor(FolderSource(elsewhere), Memory((key,)), watched=Watched({"mine": day.receipts[4]}))
    assert [alarm.kind for alarm in holder.round(4)] == ["fork"]  # and whoever holds a later receipt
