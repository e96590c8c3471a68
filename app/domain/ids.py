"""Names for things that say nothing about them."""

from __future__ import annotations

import secrets
import uuid

REF_LENGTH = 22


def new_ref() -> str:
    """Return 128 random bits as 22 url-safe characters. None begins with "-", which a command line would take for an option."""
    while (ref := secrets.token_urlsafe(16)).startswith("-"):
        pass
    return ref


def new_event_id(at_ms: int) -> str:
    """Return a UUIDv7 for an instant in milliseconds since 1970 (RFC 9562, section 5.7)."""
    value = (at_ms & (2**48 - 1)) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))
