"""Refs: random, url-safe, and words that a command line takes as they are."""

from __future__ import annotations

import secrets

import pytest

from app.domain.ids import REF_LENGTH, new_ref


def test_refs_are_url_safe_and_differ() -> None:
    refs = {new_ref() for _ in range(2000)}
    assert len(refs) == 2000
    assert all(len(ref) == REF_LENGTH and ref.replace("-", "").replace("_", "").isalnum() for ref in refs)


def test_no_ref_reads_as_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["-f3UctPF7dLhOB7mYWpeNA", "--UctPF7dLhOB7mYWpeNAx", "af3UctPF7dLhOB7mYWpeNA"])
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _: next(drawn))
    assert new_ref() == "af3UctPF7dLhOB7mYWpeNA"
