"""What stands on paper: a receipt as the digits of a large QR code, and the fingerprint of a key for people to compare.

docs/log-format.md, "On paper". Digits, because every reader of codes gives them back as they are (bytes it guesses at), and
because QR packs three of them into ten bits.
"""

import hashlib
import re
import zlib

from ledger.errors import MalformedReceipt
from ledger.receipt import MAX_RECEIPT_BYTES

VERSION = "1"
MAX_DIGITS = 7089  # the largest code there is holds no more (ISO/IEC 18004)
_GROUP = 6  # bytes in fifteen digits: what a number of JavaScript still holds exactly
_CODE = re.compile(rb"\s*(?:[a-zA-Z]+://[^#\s]*#)?[0-9][0-9\s-]*")
_DIGITS = (0, 3, 5, 8, 10, 13, 15)  # for so many bytes


def format_paper(receipt: bytes) -> str:
    """Return the digits for the file of a receipt: a version, then its raw DEFLATE (RFC 1951), six bytes in fifteen digits."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    packed = packer.compress(receipt) + packer.flush()
    groups = [packed[start : start + _GROUP] for start in range(0, len(packed), _GROUP)]
    return VERSION + "".join(str(int.from_bytes(group, "big")).zfill(_DIGITS[len(group)]) for group in groups)


def parse_paper(digits: str) -> bytes:
    """Return the file of the receipt that `digits` stand for, nothing verified. Raises MalformedReceipt."""
    if len(digits) > MAX_DIGITS or not re.fullmatch(rf"{VERSION}[0-9]+", digits, re.ASCII):
        raise MalformedReceipt("not the digits of a receipt")
    packed = bytearray()
    for start in range(1, len(digits), _DIGITS[_GROUP]):
        group = digits[start : start + _DIGITS[_GROUP]]
        try:
            packed += int(group).to_bytes(_DIGITS.index(len(group)), "big")
        except (ValueError, OverflowError) as e:
            raise MalformedReceipt(f"digits {start} to {start + len(group)} stand for no bytes") from e
    reader = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        receipt = reader.decompress(packed, MAX_RECEIPT_BYTES + 1)  # a few bytes may say that they unpack to gigabytes
    except zlib.error as e:
        raise MalformedReceipt(f"the digits do not unpack: {e}") from e
    if not reader.eof or reader.unused_data or len(receipt) > MAX_RECEIPT_BYTES:
        raise MalformedReceipt(
            "the digits end early, or go on after the receipt, or unpack to more than a receipt can be"
        )
    return receipt


def unpaper(data: bytes) -> bytes:
    """Return the file of the receipt in `data`: itself, or what it says if it is the text of a code on paper.

    That is digits, bare or behind the address of a page and a #, as a scanner gives them; people who type digits may put
    spaces and hyphens between. Raises MalformedReceipt for digits that are no receipt.
    """
    if not _CODE.fullmatch(data):
        return data
    return parse_paper(re.sub(rb"[\s-]+", b"", data.rpartition(b"#")[2]).decode("ascii"))


def fingerprint(vkey: str) -> str:
    """Return the fingerprint of a verifier key in its text form: six groups of five digits, about 99 bits.

    Short enough to compare by eye with a slip or a wall, long enough that nobody makes a second key with the same.
    """
    digest = hashlib.sha256(f"mingzhen.key.v1\n{vkey}".encode()).digest()
    return " ".join(f"{int.from_bytes(digest[start : start + 4], 'big') % 100_000:05}" for start in range(0, 24, 4))
