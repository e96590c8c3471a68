"""What an application may ask for, where it may be sent back to, and what proves that it is the same one."""

from __future__ import annotations

import pytest

from app.domain import smart
from app.domain.errors import BadInput

GOOD = [
    "https://app.example/back", "https://app.example:8443/back?a=1&b=%2F", "http://127.0.0.1:9999/back", "com.example.diary:/back",
    "com.example.diary://back",
]  # fmt: skip
BAD = [
    "", "https://", "http://app.example/back", "http://localhost:9999/back", "http://127.0.0.1.evil.example/", "https://u@app.example/",
    "https://u:p@app.example/", "https://app.example/#x", "https://app.example/\\evil", "//app.example/back", "/back", "javascript:alert(1)",
    "data:text/html,x", "https://*.example/back", "https://app.example/ back", "https://app.example/\n", "https://应用.example/",
    "ftp://app.example/", "https://app.example:port/", "https:app.example", "file:///etc/passwd", "https://app.example/" + "x" * 300,
    "http://[::1]:9999/back", "HTTPS://app.example/back",
]  # fmt: skip


@pytest.mark.parametrize("redirect", GOOD)
def test_an_address_of_these_forms_is_kept_as_it_stands(redirect):
    assert smart.parse_redirect(redirect) == redirect


@pytest.mark.parametrize("redirect", BAD)
def test_any_other_address_is_refused(redirect):
    with pytest.raises(BadInput):
        smart.parse_redirect(redirect)


@pytest.mark.parametrize(
    ("scope", "types"),
    [
        ("patient/Observation.rs", ("Observation",)), ("patient/Observation.r", ("Observation",)),
        ("patient/Observation.read", ("Observation",)), ("patient/Observation.s", ("Observation",)),
        ("patient/Observation.cruds patient/Patient.*", ("Patient", "Observation")), ("patient/*.rs", smart.TYPES),
        ("patient/*.read openid fhirUser launch/patient", smart.TYPES), ("patient/Observation.write", ()),
        ("patient/Observation.cud", ()), ("patient/Group.rs", ()), ("user/*.rs system/*.rs", ()), ("", ()), ("patient/Observation", ()),
        ("patient/Observation.rs?category=laboratory", ()), ("patient/observation.rs", ()), ("xpatient/Observation.rs", ()),
        ("patient/Observation.sr", ()),
    ],
)  # fmt: skip
def test_a_scope_gives_what_it_asks_to_read_and_no_more(scope, types):
    assert smart.types_of(scope) == types


def test_what_was_ticked_cuts_what_was_asked_for():
    asked = smart.types_of("patient/Observation.rs patient/Patient.rs")
    assert smart.kinds_of(asked) == ("identity", "results")
    assert smart.chosen(asked, ["results", "medicines", "nonsense"]) == ("Observation",)
    assert smart.chosen(asked, []) == ()
    assert smart.scope_of(["Observation"], is_lasting=True) == "launch/patient patient/Observation.rs offline_access"


def test_the_verifier_is_that_of_the_specification():
    """RFC 7636, appendix B."""
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert smart.is_challenge(challenge) and smart.is_verified(verifier, challenge)
    assert not smart.is_verified(verifier[:-1] + "l", challenge)
    for wrong in ("", "short", verifier + " ", verifier * 4, challenge):
        assert not smart.is_verified(wrong, challenge)
    for wrong in ("", challenge + "=", challenge[:-1], challenge[:-1] + "+"):
        assert not smart.is_challenge(wrong)


def test_a_page_may_lead_to_the_applications_origin_alone():
    assert smart.origin_of("https://app.example:8443/back?x") == "https://app.example:8443"
    assert smart.origin_of("com.example.diary:/back") == "com.example.diary:"
