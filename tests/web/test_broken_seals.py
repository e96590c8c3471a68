"""What somebody with the database in hand puts in another's place is refused: no page says a word of it, each says that it does not
open, and nobody else's page suffers (I7, A5)."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

import pytest
from sqlalchemy import text

from app.services import masks
from tests.rows import ROWS
from tests.scene import Scene
from tests.test_matrix import ask

SAYS = "这里的内容打不开"
NAMES = re.compile("李小明|诊断|6\\.1|6\\.4|I10")


@pytest.fixture
def swapped(scene: Scene):
    """Return what gives every row of a table the sealed bytes of the next one, as with an editor in the file."""

    def swap(table: str, key: str = "id") -> None:
        scene.fresh()
        with scene.ward.house.writing_session() as session:
            rows = session.execute(text(f"SELECT {key}, sealed FROM {table} ORDER BY {key}")).all()
            assert len(rows) > 1
            for (row, _), (_, other) in zip(rows, rows[1:] + rows[:1], strict=True):
                session.execute(
                    text(f"UPDATE {table} SET sealed = :other WHERE {key} = :row"),
                    {"other": other, "row": row},
                )

    return swap


def got(scene: Scene, actor: str, endpoint: str) -> Any:
    return ask(scene, endpoint, ROWS[endpoint], actor, "a", {})


@pytest.mark.parametrize(
    ("table", "asked"),
    [
        ("visit", (("a", "patient.record"), ("a", "api.visit_record"))),
        ("clinical_record", (("a", "patient.record"), ("a", "patient.other_records"), ("a", "api.other_records"),
                             ("app", "fhir.read"), ("app", "fhir.search"), ("a", "patient.unchanged"))),
        ("link", (("a", "patient.me"), ("a", "patient.home"), ("a", "api.list_people"))),
        ("event", (("a", "patient.receipt"), ("a", "patient.receipts"), ("a", "api.receipt"), ("auditor", "auditor.event"))),
    ],
)  # fmt: skip
def test_a_swapped_payload_is_shown_to_nobody_and_the_page_says_so(scene: Scene, swapped, table: str, asked) -> None:
    swapped(table)
    for actor, endpoint in asked:
        before = scene.last_serial()
        answer = got(scene, actor, endpoint)
        said = answer.get_json(force=True) if answer.mimetype != "text/html" else answer.text
        assert answer.status_code == 500, (actor, endpoint)
        assert SAYS in str(said), (actor, endpoint)
        assert not NAMES.search(answer.text.replace("诊断与处方", "")), (actor, endpoint)
        assert set(scene.types_since(before)) <= {"board.opened"}, (
            "nothing was opened, so nothing is recorded as opened"
        )


def test_one_persons_broken_payload_closes_no_board(scene: Scene, swapped, capsys, monkeypatch) -> None:
    monkeypatch.setattr(masks, "_kept", OrderedDict())  # a process that has not shown these people yet
    swapped("patient", "ref")
    for actor, endpoint in (
        ("desk", "desk.board"),
        ("desk", "desk.board_now"),
        ("chen", "doctor.queue"),
        ("screen", "screen.board"),
    ):
        answer = got(scene, actor, endpoint)
        assert answer.status_code == 200, endpoint
        assert not re.search(r"李\*|李＊", answer.text), endpoint
    assert "？？" in got(scene, "desk", "desk.board").text
    capsys.readouterr()
    assert SAYS in got(scene, "a", "patient.me").text


def test_the_auditors_book_marks_what_does_not_open_and_goes_on(scene: Scene, swapped) -> None:
    swapped("event")
    book = got(scene, "auditor", "auditor.events")
    assert book.status_code == 200
    assert book.text.count("打不开") >= 40


def test_the_log_names_the_place_and_nobody(scene: Scene, swapped, capsys) -> None:
    swapped("clinical_record")
    capsys.readouterr()
    got(scene, "a", "patient.record")
    said = capsys.readouterr()
    logged = said.err + said.out
    assert '"event": "seal.broken"' in logged
    assert re.search(r'"place": "clinical_record\|[\w-]{22}\|1"', logged)
    assert scene.objects["a"]["person"] not in logged


def test_an_old_version_in_the_place_of_the_present_one_is_not_called_unchanged(scene: Scene) -> None:
    """Row, version and payload were put back together, so the payload opens; what was kept of it betrays that."""
    scene.fresh()
    of = {"visit": scene.of("a", "visit")}
    assert got(scene, "a", "patient.unchanged").status_code == 200
    with scene.ward.house.writing_session() as session:
        session.execute(
            text(
                "INSERT INTO kept_version (place, row_id, version, patient_ref, clear, sealed)"
                " SELECT 'clinical_record', id, version, patient_ref, '{}', sealed FROM clinical_record WHERE visit_id = :visit"
            ),
            of,
        )
    answer = got(scene, "a", "patient.unchanged")
    assert answer.status_code == 500 and SAYS in answer.text
