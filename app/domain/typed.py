"""What keyboards do to numbers: full-width digits, spaces between groups, hyphens of five kinds.

People copy numbers from cards and chat messages. Whatever does not change the number is tidied here, before any rule
looks at it, so that no refusal is about a space.
"""

import re
import unicodedata

_SEPARATORS = re.compile(r"[\s\-‐‑‒–—−_.]+")


def tidy_number(text: str) -> str:
    """Return `text` in half-width characters (NFKC), upper case, without spaces, hyphens and dots."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper()
