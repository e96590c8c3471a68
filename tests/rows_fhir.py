"""How the routes of applications are asked: see tests/rows.py, which takes these in."""

from __future__ import annotations

from app import packing
from app.services import oauth_grants, oauth_tokens, takeout
from tests.rows import Objects, Row
from tests.scene import Scene
from tests.smart import BASE, KINDS, REDIRECT, VERIFIER, challenge_of


def _asked(scene: Scene) -> Objects:
    return {"": {"app": scene.of("", "app"), "challenge": challenge_of(VERIFIER)}}


def _coded(scene: Scene) -> Objects:
    """A code that was not used yet."""
    ward, a = scene.ward, scene.actors["a"]
    with ward.house.writing_session() as session:
        given = (scene.of("", "app"), scene.of("a", "person"), ["Observation"], "day", ward.now)
        grant = oauth_grants.give(session, a, *given, is_lasting=False)
        code = oauth_tokens.issue_code(session, grant, REDIRECT, challenge_of(VERIFIER), ward.now)
    return {"": {"app": scene.of("", "app"), "code": code}}


def _packed(scene: Scene) -> Objects:
    """An archive of Li's own that waits to be fetched."""
    ward, a = scene.ward, scene.actors["a"]
    with ward.house.writing_session() as session:
        found = takeout.ask(session, a, scene.of("a", "person"), ward.now)
    while packing.work(ward.house):
        pass
    return {"a": {"takeout": found}}


ASKED = {
    "response_type": "code", "client_id": "$app", "redirect_uri": REDIRECT, "scope": "patient/*.rs", "state": "s", "aud": BASE,
    "code_challenge": "$challenge", "code_challenge_method": "S256",
}  # fmt: skip
CHOSEN = {"person": "$person", "kinds": list(KINDS), "lasting": "once", "decision": "allow"}
TRADED = {
    "grant_type": "authorization_code", "client_id": "$app", "code": "$code", "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
}  # fmt: skip
NOT_THEIRS = {"b": 400, "guardian": 400, "former": 400, "claimant": 400}

ROWS: dict[str, Row] = {
    "fhir.metadata": Row(),
    "fhir.smart_configuration": Row(),
    "fhir.search": Row({"kind": "Observation"}),
    "fhir.search_by_post": Row({"kind": "Observation"}, {"_count": "5"}),
    "fhir.read": Row({"kind": "Observation", "its_id": "$measured"}),
    "fhir.token": Row(form=TRADED, prepare=_coded, tells=("*",)),  # a code and its secret
    "fhir.revoke": Row(form={"token": "$app_token", "client_id": "$app"}),
    "smart.authorize": Row(query=ASKED, prepare=_asked),
    "smart.decide": Row(form={**ASKED, **CHOSEN}, prepare=_asked, but=NOT_THEIRS),
    "smart.apps": Row(),
    "patient.takeouts": Row(),
    "patient.takeouts_now": Row(),
    "patient.ask_takeout": Row(form={"person": "$person"}, owned="person", owners=("a", "child")),
    "patient.fetch_takeout": Row({"takeout_id": "$takeout"}, prepare=_packed, owned="link"),
    "admin.apps": Row(),
    "admin.register_app": Row(form={"name_zh": "心率", "name_en": "Pulse", "redirects": "https://pulse.example/back"}),
    "admin.disable_app": Row({"app_id": "$app"}),
    "smart.withdraw": Row({"grant_id": "$grant"}, owned="link"),
}
