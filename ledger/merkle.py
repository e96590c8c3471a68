"""The Merkle tree: hashes, roots and proofs.

Follows RFC 6962, section 2.1, and the verification algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2. Pure
functions over plain values; whoever holds the tree hands in `read`, which answers with the hashes of perfect subtrees.
A node (level, index) covers the leaves index * 2**level up to, but not with, (index + 1) * 2**level.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from ledger.errors import VerificationError

HASH_SIZE = 32  # bytes of a SHA-256
EMPTY_ROOT = sha256(b"").digest()

Node = tuple[int, int]  # (level, index)
ReadNodes = Callable[[Sequence[Node]], Sequence[bytes]]


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf that holds `entry`."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes_of(entries: Iterable[bytes]) -> list[bytes]:
    """Return the `leaf_hash` of each; written out here and in `_row_above`, for a call costs as much as half a hash."""
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above `left` and `right`."""
    return sha256(b"\x01" + left + right).digest()


def root_hash(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over `leaf_hashes`, all of them in memory; `EMPTY_ROOT` for none."""
    if not leaf_hashes:
        return EMPTY_ROOT
    row = leaf_hashes
    while len(row) > 1:
        row = _row_above(row)
    return row[0]


def tree_hash(size: int, read: ReadNodes) -> bytes:
    """Return the root of the first `size` leaves, read as at most log2(size) + 1 subtrees."""
    if size < 0:
        raise ValueError(f"no such tree: size={size}")
    if size == 0:
        return EMPTY_ROOT
    return fold_right(read(_peaks(0, size)))


def inclusion_proof(index: int, size: int, read: ReadNodes) -> list[bytes]:
    """Return the path of leaf `index` in the tree of `size` leaves, the leaf's sibling first (RFC 6962, 2.1.1).

    Raises ValueError if the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"no such leaf: index={index} size={size}")
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return _range_hashes(ranges[::-1], read)


def inclusion_proofs(start: int, leaf_hashes: Sequence[bytes], read: ReadNodes) -> list[tuple[bytes, ...]]:
    """Return the paths of the last leaves of a tree, as `inclusion_proof` of each would.

    `leaf_hashes`, at least one, are those from leaf `start` to the end of the tree; `read` answers for what lies before.
    Neighbours share all but the first hash of their paths, so that a whole round of them costs as much as a few.
    """
    if start < 0 or not leaf_hashes:
        raise ValueError(f"no such leaves: start={start}, {len(leaf_hashes)} of them")
    # Up: row after row, a last odd one carried along as in `root_hash`. Left of a row stands one neighbour at most.
    neighbours: list[Node] = []
    first, count, level = start, start + len(leaf_hashes), 0
    while count > 1:
        if first % 2:
            neighbours.append((level, first - 1))
        first, count, level = first // 2, (count + 1) // 2, level + 1
    before = iter(read(neighbours) if neighbours else ())
    rows: list[tuple[list[bytes], int]] = []  # with how many of them are neighbours
    row, first = list(leaf_hashes), start
    while first + len(row) > 1:
        if first % 2:
            row.insert(0, next(before))
        rows.append((row, first % 2))
        row, first = _row_above(row), first // 2
    # Down: a path is the sibling, then the path of the node above both.
    paths: list[tuple[bytes, ...]] = [()]
    for row, skipped in reversed(rows):
        below: list[tuple[bytes, ...]] = []
        for i, path in zip(range(0, len(row) - 1, 2), paths, strict=False):
            below += ((row[i + 1], *path), (row[i], *path))
        paths = (below + paths[len(row) // 2 :])[skipped:]
    return paths


def consistency_proof(old_size: int, new_size: int, read: ReadNodes) -> list[bytes]:
    """Return the proof that the tree of `new_size` leaves begins with that of `old_size` (RFC 6962, 2.1.2).

    Empty for `old_size` 0 or equal to `new_size`. Raises ValueError if the old tree is the larger one.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"no such proof: old_size={old_size} new_size={new_size}")
    if old_size in (0, new_size):
        return []
    ranges: list[tuple[int, int]] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start != 0:  # otherwise the whole old tree is one subtree, whose hash the verifier already has
        ranges.append((start, end))
    return _range_hashes(ranges[::-1], read)


def verify_inclusion(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Raise VerificationError ("inclusion") unless `path` leads from leaf `index` to `root` (RFC 9162, 2.1.3.2)."""

    def refuse(why: str) -> VerificationError:
        return VerificationError("inclusion", why, index=index, size=size, path_length=len(path))

    if not 0 <= index < size:
        raise refuse(f"a tree of {size} entries has no entry {index}")
    if any(len(value) != HASH_SIZE for value in (leaf_hash, root, *path)):
        raise refuse(f"a hash is not {HASH_SIZE} bytes long")
    fn, sn, r = index, size - 1, leaf_hash
    for p in path:
        if sn == 0:
            raise refuse("the path is too long for this tree")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise refuse("the path is too short for this tree")
    if r != root:
        raise refuse("the path does not lead to the root")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Raise VerificationError ("consistency") unless the new tree begins with the old (RFC 9162, 2.1.4.2)."""

    def refuse(why: str) -> VerificationError:
        return VerificationError(
            "consistency", why, old_size=old_size, old_root=old_root, new_size=new_size, new_root=new_root
        )

    if not 0 <= old_size <= new_size:
        raise refuse(f"a tree of {new_size} entries cannot continue one of {old_size}")
    if any(len(value) != HASH_SIZE for value in (old_root, new_root, *path)):
        raise refuse(f"a hash is not {HASH_SIZE} bytes long")
    if old_size in (0, new_size):
        if path:
            raise refuse("this proof has to be empty")
        if old_size == 0 and old_root != EMPTY_ROOT:
            raise refuse("the root of the empty tree is another one")
        if new_size == 0 and new_root != EMPTY_ROOT:
            raise refuse("the root of the empty tree is another one")
        if old_size == new_size and old_root != new_root:
            raise refuse("two trees of one size have two roots")
        return
    steps = list(path)
    if not steps:
        raise refuse("the proof is empty")
    if old_size & (old_size - 1) == 0:  # a perfect old tree: its root is where the proof begins
        steps.insert(0, old_root)
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = steps[0]
    for c in steps[1:]:
        if sn == 0:
            raise refuse("the proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise refuse("the proof is too short")
    if fr != old_root:
        raise refuse("the proof does not lead to the old root")
    if sr != new_root:
        raise refuse("the proof does not lead to the new root")


def fold_right(peaks: Sequence[bytes]) -> bytes:
    """Return the root above perfect subtrees of falling size, at least one, the largest first."""
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def _row_above(row: Sequence[bytes]) -> list[bytes]:
    """Return the nodes above a row of the tree, its first one a left child.

    Pairing neighbours and carrying a last odd one up gives the RFC's tree: it too splits at powers of two.
    """
    above = [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]
    if len(row) % 2:
        above.append(row[-1])
    return above


def _split(size: int) -> int:
    """Return the largest power of two smaller than `size` (at least 2): where RFC 6962 splits a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def _peaks(start: int, end: int) -> list[Node]:
    """Return the perfect subtrees of the leaves `start` to `end`, the largest first; `start` is where one may begin."""
    nodes: list[Node] = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def _range_hashes(ranges: Sequence[tuple[int, int]], read: ReadNodes) -> list[bytes]:
    """Return the hash over each range of leaves, reading the nodes of all of them at once."""
    nodes = [_peaks(start, end) for start, end in ranges]
    hashes = iter(read([node for group in nodes for node in group]))
    return [fold_right([next(hashes) for _ in group]) for group in nodes]
