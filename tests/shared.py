"""A shared link in tests, as whoever holds it reads it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any


def payload_of(link: str) -> dict[str, Any]:
    """Return what a link says. It may stand behind the # of a viewer's address."""
    written = link.rpartition("shlink:/")[2]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(written + "=" * (-len(written) % 4)))
    return payload


def token_of(link: str) -> str:
    """Return the token in a link's address."""
    found = re.search(r"/fhir/shl/([\w-]{43})$", payload_of(link)["url"])
    assert found
    return found[1]
