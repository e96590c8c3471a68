"""What an application may ask for and get: scopes, kinds of data, redirects, PKCE. Pure.

Sources: HL7 SMART App Launch 2.2 (scopes, 3.0.2), RFC 6749 (OAuth 2.0), RFC 7636 (PKCE), RFC 8252 (native apps, 7.1 and 7.3),
RFC 9700 (OAuth security: exact redirects, PKCE for everybody, codes once).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import urlsplit

from app.domain.errors import BadInput

# What a person chooses between -> the resource types that it is. Whose appointment a slot is, no slot says.
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "identity": ("Patient",),
        "visits": ("Encounter", "Appointment", "Schedule", "Slot"),
        "results": ("Observation", "DiagnosticReport"),
        "medicines": ("MedicationRequest", "MedicationStatement"),
        "conditions": ("Condition",),
        "allergies": ("AllergyIntolerance",),
        "immunizations": ("Immunization",),
        "log": ("Consent", "AuditEvent", "Provenance"),
    }
)
TYPES = tuple(kind for kinds in KINDS.values() for kind in kinds)
# How long a grant may last. Once: an application that asked for no more, or was given no more, has one token's life.
ONCE = "once"
LASTING: Mapping[str, timedelta] = MappingProxyType(
    {ONCE: timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=30), "year": timedelta(days=365)}
)
CODE_LIFE = timedelta(seconds=60)
ACCESS_LIFE = timedelta(hours=1)
LONGEST_STATE = 500
MOST_REDIRECTS = 5

_SCOPE = re.compile(r"patient/(\*|[A-Za-z]{1,40})\.([a-z*]{1,5})(\?.*)?")
_READING = re.compile(r"read|\*|c?(rs?|u?d?s|ru?d?s?)")
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_PRIVATE = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/{1,3}[\x21-\x7e]*")


def types_of(scope: str) -> tuple[str, ...]:
    """Return the resource types that a scope asks to read and search, in our order; what we do not do is left out.

    `patient/Observation.rs`, `.r`, `.s` and the older `.read` count; of wider ones (`.cruds`, `.*`) the reading does. Scopes
    with conditions in their query are not understood, and so give nothing.
    """
    wanted: set[str] = set()
    for one in scope.split():
        match = _SCOPE.fullmatch(one)
        if match and not match[3] and _READING.fullmatch(match[2]):
            wanted.update(TYPES if match[1] == "*" else {match[1]} & set(TYPES))
    return tuple(kind for kind in TYPES if kind in wanted)


def wants_to_last(scope: str) -> bool:
    """Tell whether an application asks to go on without the person: SMART's offline_access."""
    return "offline_access" in scope.split()


def scope_of(types: Iterable[str], *, is_lasting: bool) -> str:
    """Return the scope that was granted, as the token's answer says it."""
    given = set(types)
    words = ["launch/patient", *(f"patient/{kind}.rs" for kind in TYPES if kind in given)]
    return " ".join([*words, "offline_access"] if is_lasting else words)


def kinds_of(types: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds that these resource types are of, in order."""
    given = set(types)
    return tuple(kind for kind, members in KINDS.items() if given & set(members))


def chosen(types: Iterable[str], kinds: Iterable[str]) -> tuple[str, ...]:
    """Return those of `types` that are of the chosen kinds."""
    allowed = {kind for name in kinds for kind in KINDS.get(name, ())}
    return tuple(kind for kind in types if kind in allowed)


def is_challenge(text: str) -> bool:
    """Tell whether this can be the S256 challenge of a verifier (RFC 7636, 4.2)."""
    return _CHALLENGE.fullmatch(text) is not None


def is_verified(verifier: str, challenge: str) -> bool:
    """Tell whether `verifier` is the one of the challenge (RFC 7636, 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(digest, challenge.encode())


def parse_redirect(text: str) -> str:
    """Return an address that an application may be sent back to, as it will be compared: byte for byte.

    https anywhere; http on this machine alone, by number (RFC 8252, 8.3); or a scheme of the application's own, a reversed
    domain (7.1). No fragment, no user, no wildcard. Raises BadInput.
    """
    if (
        not 8 <= len(text) <= 300
        or not text.isascii()
        or any(c in text for c in " \t\r\n\\#*<>\"'")
        or not text.isprintable()
    ):
        raise BadInput("redirect")
    if _PRIVATE.fullmatch(text):
        return text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadInput("redirect") from None
    is_ours = parts.netloc == (parts.hostname or "") + (f":{port}" if port is not None else "")
    is_loopback = text.startswith("http:") and parts.hostname == "127.0.0.1"
    if not (is_ours and parts.hostname and (text.startswith("https:") or is_loopback) and "@" not in text):
        raise BadInput("redirect")
    return text


def origin_of(redirect: str) -> str:
    """Return what a page's policy must let a form lead to: origin of a web address, scheme of an application's own."""
    parts = urlsplit(redirect)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
