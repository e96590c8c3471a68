"""Reading what a call brings: JSON of one spelling, or a query, into a strict model.

JSON is refused rather than repaired: whatever two parsers could read differently (a key twice, a number too large for 64
bits, half a surrogate pair, NUL, NaN) and whatever only burdens (nesting, length). I-JSON, RFC 7493, section 2.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from app.domain.errors import BodyOfOtherType, BodyUnreadable, FieldsWrong

MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 8
MAX_FIELDS_NAMED = 8
_LOW, _HIGH = -(2**63), 2**63 - 1
_DIGITS = len(str(_HIGH)) + 1
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_UNSOUND = re.compile("[\x00\ud800-\udfff]")

M = TypeVar("M", bound=BaseModel)


def read_body(model: type[M]) -> M:
    """Return the body of this request as `model`. An empty body stands for `{}`, so that acts without fields need none.

    Raises BodyOfOtherType, BodyUnreadable, FieldsWrong; RequestEntityTooLarge comes from Flask.
    """
    request.max_content_length = MAX_BODY_BYTES
    raw = request.get_data()
    if not raw:
        return _checked(model, "{}")
    if request.mimetype != "application/json" or request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise BodyOfOtherType()
    return _checked(model, require_sound(raw))


def read_query(model: type[M]) -> M:
    """Return the query of this request as `model`; a name given twice counts as wrong. Raises FieldsWrong."""
    values: dict[str, str] = {}
    for name, value in request.args.items(multi=True):
        if name in values or _UNSOUND.search(name + value):
            raise FieldsWrong(fields=_named([name]))
        values[name] = value
    try:
        return model.model_validate_strings(values)
    except ValidationError as wrong:
        raise FieldsWrong(fields=_named_in(wrong)) from None


def require_sound(raw: bytes) -> str:
    """Return the text of a JSON object that has one meaning. Raises BodyUnreadable."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BodyUnreadable() from None
    if _depth(text) > MAX_DEPTH:
        raise BodyUnreadable()
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_int=_whole, parse_float=_finite, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        raise BodyUnreadable() from None
    if not isinstance(value, dict) or not _is_sound(value):
        raise BodyUnreadable()
    return text


def _depth(text: str) -> int:
    """Return how deep objects and arrays lie, before anything is built from them."""
    deepest = depth = 0
    for character in _STRINGS.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS or not _LOW <= int(digits) <= _HIGH:
        raise ValueError("a number of more than 64 bits")
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number of more than 64 bits")
    return number


def _no_constant(_name: str) -> Any:
    raise ValueError("not JSON")


def _is_sound(value: Any) -> bool:
    if isinstance(value, str):
        return _UNSOUND.search(value) is None
    if isinstance(value, list):
        return all(_is_sound(one) for one in value)
    if isinstance(value, dict):
        return all(_is_sound(key) and _is_sound(one) for key, one in value.items())
    return True


def _checked(model: type[M], text: str) -> M:
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as wrong:
        raise FieldsWrong(fields=_named_in(wrong)) from None


def _named_in(wrong: ValidationError) -> str:
    """Return where a value did not fit; never what it was."""
    return _named([".".join(str(part) for part in one["loc"]) for one in wrong.errors(include_input=False)])


def _named(names: list[str]) -> str:
    plain = [re.sub(r"[^A-Za-z0-9_.-]", "?", name)[:64] for name in names]
    return ", ".join(dict.fromkeys(plain[:MAX_FIELDS_NAMED]))
