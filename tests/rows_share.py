"""How the routes of shared links are asked: see tests/rows.py, which takes these in.

The two share holders hold a link each, one of them stopped; everybody else tries with one that they made up.
"""

from __future__ import annotations

from app.domain.fhir.write import Frame
from app.domain.shares import Choice
from app.services import share_openings, shares
from tests.rows import OK, Objects, Row
from tests.scene import SHARE_HOLDERS, Scene
from tests.shared import token_of

AT = Frame("http://localhost/fhir/R4")
MADE_UP = "A" * 43


def _shared(scene: Scene, *, is_direct: bool = False) -> Objects:
    """A link of Li's in force and one that she stopped, each with its holder."""
    ward, a = scene.ward, scene.actors["a"]
    held: dict[str, dict[str, str]] = {"": {"token": MADE_UP}}
    for holder in SHARE_HOLDERS:
        choice = Choice(("allergies", "results"), (scene.of("a", "record"),), "day", is_direct=is_direct)
        with ward.house.writing_session() as session:
            made = shares.make(session, a, AT, scene.of("a", "person"), choice, "", ward.now)
            link = shares.link_of(session, a, made, "http://localhost", ward.now)[1]
            token = token_of(link)
            once = share_openings.new_location(session, made, ward.now)
            if holder == "share_revoked":
                shares.stop(session, a, made, ward.now)
        held[holder] = {"token": token, "once": once}
        held["a"] = {"share": made} if holder == "share_holder" else held["a"]
    held[""]["once"] = MADE_UP
    return held


def _shared_directly(scene: Scene) -> Objects:
    return _shared(scene, is_direct=True)


CHOSEN = {"person": "$person", "kinds": ["allergies"], "lasting": "day"}
ASKED = {"recipient": "省人民医院 张医生"}
HOLDERS = {"*": 404, "share_holder": OK}

ROWS: dict[str, Row] = {
    "patient.open_share": Row(),
    "patient.shares": Row(),
    "patient.new_share": Row(query={"person": "$person"}),
    "patient.make_share": Row(form=CHOSEN, owned="person", owners=("a", "child")),
    "patient.share": Row({"share_id": "$share"}, prepare=_shared, owned="link"),
    "patient.stop_share": Row({"share_id": "$share"}, prepare=_shared, owned="link"),
    "fhir.shl_manifest": Row({"token": "$token"}, ASKED, prepare=_shared, but=HOLDERS),
    "fhir.shl_direct": Row({"token": "$token"}, query=ASKED, prepare=_shared_directly, but=HOLDERS),
    "fhir.shl_file": Row({"token": "$once"}, prepare=_shared, but=HOLDERS),
    "fhir.shl_now": Row({"token": "$token"}, prepare=_shared, but=HOLDERS),
}
