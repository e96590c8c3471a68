"""The benchmark does the work that it counts: a handful of everything, nothing timed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bench import acts, bare, growth, hospital, ledger, ledger_report, log, machine, report, sections
from bench.hospital import Count
from bench.report import Figures, Run
from bench.servers import bare as bare_server
from bench.servers import site
from tests.server.launched import wait_until

POSTS = 6


@pytest.fixture
def crowd(tmp_path):
    """An opened hospital with people who are due, over which a whole site can run."""
    folder = tmp_path / "site"
    folder.mkdir()
    offset = hospital.offset_seconds(datetime.now(UTC))
    house = hospital.found(folder, offset)
    clinic, slots = hospital.furnish(house)
    yield folder, offset, house, clinic, hospital.invite(house, slots, POSTS)
    house.close()


def test_each_post_is_one_ticket_one_event_and_one_entry_with_a_receipt_that_verifies(crowd):
    folder, offset, house, clinic, due = crowd
    before = hospital.count(house)
    with site(folder, hospital.environment(folder, offset)) as server:
        forms = acts.open_forms(house, server.port, clinic, due)
        done = acts.check_in(house, server.port, forms, 3)
        wait_until(lambda: hospital.count(house).published == hospital.count(house).entries)

        with pytest.raises(acts.WorkMissing, match="6 POSTs made"):
            acts.check_in(house, server.port, forms, 3)  # the same forms again: answers, and no new ticket
        assert server.memory_mb() > 0 and server.cpu_seconds() > 0

    after = hospital.count(house)
    assert after == Count(POSTS, POSTS, before.entries + POSTS, before.entries + POSTS)
    assert [answer.status for answer in done.burst.answers] == [303] * POSTS
    assert acts.verify_all(house) == POSTS


def test_the_bare_route_keeps_a_row_for_each_post(tmp_path):
    url = f"sqlite:///{tmp_path / 'mingzhen.db'}"
    bare.prepare(url)
    with bare_server(tmp_path) as server:
        burst = acts.commit_rows(server.port, 10, 4)
    assert len(burst.answers) == bare.count(url) == 10


def test_the_log_seals_what_threads_add_and_grows_to_the_sizes_asked_for(tmp_path):
    rate, p99 = log.per_second(tmp_path / "log", 2, 6)
    assert rate > 0 and p99 > 0
    assert [row[0] for row in log.round_by_size(tmp_path / "sizes", [10, 300], 2)] == [10, 300]


def run(**changes) -> Run:
    fair = Run(
        connections=16, posts=100, rate=250.0, p50=40.0, p99=90.0, sealed=1.0,
        bare_rate=1000.0, bare_p99=30.0, cpu_ms=5.0, others=0.0,
    )  # fmt: skip
    return Run(**{**vars(fair), **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rate": 150.0}, "0.15 of the bare route's rate"),
        ({"p99": 120.0}, "p99 120 ms"),
        ({"sealed": 0.9}, "90.0% answered sealed"),
    ],
)
def test_the_page_says_where_a_figure_falls_short(changes, said):
    figures = Figures(machine.describe(), datetime(2026, 3, 2, tzinfo=UTC), runs=[run(**changes)])
    assert said in report.page(figures)
    assert "In this run that holds." in report.page(Figures(figures.machine, figures.began_at, runs=[run()]))


def test_the_page_names_the_machine_and_the_day():
    figures = Figures(machine.describe(), datetime(2026, 3, 2, 10, 30, tzinfo=UTC), runs=[run()], memory_mb=351.0)
    page = report.page(figures)
    assert "2026-03-02, 10:30 UTC" in page and "gunicorn" in page and json.dumps(figures.machine.cores) in page
    assert "351 MiB, not 350" in page


def test_every_round_that_is_measured_is_read_back_and_its_proofs_are_checked(tmp_path):
    batches = ledger.rounds(tmp_path, {1: 2, 300: 2})
    assert [(batch.entries, batch.checked) for batch in batches] == [(1, 2), (300, 600)]
    assert all(batch.ratio > 0 for batch in batches)


def test_a_log_filled_at_once_is_one_that_a_sequencer_goes_on_with_and_an_audit_finds_good(tmp_path):
    sizes = growth.measure(tmp_path / "growth", 10_000, lambda _: None)
    assert [size.entries for size in sizes] == [1_000, 10_000]
    assert ledger.audited_per_second(tmp_path / "audit", 700) > 0
    ledger_report.draw(sizes, tmp_path)
    assert "10^4" not in (drawn := (tmp_path / ledger_report.PICTURE).read_text()) and "10,000" in drawn


def test_the_receipt_that_is_measured_has_the_three_witnesses_that_its_policy_asks_for():
    assert ledger.verify_ms(2) > 0


def test_a_section_is_replaced_and_the_others_stay(tmp_path):
    page = tmp_path / "page.md"
    sections.put(page, "one", "first")
    sections.put(page, "two", "second")
    sections.put(page, "one", "again")
    text = page.read_text()
    assert "first" not in text and text.index("again") < text.index("second")
    assert text.startswith("# Benchmarks\n")


def test_the_section_of_the_ledger_says_where_it_falls_short():
    figures = ledger.Figures(machine.describe(), datetime(2026, 3, 2, tzinfo=UTC), audit_per_second=1e6)
    assert "In this run all of it holds." in ledger_report.text(figures)
    figures.batches = [ledger.Batch(256, 3, 1.0, 5.0, 1.0, 0.17, 768)]
    figures.act_p50_ms, figures.growth = (
        9.0,
        [growth.Size(1000, 1, 1, 0.1, 9, 60, 1), growth.Size(10**7, 1, 2, 2, 300, 90, 1)],
    )
    assert len(ledger_report.verdict(figures)) == 6
    assert "0.17 of the bare insert, not 0.25" in ledger_report.text(figures)
