"""Where the tiles of a log live, what is in them, and how they grow.

Follows https://c2sp.org/tlog-tiles. A hash tile of level l holds up to 256 hashes, each the root over 256**l leaves; an
entry bundle holds the entries under a tile of level 0. Only the last tile of a level may be partial.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ledger.errors import MalformedPath, MalformedTile
from ledger.merkle import EMPTY_ROOT, HASH_SIZE, Node, ReadNodes, fold_right, root_hash

TILE_WIDTH = 256  # hashes in a full tile
TILE_BITS = 8  # a tile level is this many levels of the tree
TILE_BYTES = TILE_WIDTH * HASH_SIZE
MAX_ENTRY_BYTES = 0xFFFF

ReadTile = Callable[[int, int, int], bytes]  # (tile level, tile index, width) -> width * 32 bytes

_NUMBERED = r"((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
_TILE_PATH = re.compile(rf"tile/(0|[1-9][0-9]?)/{_NUMBERED}")
_BUNDLE_PATH = re.compile(rf"tile/entries/{_NUMBERED}")


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of one hash tile, relative to the log's URL prefix.

    `level` counts rows of tiles up from the leaves (0 to 63), `index` counts tiles from the left, `width` is how many
    hashes the tile holds (1 to 256; fewer than 256 makes it a partial tile).

    Raises ValueError for a tile no tree can have. That is a mistake of ours: what a client typed comes through
    `parse_tile_path`, which raises MalformedPath.
    """
    if not 0 <= level <= 63:
        raise ValueError(f"no such tile: level={level} index={index} width={width}")
    return f"tile/{level}/{_numbered(index, width)}"


def bundle_path(index: int, width: int = TILE_WIDTH) -> str:
    """Return the path of one entry bundle, relative to the log's URL prefix; as `tile_path`, without a level."""
    return f"tile/entries/{_numbered(index, width)}"


def parse_tile_path(path: str) -> tuple[int, int, int]:
    """Return (level, index, width) of a hash tile's path. Raises MalformedPath for anything `tile_path` never wrote."""
    if (match := _TILE_PATH.fullmatch(path)) is None:
        raise MalformedPath(f"not the path of a tile: {path[:100]!r}")
    level, index, width = int(match[1]), _number(match[2]), int(match[3] or TILE_WIDTH)
    if level > 63 or _is_second_spelling(match, width) or tile_path(level, index, width) != path:
        raise MalformedPath(f"not the path of a tile: {path[:100]!r}")
    return level, index, width


def parse_bundle_path(path: str) -> tuple[int, int]:
    """Return (index, width) of an entry bundle's path. Raises MalformedPath for anything `bundle_path` never wrote."""
    if (match := _BUNDLE_PATH.fullmatch(path)) is None:
        raise MalformedPath(f"not the path of an entry bundle: {path[:100]!r}")
    index, width = _number(match[1]), int(match[2] or TILE_WIDTH)
    if _is_second_spelling(match, width) or bundle_path(index, width) != path:
        raise MalformedPath(f"not the path of an entry bundle: {path[:100]!r}")
    return index, width


def format_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the bundle of `entries`: each after its length, two bytes big-endian."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise ValueError(f"an entry of {len(entry)} bytes does not fit into a bundle")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def parse_bundle(data: bytes) -> list[bytes]:
    """Return the entries of a bundle. Raises MalformedTile if it ends in the middle of one, naming which."""
    return list(iterate_bundle(data))


def iterate_bundle(data: bytes) -> Iterator[bytes]:
    """Yield the entries of a bundle one after the other, as `parse_bundle`."""
    position, count = 0, 0
    while position < len(data):
        end = position + 2 + int.from_bytes(data[position : position + 2], "big")
        if position + 2 > len(data) or end > len(data):
            raise MalformedTile(f"the bundle ends inside its entry {count}")
        yield data[position + 2 : end]
        position, count = end, count + 1


def partial_width(level: int, size: int) -> int:
    """Return how many hashes the partial tile of `level` holds in a tree of `size` leaves; 0 if there is none."""
    return (size >> (TILE_BITS * level)) % TILE_WIDTH


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield (level, index, width) of every hash tile a tree of `size` leaves has, level by level, left to right."""
    level, count = 0, size
    while count:
        for index in range(count // TILE_WIDTH):
            yield level, index, TILE_WIDTH
        if count % TILE_WIDTH:
            yield level, count // TILE_WIDTH, count % TILE_WIDTH
        level, count = level + 1, count // TILE_WIDTH


@dataclass(frozen=True)
class FullTile:
    """A hash tile that will never change again; `hashes` are its 8,192 bytes."""

    level: int
    index: int
    hashes: bytes


def split_hashes(tile: bytes) -> list[bytes]:
    """Return the hashes of a tile. Raises MalformedTile if its length is no multiple of 32."""
    if len(tile) % HASH_SIZE:
        raise MalformedTile(f"a tile of {len(tile)} bytes ends inside a hash")
    return [tile[i : i + HASH_SIZE] for i in range(0, len(tile), HASH_SIZE)]


def row_hash(hashes: bytes) -> bytes:
    """Return the root hash above `hashes`, one after the other as in a tile."""
    return root_hash(split_hashes(hashes))


@dataclass(frozen=True)
class RightEdge:
    """All that is needed to let a tree grow: its partial tiles.

    `partial[l]` are the hashes of the partial tile of level l, one after the other, possibly none; the tuple has one
    item for each tile level that the tree reaches, so that one size has one shape.

    Raises ValueError when the shape is not that of a tree of `size` leaves.
    """

    size: int
    partial: tuple[bytes, ...] = ()

    EMPTY: ClassVar["RightEdge"]

    def __post_init__(self) -> None:
        levels = (self.size.bit_length() + TILE_BITS - 1) // TILE_BITS
        widths = [partial_width(level, self.size) * HASH_SIZE for level in range(levels)]
        if self.size < 0 or [len(hashes) for hashes in self.partial] != widths:
            raise ValueError(f"not the right edge of a tree of {self.size} leaves")

    def append(self, leaf_hashes: Sequence[bytes]) -> tuple["RightEdge", list[FullTile]]:
        """Return the edge after `leaf_hashes` and the tiles that became full, in the order in which they did."""
        if set(map(len, leaf_hashes)) - {HASH_SIZE}:
            raise ValueError(f"a leaf hash has {HASH_SIZE} bytes")
        tiles: list[FullTile] = []
        partial: list[bytes] = list(self.partial)
        rising, level = b"".join(leaf_hashes), 0
        while rising:
            if level == len(partial):
                partial.append(b"")
            row = partial[level] + rising
            first = self.size >> (TILE_BITS * (level + 1))  # index of the tile that `row` begins
            full = len(row) // TILE_BYTES
            above: list[bytes] = []
            for i in range(full):
                tile = FullTile(level, first + i, row[i * TILE_BYTES : (i + 1) * TILE_BYTES])
                tiles.append(tile)
                above.append(row_hash(tile.hashes))
            partial[level] = row[full * TILE_BYTES :]
            rising, level = b"".join(above), level + 1
        return RightEdge(self.size + len(leaf_hashes), tuple(partial)), tiles

    def root(self, hash_of: Callable[[bytes], bytes] = row_hash) -> bytes:
        """Return the root hash of the tree. `hash_of` may be a `row_hash` that remembers what it was asked before."""
        peaks: list[bytes] = []
        for row in reversed(self.partial):
            start = 0
            while start < len(row):
                width = HASH_SIZE << (((len(row) - start) // HASH_SIZE).bit_length() - 1)
                peaks.append(hash_of(row[start : start + width]))
                start += width
        return fold_right(peaks) if peaks else EMPTY_ROOT


RightEdge.EMPTY = RightEdge(0)


def subtree_hash(level: int, index: int, read_tile: ReadTile) -> bytes:
    """Return the hash of the perfect subtree (level, index), computed from the tile that holds its nodes.

    `read_tile` is asked for the narrowest tile that will do. Raises MalformedTile if it answers with another length.
    """
    tile_level, height = divmod(level, TILE_BITS)
    first = index << height
    tile_index, offset = divmod(first, TILE_WIDTH)
    width = offset + (1 << height)
    tile = read_tile(tile_level, tile_index, width)
    if len(tile) != width * HASH_SIZE:
        path = tile_path(tile_level, tile_index, width)
        raise MalformedTile(f"{path} has {len(tile)} bytes instead of {width * HASH_SIZE}")
    return row_hash(tile[offset * HASH_SIZE :])


def read_leaf_hashes(start: int, size: int, read_tile: ReadTile) -> list[bytes]:
    """Return the hashes of the leaves from `start` to the end of a tree of `size` leaves."""
    hashes: list[bytes] = []
    for index in range(start // TILE_WIDTH, (size + TILE_WIDTH - 1) // TILE_WIDTH):
        hashes += split_hashes(read_tile(0, index, min(TILE_WIDTH, size - index * TILE_WIDTH)))
    return hashes[start % TILE_WIDTH :]


def tile_reader(read_tile: ReadTile, size: int) -> ReadNodes:
    """Return a `read` for the proofs of `ledger.merkle`, over the tiles of a tree of `size` leaves.

    Tiles are asked for in the widths which that tree has, the only ones that a log must serve, and each at most once
    for one call.
    """

    def read(nodes: Sequence[Node]) -> Sequence[bytes]:
        tiles: dict[tuple[int, int], bytes] = {}

        def read_prefix(tile_level: int, tile_index: int, width: int) -> bytes:
            held = min(TILE_WIDTH, (size >> (TILE_BITS * tile_level)) - tile_index * TILE_WIDTH)
            if held < width:
                raise ValueError(f"a tree of {size} leaves has no such node in {tile_path(tile_level, tile_index)}")
            if (tile_level, tile_index) not in tiles:
                tile = read_tile(tile_level, tile_index, held)
                if len(tile) != held * HASH_SIZE:
                    path = tile_path(tile_level, tile_index, held)
                    raise MalformedTile(f"{path} has {len(tile)} bytes instead of {held * HASH_SIZE}")
                tiles[tile_level, tile_index] = tile
            return tiles[tile_level, tile_index][: width * HASH_SIZE]

        return [subtree_hash(level, index, read_prefix) for level, index in nodes]

    return read


def _numbered(index: int, width: int) -> str:
    """Return the end of a path: the index in groups of three digits, then the width of a partial tile."""
    if not (0 <= index < 1000**7 and 1 <= width <= TILE_WIDTH):
        raise ValueError(f"no such tile: index={index} width={width}")
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"{'/'.join(groups)}{partial}"


def _number(groups: str) -> int:
    return int(groups.replace("x", "").replace("/", ""))


def _is_second_spelling(match: re.Match[str], width: int) -> bool:
    """Tell whether a partial width is written out that no partial tile has."""
    written = match[match.re.groups]
    return written is not None and not 1 <= width < TILE_WIDTH
