"""Base64 as the formats of the log write it: RFC 4648, section 4, with padding, one spelling for each value."""

import base64
import binascii


def format_base64(data: bytes) -> str:
    """Return `data` in base64."""
    return base64.b64encode(data).decode("ascii")


def parse_base64(text: str) -> bytes:
    """Return the bytes written as `text`.

    Raises ValueError for every spelling but the one of `format_base64`. Callers turn it into the error of their format.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as e:
        raise ValueError("not base64") from e
    if format_base64(data) != text:  # unused bits set: the same bytes spelt a second way
        raise ValueError("not base64 in its canonical spelling")
    return data
