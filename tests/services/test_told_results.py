"""A result is told when the person may read it, once; and the operator counts messages without meeting anybody."""

from __future__ import annotations

from sqlalchemy import select

from app.models import OutboxMessage
from app.services import outbox
from tests import rows  # noqa: F401 (which takes in the slice below, and must come first)
from tests.rows_lab import held, reported
from tests.scene import Scene


def results_told(scene: Scene) -> list[OutboxMessage]:
    with scene.ward.house.reading_session() as session:
        return list(
            session.scalars(
                select(OutboxMessage).where(OutboxMessage.kind == "results", OutboxMessage.key.is_not(None))
            )
        )


def test_a_final_result_is_told_at_once(scene):
    scene.fresh()
    reported(scene)
    [told] = results_told(scene)
    assert told.next_at == scene.clock()


def test_one_that_the_doctor_reads_first_is_told_when_it_opens(scene):
    scene.fresh()
    held(scene)
    [told] = results_told(scene)
    assert told.next_at > scene.clock() and told.not_after > told.next_at


def test_the_operator_counts_messages_and_tries_dead_ones_again(ward, app):
    who = ward.person("李明")
    with ward.house.writing_session() as session:
        outbox.tell(session, who.ref, "next", ward.now, ticket="A001")
        row = session.scalars(select(OutboxMessage)).one()
        row.state, row.reason, row.account_ref, row.channel = "dead", "wechat_47003", str(who.actor.ref), "wechat"
    said = app.test_cli_runner().invoke(args=["messages"]).output
    assert "1 dead: next (wechat_47003)" in said and "李明" not in said and who.ref not in said
    said = app.test_cli_runner().invoke(args=["messages", "--again"]).output
    assert "1 are tried again." in said and "1 ready" in said
