"""`/metrics`: the operator's only, a fixed set of series, the sum over all workers, and nothing of anybody."""

from __future__ import annotations

import multiprocessing
import os
import re
from pathlib import Path

import pytest

from app import create_app
from app.chores import Job, do, jobs
from app.services import outbox
from app.web.metrics import DOORS, MOST_WORKERS, PROXY_HEADERS, Counters, series
from tests.conftest import settings_in

SAMPLE = re.compile(r"(mingzhen_[a-z_]+)(\{[^}]*\})? (\S+)")
CANARIES = ("李明", "13800138000", "person-0", "A001", "内科", "心内科")


def scrape(app, **how) -> dict[str, float]:
    answer = app.test_client().get("/metrics", **how)
    assert answer.status_code == 200, answer.text[:200]
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    found = {}
    for line in answer.text.splitlines():
        if not line.startswith("# TYPE "):
            sample = SAMPLE.fullmatch(line)
            assert sample, line
            found[sample[1] + (sample[2] or "")] = float(sample[3])
    return found


def test_the_series_are_the_same_before_and_after_a_days_work(app, ward, doors):
    before = scrape(app)
    who = ward.person("李明")
    ward.waiting(who=who)
    phone = doors.phone(who)
    for path in ("/", "/queue", f"/visits/{who.ref}", "/no/such/page/13800138000", "/static/nothing.css"):
        phone.get(path)
    phone.post("/remind")
    after = scrape(app)
    assert set(after) == set(before)


def test_no_label_has_a_value_that_is_not_in_a_list(app, ward):
    allowed = {
        "door": set(DOORS), "method": {"read", "act"}, "status": {"2xx", "3xx", "4xx", "5xx"},
        "chore": {job.name for job in jobs(is_demo=True)}, "result": {"done", "failed"},
        "state": {"new", "spread", "ready", "sending", "sent", "unknown", "dead", "dropped"}, "clinic": {"0"},
    }  # fmt: skip
    for name in scrape(app):
        for label, value in re.findall(r'(\w+)="([^"]*)"', name):
            assert label == "le" or value in allowed[label], name


def test_nothing_of_anybody_is_in_it(app, ward, doors):
    who = ward.person("李明")
    ward.waiting(who=who)
    phone = doors.phone(who)
    phone.get("/queue?name=李明&phone=13800138000")
    phone.post("/sign-in/phone", phone="13800138000")
    with ward.house.writing_session() as session:
        outbox.tell(session, who.ref, "next", ward.now, ticket="A001")
    text = app.test_client().get("/metrics").text
    for secret in (*CANARIES, who.ref, str(who.actor.ref), ward.clinic, ward.department):
        assert secret not in text


def test_requests_acts_and_refusals_are_counted_by_door_and_class(app, ward, doors):
    before = scrape(app)
    phone = doors.phone(ward.person())
    phone.get("/")
    phone.post("/remind")
    phone.get("/visits/AAAAAAAAAAAAAAAAAAAAAA")
    after = scrape(app)

    def more(name: str) -> float:
        return after[name] - before[name]

    assert more('mingzhen_requests_total{door="patient",method="act",status="3xx"}') == 1
    assert more('mingzhen_requests_total{door="patient",method="read",status="4xx"}') == 1
    assert more("mingzhen_acts_total") == 1 and more("mingzhen_refusals_total") == 1
    assert more('mingzhen_request_seconds_bucket{method="act",le="+Inf"}') == 1


def test_what_the_database_knows_is_asked_of_it(app, ward, sealing):
    ward.waiting()
    with ward.house.writing_session() as session:
        outbox.tell(session, ward.people[0].ref, "next", ward.now, ticket="A001")
    found = scrape(app)
    assert found['mingzhen_waiting{clinic="0"}'] == 1
    assert found['mingzhen_messages{state="new"}'] == 1
    assert found["mingzhen_database_up"] == 1


def test_pending_events_and_their_lag_show_while_nobody_seals(app, ward):
    found = scrape(app)
    assert found["mingzhen_events_pending"] > 0 and found["mingzhen_sealing_lag_seconds"] >= 0
    ward.clock.now = ward.clock.now.replace(hour=3)
    assert scrape(app)["mingzhen_sealing_lag_seconds"] == 3600


def test_a_chores_success_and_failure_are_seen(app, ward):
    counters, house = app.extensions["metrics"], app.extensions["mingzhen"]
    name = jobs()[0].name

    def fail(_house: object) -> int:
        raise ValueError

    do(Job(name, 60, lambda _house: 0), house, counters)
    do(Job(name, 60, fail), house, counters)
    found = scrape(app)
    assert found[f'mingzhen_chore_runs_total{{chore="{name}",result="done"}}'] == 1
    assert found[f'mingzhen_chore_runs_total{{chore="{name}",result="failed"}}'] == 1
    assert found[f'mingzhen_chore_last_success_timestamp_seconds{{chore="{name}"}}'] == int(ward.now.timestamp())


@pytest.mark.parametrize("header", PROXY_HEADERS)
def test_without_a_token_a_proxy_gets_nothing(app, header):
    assert app.test_client().get("/metrics", headers={header: "203.0.113.9"}).status_code == 404


def test_without_a_token_another_machine_gets_nothing(app):
    answer = app.test_client().get("/metrics", environ_base={"REMOTE_ADDR": "10.0.0.7"})
    assert answer.status_code == 404 and "mingzhen" not in answer.text


def test_with_a_token_it_opens_for_its_bearer_alone(var, clock):
    app = create_app(settings_in(var, METRICS_TOKEN="0123456789abcdef-token"), clock)
    client = app.test_client()
    right = {"Authorization": "Bearer 0123456789abcdef-token"}
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer 签"}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Basic 0123456789abcdef-token"}).status_code == 404
    assert client.get("/metrics", headers=right, environ_base={"REMOTE_ADDR": "10.0.0.7"}).status_code == 200
    app.extensions["mingzhen"].close()


# The file of counts


def count_in_a_process(path: Path, names: list[str], times: int) -> None:
    counters = Counters(path, names)
    for _ in range(times):
        counters.add(names[0])
    os._exit(0)  # as if killed: nothing is closed or written back


def test_counts_of_all_workers_are_summed_and_outlive_those_that_were_killed(tmp_path):
    names, path = series(["one"]), tmp_path / "counts"
    counters = Counters(path, names)
    counters.add(names[0], 5)
    workers = [
        multiprocessing.get_context("fork").Process(target=count_in_a_process, args=(path, names, 1000))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counters.totals()[names[0]] == 4005
    counters.close()
    assert Counters(path, names).totals()[names[0]] == 4005


def test_other_series_begin_a_new_file(tmp_path):
    path = tmp_path / "counts"
    old = Counters(path, series(["one"]))
    old.add("mingzhen_acts_total", 7)
    old.close()
    new = Counters(path, series(["one", "two"]))
    assert set(new.totals().values()) == {0}
    new.close()


def test_a_file_that_cannot_be_made_fails_no_request(tmp_path):
    counters = Counters(tmp_path / "no" / "folder", series([]))
    counters.add("mingzhen_acts_total")
    assert counters.totals()["mingzhen_acts_total"] == 0


def test_the_number_of_series_is_small():
    assert len(series([job.name for job in jobs(is_demo=True)])) < 250
    assert MOST_WORKERS >= 2
