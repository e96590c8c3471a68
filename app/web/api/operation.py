"""What a view of the API takes and gives, said once: for the view to be called with it, and for the description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, jsonify
from pydantic import BaseModel, TypeAdapter

from app.web.api.body import read_body, read_query


@dataclass(frozen=True)
class Operation:
    """One operation: its models, the status of its answer, and an answer's data as an example."""

    gives: Any
    example: Any
    takes: type[BaseModel] | None
    asks: type[BaseModel] | None
    status: int
    refuses: tuple[str, ...]


def operation(
    gives: Any,
    example: Any,
    *,
    takes: type[BaseModel] | None = None,
    asks: type[BaseModel] | None = None,
    status: int = 200,
    refuses: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Describe a view. It is called with `body` where it takes one and `query` where it asks for one, both checked.

    `gives` is the type of the answer's data, `refuses` the codes of refusals that a client should know.
    """
    described = Operation(gives, example, takes, asks, status, refuses)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def called(*args: Any, **kwargs: Any) -> Any:
            if takes is not None:
                kwargs["body"] = read_body(takes)
            if asks is not None:
                kwargs["query"] = read_query(asks)
            return view(*args, **kwargs)

        called.operation = described  # type: ignore[attr-defined]
        return called

    return decorate


def plain(kind: Any, value: Any) -> Any:
    """Return a service's value as the JSON that `kind` describes: what is not in the model does not go out."""
    adapter = TypeAdapter(kind)
    return adapter.dump_python(adapter.validate_python(value, from_attributes=True), mode="json")


def answer(kind: Any, value: Any) -> Response:
    """Return the answer of a call that records nothing."""
    return jsonify({"code": 0, "data": plain(kind, value), "receipts": []})
