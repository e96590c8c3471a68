"""Ways of spoiling bytes."""

from collections.abc import Iterator


def flips(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (bit, `data` with that bit flipped) for every bit of it."""
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << (bit % 8)
        yield bit, bytes(changed)
