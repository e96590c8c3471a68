"""The check of receipts as one file to keep: it works from a disk, years later, with neither this site nor a network.

The page is drawn like any other and then everything it names is put into it. Its own policy for content names each script by its
hash and allows nothing else, so that a reader can see that it sends nothing anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

_SHEET = re.compile(r'<link rel="stylesheet" href="/static/([\w./-]+\.css)">')
_SCRIPT = re.compile(r'<script defer src="/static/([\w./-]+\.js)"></script>')
_POLICY = "<!-- policy -->"


def self_contained(page: str, static: Path) -> str:
    """Return `page` with its style sheets and scripts, which lie below `static`, inside it.

    `page` has a comment `<!-- policy -->` in its head, where the policy for content goes. Raises ValueError for a page that
    still names a file of the site.
    """
    hashes: dict[str, list[str]] = {"style": [], "script": []}

    def inside(kind: str, name: str) -> str:
        text = (static / name).read_text("utf-8")
        if re.search(r"</(?:style|script)|<!--", text, re.IGNORECASE):
            raise ValueError(f"{name} would end its own element")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
        return f"<{kind}>{text}</{kind}>"

    page = _SHEET.sub(lambda found: inside("style", found[1]), page)
    page = _SCRIPT.sub(lambda found: inside("script", found[1]), page)
    policy = (
        f"default-src 'none'; style-src {' '.join(hashes['style'])}; script-src {' '.join(hashes['script'])}; "
        "img-src data:; media-src mediastream: blob:; base-uri 'none'; form-action 'none'"
    )
    page = page.replace(_POLICY, f'<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)
    if left := re.search(r'(?:src|href)="(?!#|data:|https?:)[^"]*"', page):
        raise ValueError(f"a saved page cannot reach {left[0]}")
    return page
