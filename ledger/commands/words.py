"""Text from outside, made fit for a terminal."""


def printable(text: str) -> str:
    """Return `text` with whatever could move a cursor or turn the writing around spelt out."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
