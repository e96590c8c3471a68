"""The API described by itself: OpenAPI 3.1 (spec.openapis.org/oas/v3.1.1), from the route table and the models."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, current_app, jsonify
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from werkzeug.routing import Rule

from app.web.api import answers, bp, examples, forms
from app.web.api.operation import Operation, operation
from app.web.login import public

REF_TEMPLATE = "#/components/schemas/{model}"
PATTERNS = {"event_id": r"^[0-9a-f-]{36}$"}


class ReceiptRef(BaseModel):
    """A receipt of what the call did. "pending" completes by itself; its address then has the proof."""

    model_config = ConfigDict(extra="forbid")

    id: str
    state: str
    url: str


class Refusal(BaseModel):
    """What was refused: `code` names the rule and never changes, `errorMsg` and `next` are in the language asked for."""

    model_config = ConfigDict(extra="forbid")

    code: str
    errorMsg: str
    next: str | None = None
    field: str | None = None
    number: str | None = None


@bp.get("/openapi.json")
@public
@operation(answers.Description, examples.DESCRIPTION)
def openapi() -> Response:
    """This description. It has no envelope, so that tools read it."""
    return jsonify(describe())


def operations() -> list[tuple[Rule, str, Operation]]:
    """Return every route of this door with its method and what its view says of itself."""
    found = []
    for rule in current_app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{bp.name}."):
            described = current_app.view_functions[rule.endpoint].operation  # type: ignore[attr-defined]
            found.extend((rule, m, described) for m in sorted(rule.methods or ()) if m in ("GET", "POST"))
    return sorted(found, key=lambda one: (one[0].rule, one[1]))


def describe() -> dict[str, Any]:
    """Return the whole document."""
    schemas: dict[str, Any] = {}
    _schema(ReceiptRef, "serialization", schemas)
    _schema(Refusal, "serialization", schemas)
    paths: dict[str, Any] = {}
    for rule, method, described in operations():
        path = re.sub(r"<(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(rule, method, described, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mingzhen 明诊",
            "version": "1",
            "description": "Refusals answer {code, errorMsg} with their true status. Send `Accept-Language: en` for English. "
            "Send `Idempotency-Key` with every act: a retry then has the first answer, and does nothing twice.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(rule: Rule, method: str, described: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    view = current_app.view_functions[rule.endpoint]
    words = " ".join((view.__doc__ or "").split())
    is_public = "public" in view.audience  # type: ignore[attr-defined]
    body: dict[str, Any] = {
        "operationId": rule.endpoint.split(".", 1)[1],
        "summary": words,
        "security": [] if is_public else [{"token": []}],
        "parameters": [*_in_path(rule), *_in_query(described), *(_key() if method == "POST" and not is_public else [])],
        "responses": {
            str(described.status): {
                "description": "Done.",
                "content": {"application/json": _answer(rule, described, schemas)},
            },
            "default": {
                "description": "Refused. Among others: " + ", ".join(described.refuses or ("sign_in_needed",)) + ".",
                "content": {"application/json": {"schema": {"$ref": REF_TEMPLATE.format(model="Refusal")}}},
            },
        },
    }
    if described.takes is not None and described.takes is not forms.Nothing:
        schema = _schema(described.takes, "validation", schemas)
        body["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return body


def _answer(rule: Rule, described: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    given = {"type": "null"} if described.gives is None else _schema(described.gives, "serialization", schemas)
    if rule.endpoint == "api.openapi":
        return {"schema": given}
    receipts = {"type": "array", "items": {"$ref": REF_TEMPLATE.format(model="ReceiptRef")}}
    envelope = {
        "type": "object",
        "required": ["code", "data", "receipts"],
        "properties": {"code": {"const": 0}, "data": given, "receipts": receipts},
    }
    return {"schema": envelope, "example": {"code": 0, "data": described.example, "receipts": []}}


def _in_path(rule: Rule) -> list[dict[str, Any]]:
    return [
        {
            "name": name, "in": "path", "required": True,
            "schema": {"type": "string", "pattern": PATTERNS.get(name, r"^[A-Za-z0-9_-]{1,64}$")},
        }
        for name in sorted(rule.arguments)
    ]  # fmt: skip


def _in_query(described: Operation) -> list[dict[str, Any]]:
    if described.asks is None:
        return []
    schema = described.asks.model_json_schema(mode="validation", ref_template=REF_TEMPLATE)
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": shape}
        for name, shape in schema["properties"].items()
    ]


def _key() -> list[dict[str, Any]]:
    return [{"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 200}}]


def _schema(kind: Any, mode: JsonSchemaMode, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a reference to the schema of `kind`, which joins `schemas` with all that it mentions."""
    schema = TypeAdapter(kind).json_schema(mode=mode, ref_template=REF_TEMPLATE)
    schemas.update(schema.pop("$defs", {}))
    name = getattr(kind, "__name__", "")
    if isinstance(kind, type) and issubclass(kind, BaseModel) and "$ref" not in schema:
        schemas[name] = schema
        return {"$ref": REF_TEMPLATE.format(model=name)}
    return schema
