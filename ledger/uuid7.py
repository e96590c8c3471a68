"""Identifiers of events that the log itself makes."""

import secrets


def new_id(at_ms: int) -> str:
    """Return a UUIDv7 (RFC 9562, 5.7) of a time in milliseconds since 1970."""
    value = (at_ms << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (2 << 62) | secrets.randbits(62)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
