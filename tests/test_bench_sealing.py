"""The benchmark of sealing does the work that it times: a handful of everything, nothing timed."""

from __future__ import annotations

from datetime import UTC, datetime

from bench import disclosed, sealing


def test_it_reads_writes_discloses_audits_and_rotates(tmp_path, monkeypatch):
    monkeypatch.setattr(sealing, "TIMES", 2)
    monkeypatch.setattr(sealing, "PEOPLE", 3)
    monkeypatch.setattr(sealing, "RECORDS", 4)
    monkeypatch.setattr(disclosed, "VISITS", 6)
    figures, others = sealing.run(tmp_path, 1)
    assert figures.audit_events >= 500
    assert figures.rotated >= 4 * 5
    text = sealing.page(figures, datetime.now(UTC), others)
    assert "of clear" in text
    assert [len(page.cpu[which]) for page in figures.pages for which in ("without", "opened", "again")] == [2] * 6
    assert "| a visit with 5 results |" in text
    assert "events/s" in text
