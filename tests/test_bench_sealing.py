"""The benchmark of sealing does the work that it times: a handful of everything, nothing timed."""

from __future__ import annotations

from datetime import UTC, datetime

from bench import sealing


def test_it_reads_writes_discloses_audits_and_rotates(tmp_path, monkeypatch):
    monkeypatch.setattr(sealing, "TIMES", 2)
    monkeypatch.setattr(sealing, "PEOPLE", 3)
    monkeypatch.setattr(sealing, "RECORDS", 4)
    figures, others = sealing.run(tmp_path, 1)
    assert figures.audit_events >= 500
    assert figures.rotated >= 4 * 5
    text = sealing.page(figures, datetime.now(UTC), others)
    assert "of clear" in text
    assert "events/s" in text
