"""Paths, bundles and the right edge of a growing tree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import MalformedPath, MalformedTile
from ledger.merkle import inclusion_proof, leaf_hash, root_hash, tree_hash, verify_inclusion
from ledger.tiles import (
    RightEdge,
    bundle_path,
    format_bundle,
    parse_bundle,
    parse_bundle_path,
    parse_tile_path,
    partial_width,
    split_hashes,
    subtree_hash,
    tile_path,
    tile_reader,
    tiles_of,
)
from tests.ledger.known import KNOWN

LEAVES = [leaf_hash(i.to_bytes(4, "big")) for i in range(70_000)]


def grow(leaves, batch):
    """Return all tiles, full and partial, of the tree that grew by `batch` leaves at a time, and its edge."""
    edge, tiles = RightEdge.EMPTY, {}
    for start in range(0, len(leaves), batch):
        edge, full = edge.append(leaves[start : start + batch])
        tiles |= {(tile.level, tile.index): tile.hashes for tile in full}
    for level, hashes in enumerate(edge.partial):
        if hashes:
            tiles[level, edge.size >> (8 * (level + 1))] = hashes
    return tiles, edge


@pytest.mark.parametrize(("level", "index", "width", "path"), KNOWN["tile_paths"]["tiles"])
def test_tile_paths_are_those_of_the_specification(level, index, width, path):
    assert tile_path(level, index, width) == path
    assert parse_tile_path(path) == (level, index, width)


@pytest.mark.parametrize(("index", "width", "path"), KNOWN["tile_paths"]["entries"])
def test_bundle_paths_are_those_of_the_specification(index, width, path):
    assert bundle_path(index, width) == path
    assert parse_bundle_path(path) == (index, width)


@pytest.mark.parametrize(
    "path",
    [
        *KNOWN["tile_paths"]["reject"],
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/-1/000",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/01",
        "tile/0/000.p/1/",
        "tile/0/000.p/-1",
        "tile/0/000.p/999",
        "tile/0/x000/001",
        "tile/0/x000/000",
        "tile/0/x001/x002",
        "tile/0/001/002",
        "tile/0/X001/002",
        "tile/0/00０",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "tile/ 0/000",
        "tile/0/1_0",
        "tile/entries/000",
        "tile/0/../0/000",
        "tile/0/" + "x001/" * 7 + "000",
        "x" * 100_000,
    ],
)
def test_a_path_that_no_tile_has_is_refused(path):
    with pytest.raises(MalformedPath):
        parse_tile_path(path)
    with pytest.raises(MalformedPath):
        parse_bundle_path(path.replace("tile/0", "tile/entries") if "entries" not in path else path + "/")


@pytest.mark.parametrize("tile", [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257), (0, 1000**7, 1)])
def test_asking_for_the_path_of_a_tile_no_tree_has_is_a_mistake_of_ours(tile):
    with pytest.raises(ValueError, match="no such tile"):
        tile_path(*tile)


@given(st.integers(0, 63), st.integers(0, 2**63), st.integers(1, 256))
def test_parsing_undoes_formatting_of_paths(level, index, width):
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)
    assert parse_bundle_path(bundle_path(index, width)) == (index, width)


@given(st.text(alphabet="tile/x0123.pentrs", max_size=30).map(lambda end: "tile/" + end))
def test_what_parses_as_a_path_has_no_second_spelling(path):
    try:
        parsed = parse_tile_path(path)
    except MalformedPath:
        return
    assert tile_path(*parsed) == path


@pytest.mark.parametrize(("size", "widths"), KNOWN["tile_paths"]["partial_widths"].items())
def test_partial_tiles_are_as_wide_as_the_specification_says(size, widths):
    for level, width in widths.items():
        assert partial_width(int(level), int(size)) == width


def test_the_tiles_of_70000_entries_are_those_of_the_specification():
    tiles = list(tiles_of(70_000))
    assert sum(level == 0 and width == 256 for level, _, width in tiles) == 273
    assert [tile for tile in tiles if tile[2] < 256] == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert (1, 0, 256) in tiles
    assert list(tiles_of(0)) == []
    assert list(tiles_of(256)) == [(0, 0, 256), (1, 0, 1)]


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_parsing_undoes_formatting_of_bundles(entries):
    assert parse_bundle(format_bundle(entries)) == entries


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.data())
def test_a_bundle_that_ends_inside_an_entry_is_refused(entries, data):
    whole = format_bundle(entries)
    ends = {len(format_bundle(entries[:n])) for n in range(len(entries) + 1)}
    cut = data.draw(st.sampled_from([n for n in range(len(whole)) if n not in ends]))
    with pytest.raises(MalformedTile, match="inside its entry"):
        parse_bundle(whole[:cut])


def test_an_entry_too_long_for_a_bundle_is_a_mistake_of_ours():
    assert parse_bundle(format_bundle([bytes(65_535)])) == [bytes(65_535)]
    with pytest.raises(ValueError, match="does not fit"):
        format_bundle([bytes(65_536)])


@pytest.mark.parametrize("batch", [1, 7, 255, 256, 257, 1000])
def test_the_edge_grows_into_the_same_tree_however_large_the_batches(batch):
    leaves = LEAVES[:1500]
    tiles, edge = grow(leaves, batch)
    assert edge.root() == root_hash(leaves)
    assert {(level, index, len(hashes) // 32) for (level, index), hashes in tiles.items()} == set(tiles_of(1500))
    for (level, index), hashes in tiles.items():
        span = 256**level
        for i, value in enumerate(split_hashes(hashes)):
            first = (index * 256 + i) * span
            assert value == root_hash(leaves[first : first + span])


def test_the_edge_has_the_root_of_every_size():
    edge = RightEdge.EMPTY
    assert edge.root() == root_hash([])
    for size in range(1, 600):
        edge, _ = edge.append([LEAVES[size - 1]])
        assert edge.size == size
        assert edge.root() == root_hash(LEAVES[:size])


def test_a_tree_of_three_levels_of_tiles_has_the_right_root_and_proofs():
    tiles, edge = grow(LEAVES, 8192)
    root = root_hash(LEAVES)
    asked = []

    def read_tile(level, index, width):
        asked.append((level, index))
        assert len(tiles[level, index]) == width * 32, "only the widths that this tree has are there"
        return tiles[level, index]

    read = tile_reader(read_tile, len(LEAVES))
    assert edge.root() == tree_hash(len(LEAVES), read) == root
    for index in (0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999):
        asked.clear()
        path = inclusion_proof(index, len(LEAVES), read)
        verify_inclusion(index, len(LEAVES), LEAVES[index], path, root)
        assert len(asked) == len(set(asked)) <= 6, "each tile is read once for a proof"


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 300), max_size=8))
def test_appending_nothing_changes_nothing_and_order_is_kept(batches):
    edge, start = RightEdge.EMPTY, 0
    for batch in batches:
        assert edge.append([]) == (edge, [])
        edge, _ = edge.append(LEAVES[start : start + batch])
        start += batch
    assert edge == RightEdge.EMPTY.append(LEAVES[:start])[0]


@pytest.mark.parametrize(
    ("size", "partial"),
    [(-1, ()), (0, (b"",)), (1, ()), (1, (bytes(31),)), (1, (bytes(64),)), (256, (b"",)), (256, (bytes(8192),))],
)
def test_an_edge_has_the_shape_of_its_size(size, partial):
    with pytest.raises(ValueError, match="not the right edge"):
        RightEdge(size, partial)


def test_a_leaf_hash_of_another_length_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="32 bytes"):
        RightEdge.EMPTY.append([bytes(31)])


def test_a_tile_of_another_length_is_refused():
    with pytest.raises(MalformedTile, match="instead of"):
        tile_reader(lambda level, index, width: bytes(width * 32 - 1), 5)([(0, 3)])
    with pytest.raises(MalformedTile, match="instead of"):
        subtree_hash(0, 3, lambda level, index, width: bytes(32))
    with pytest.raises(MalformedTile, match="inside a hash"):
        split_hashes(bytes(33))


def test_asking_for_a_node_beyond_the_tree_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="has no such node"):
        tile_reader(lambda level, index, width: bytes(width * 32), 5)([(0, 5)])
