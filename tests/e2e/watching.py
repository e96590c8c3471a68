"""Watching a page: whatever the console, a script or the content policy says is a failure; axe looks at every page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Frame, Page

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
REPORTS_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (e) => console.error("CSP " + e.violatedDirective + " " + e.blockedURI));
"""
# A colour on its way to another is no colour of ours; what turns for ever is not waited for.
STANDS_STILL = """
() => Promise.all(
  document.getAnimations().filter((a) => a.effect.getComputedTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {}))
)
"""
PHONE = {"width": 390, "height": 844}
TABLET = {"width": 1024, "height": 768}


class Watched:
    """A context whose pages are listened to. `complaints` must stay empty."""

    def __init__(self, browser: Browser, viewport: dict[str, int], **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(viewport=viewport, locale="zh-CN", **options)  # type: ignore[arg-type]
        self.context.set_default_timeout(60_000)  # a loaded machine is no failure
        self.context.add_init_script(REPORTS_VIOLATIONS)
        self.complaints: list[str] = []
        self.context.on(
            "console",
            lambda m: (
                self.complaints.append(f"{m.type}: {m.text} {m.location.get('url')}") if m.type != "log" else None
            ),
        )
        self.context.on("weberror", lambda e: self.complaints.append(f"script: {e.error}"))

    def page(self) -> Page:
        return self.context.new_page()

    def close(self) -> None:
        self.context.close()


def look(page: Page | Frame) -> list[str]:
    """Return what axe finds serious or critical on a page: A and AA, no rule switched off.

    A page that goes while it is looked at, because a press is only now followed, is looked at where it arrives.
    """
    for _ in range(5):
        try:
            return _found(page)
        except Error as e:
            if "navigation" not in str(e):
                raise
            page.wait_for_load_state("load")
    return _found(page)


def _found(page: Page | Frame) -> list[str]:
    page.evaluate(STANDS_STILL)
    if not page.evaluate("() => typeof window.axe !== 'undefined'"):
        page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}})", TAGS)
    return [
        f"{page.url}: {v['id']} ({v['impact']}): {v['nodes'][0]['html'][:160]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
