"""The matrix again for guardians by age: what they reach of a fifteen-year-old, and of somebody who has grown up (A1)."""

from __future__ import annotations

import pytest

from app.domain.access import patients
from app.domain.age import AgeGroup
from tests.rows import ROWS, expected
from tests.scene import Scene, routes
from tests.test_matrix import ask, got

OF_WARDS = [endpoint for endpoint, row in ROWS.items() if row.owned == "person" and "child" in row.owners]
HEALTH = {"patient.record", "patient.other_records", "api.visit_record", "patient.course", "patient.document",
          "patient.document_file", "patient.unchanged", "patient.ask_takeout", "api.known", "api.other_records", "api.course",
          "api.document"}  # fmt: skip
OWN_SAY = {
    "patient.give_permit",
    "patient.withdraw_permit",
    "api.give_permit",
    "api.withdraw_permit",
    "patient.ask_correction",
    "patient.make_share",
}  # from fourteen on the person's alone


def asked(scene: Scene, monkeypatch: pytest.MonkeyPatch, endpoint: str, group: AgeGroup, actor: str) -> tuple[int, int]:
    """Return (what an actor got of the child's, as if it were of that age; what a guardian of a child gets)."""
    row = ROWS[endpoint]
    view = next(r[2] for r in routes(scene.app) if r[1].endpoint == endpoint)
    scene.fresh()
    more = row.prepare(scene) if row.prepare else {}
    monkeypatch.setattr(patients, "age_group", lambda _birth_on, _day_on: group)
    monkeypatch.setattr(patients, "is_child", lambda _birth_on, _day_on: group is AgeGroup.CHILD)
    return got(ask(scene, endpoint, row, actor, "child", more), row), expected(row, view.audience, "guardian", "child")


@pytest.mark.parametrize("endpoint", OF_WARDS)
def test_the_guardian_of_a_fifteen_year_old_arranges_everything_and_opens_no_record(
    scene, monkeypatch, endpoint
) -> None:
    status, of_child = asked(scene, monkeypatch, endpoint, AgeGroup.MINOR, "guardian")
    assert status == (403 if endpoint in HEALTH | OWN_SAY else of_child)


@pytest.mark.parametrize("endpoint", OF_WARDS)
def test_nobody_is_guardian_of_a_grown_up(scene, monkeypatch, endpoint) -> None:
    status, _ = asked(scene, monkeypatch, endpoint, AgeGroup.ADULT, "guardian")
    assert status in (403, 404)  # lists are empty, so what they would name is not found


@pytest.mark.parametrize("endpoint", OF_WARDS)
def test_a_former_guardian_finds_nothing_whatever_the_age(scene, monkeypatch, endpoint) -> None:
    assert asked(scene, monkeypatch, endpoint, AgeGroup.MINOR, "former")[0] == 404
