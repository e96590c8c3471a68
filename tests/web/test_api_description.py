"""The API's description of itself is whole and true."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from app.web.api.description import describe, operations
from app.web.messages import WORDS


def test_every_route_is_described(app) -> None:
    with app.test_request_context():
        document = describe()
    described = {
        (method.upper(), path.replace("{", "<").replace("}", ">"))
        for path, methods in document["paths"].items()
        for method in methods
    }
    routes = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == routes
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


def test_every_example_is_an_answer_of_its_model(app) -> None:
    with app.app_context():
        found = operations()
    assert len(found) == 45
    for rule, _method, described in found:
        if described.gives is None:
            assert described.example is None, rule
        else:
            adapter = TypeAdapter(described.gives)
            value = adapter.validate_json(json.dumps(described.example))
            assert adapter.dump_python(value, mode="json") == described.example, rule


def test_every_refusal_that_is_named_has_words(app) -> None:
    with app.app_context():
        named = {code for _rule, _method, described in operations() for code in described.refuses}
    assert named - set(WORDS) == set()


def test_every_reference_of_the_description_leads_somewhere(app) -> None:
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    references: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                references.append(value["$ref"])
            for one in value.values():
                collect(one)
        elif isinstance(value, list):
            for one in value:
                collect(one)

    collect(document)
    assert references and {r.removeprefix("#/components/schemas/") for r in references} <= set(schemas)
