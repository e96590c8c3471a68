"""What this server does, for programs: the CapabilityStatement, and where applications are let in.

Sources: HL7 FHIR R4 2.26 CapabilityStatement; SMART App Launch 2.2, "Conformance".
"""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, url_for

from app.domain.fhir.search import PARAMETERS
from app.domain.fhir.write import TERMINOLOGY
from app.domain.smart import TYPES, scope_of
from app.web.fhir import bp
from app.web.fhir.calls import json_wanted
from app.web.login import public
from app.web.outcomes import MEDIA_TYPE, fhir_response, frame

SINCE = "2026-11-22"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
NO_NAMES = (
    "Reading for applications that a patient let in. A token opens one patient, so `patient` may be left out. `identifier`, `name` "
    "and `birthdate` are not offered: addresses are kept in logs and histories, and no person is looked for here. Parameters that "
    "would tell too much in an address go into the body of POST [type]/_search. Unknown parameters are refused unless "
    "`Prefer: handling=lenient` is said. Every read stands in the patient's own log with a receipt."
)
RESOURCE_WORDS = {
    "Schedule": "When doctors sit; of the house, in no patient's log.",
    "Slot": "Slots that have not begun; who has one is not told.",
    "AuditEvent": "Who looked at the record, or tried to: the patient's own access log.",
    "Provenance": "What was done to which versions, with the receipt's id and its entry in the public ledger.",
    "MedicationRequest": "One for each line of a prescription; what no pharmacist accepted yet is a draft.",
    "Patient": "The token's patient. No document and no phone leaves the house.",
}


def oauth_addresses() -> dict[str, str]:
    """Return the addresses of letting in, of tokens, and of giving one back, absolute."""
    base = frame().base.removesuffix("/fhir/R4")
    return {
        "authorize": base + url_for("smart.authorize"),
        "token": base + url_for("fhir.token"),
        "revoke": base + url_for("fhir.revoke"),
        "manage": base + url_for("smart.apps"),
    }


@bp.get("/R4/metadata")
@public
@json_wanted
def metadata() -> Response:
    """The CapabilityStatement."""
    addresses = oauth_addresses()
    uris = [{"url": name, "valueUri": addresses[name]} for name in ("authorize", "token", "revoke", "manage")]
    smart = {
        "coding": [{"system": f"{TERMINOLOGY}/restful-security-service", "code": "SMART-on-FHIR"}],
        "text": "OAuth 2.0, authorization code with PKCE (SMART App Launch)",
    }
    return fhir_response(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": SINCE,
            "kind": "instance",
            "publisher": "明诊 Mingzhen",
            "software": {"name": "Mingzhen"},
            "implementation": {"description": "明诊 Mingzhen", "url": frame().base},
            "fhirVersion": "4.0.1",
            "format": [MEDIA_TYPE, "json"],
            "rest": [
                {
                    "mode": "server",
                    "documentation": NO_NAMES,
                    "security": {
                        "cors": True,
                        "service": [smart],
                        "extension": [{"url": OAUTH_URIS, "extension": uris}],
                    },
                    "resource": [_resource(kind) for kind in PARAMETERS],
                }
            ],
        }
    )


def _resource(kind: str) -> dict[str, Any]:
    described = {
        "type": kind,
        "versioning": "versioned" if kind not in ("Schedule", "Slot", "AuditEvent", "Provenance") else "no-version",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [
            {"name": name, "type": "token" if one.kind == "id" else one.kind, "documentation": one.words}
            for name, one in PARAMETERS[kind].items()
        ],
    }
    return described | ({"documentation": RESOURCE_WORDS[kind]} if kind in RESOURCE_WORDS else {})


@bp.get("/R4/.well-known/smart-configuration")
@public
def smart_configuration() -> Response:
    """Where and how applications are let in."""
    addresses = oauth_addresses()
    return jsonify(
        {
            "authorization_endpoint": addresses["authorize"],
            "token_endpoint": addresses["token"],
            "revocation_endpoint": addresses["revoke"],
            "management_endpoint": addresses["manage"],
            "token_endpoint_auth_methods_supported": ["none"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["patient/*.rs", *scope_of(TYPES, is_lasting=True).split()],
            "capabilities": [
                "launch-standalone", "client-public", "context-standalone-patient", "permission-patient", "permission-offline",
                "permission-v1", "permission-v2",
            ],
        }
    )  # fmt: skip
