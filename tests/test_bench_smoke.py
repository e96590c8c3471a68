"""The benchmark does the work that it counts: a handful of everything, nothing timed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bench import acts, bare, hospital, log, machine, report
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
