"""Sections of one page that several benchmarks write: each replaces its own and leaves the others as they are."""

from __future__ import annotations

from pathlib import Path

TITLE = "# Benchmarks\n"


def put(page: Path, name: str, text: str) -> None:
    """Let `text` be the section `name` of `page`: in its place if it is there, else at the end."""
    begins, ends = f"<!-- {name}: written by a program -->", f"<!-- end of {name} -->"
    section = f"{begins}\n\n{text.strip()}\n\n{ends}\n"
    old = page.read_text("utf-8") if page.exists() else TITLE
    before, found, rest = old.partition(f"{begins}\n")
    after = rest.partition(f"{ends}\n")[2]
    page.write_text(before + section + after if found else f"{old.rstrip()}\n\n{section}", "utf-8")
