"""The tree and its proofs, against the reference tree and against the definitions of RFC 6962 written out."""

import base64
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import VerificationError
from ledger.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    inclusion_proofs,
    leaf_hash,
    leaf_hashes_of,
    node_hash,
    root_hash,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)
from tests.ledger.known import KNOWN

LEAVES = [leaf_hash(b"entry %d" % i) for i in range(132)]


def mth(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, as it stands there."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def naive_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), mth(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), mth(leaves[:k])]


def naive_subproof(m: int, leaves: Sequence[bytes], known: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if m == len(leaves):
        return [] if known else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], known), mth(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def reader(leaves: Sequence[bytes]):
    """Read perfect subtrees of a tree held in memory, and refuse to read one that it does not have."""

    def read(nodes):
        for level, index in nodes:
            assert (index + 1) << level <= len(leaves), f"the tree has no node ({level}, {index})"
        return [mth(leaves[index << level : (index + 1) << level]) for level, index in nodes]

    return read


def flip(value: bytes, bit: int = 0) -> bytes:
    return bytes([value[0] ^ (1 << bit)]) + value[1:]


def test_the_reference_tree_has_its_published_roots():
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in KNOWN["merkle"]["leaves_hex"]]
    roots = KNOWN["merkle"]["roots_hex_by_size"]

    assert [root_hash(leaves[:n]).hex() for n in range(len(roots))] == roots
    assert [tree_hash(n, reader(leaves)).hex() for n in range(len(roots))] == roots


def test_a_leaf_has_its_published_hash():
    for record, expected in KNOWN["merkle"]["record_hash"].items():
        assert base64.b64encode(leaf_hash(record.encode())).decode() == expected


def test_the_tree_of_300_records_has_its_published_root():
    leaves = [leaf_hash(b"record %d" % i) for i in range(300)]
    assert base64.b64encode(root_hash(leaves)).decode() == KNOWN["merkle"]["tree_of_300"]["root_base64"]


@pytest.mark.parametrize("size", range(len(LEAVES)))
def test_roots_are_those_of_the_definition(size):
    assert root_hash(LEAVES[:size]) == tree_hash(size, reader(LEAVES[:size])) == mth(LEAVES[:size])


@pytest.mark.parametrize("size", range(1, len(LEAVES)))
def test_every_inclusion_proof_is_that_of_the_definition_and_verifies(size):
    leaves, root = LEAVES[:size], mth(LEAVES[:size])
    for index in range(size):
        path = inclusion_proof(index, size, reader(leaves))
        assert path == naive_path(index, leaves)
        verify_inclusion(index, size, leaves[index], path, root)


@pytest.mark.parametrize("size", [*range(1, 40), 64, 65, 127, 131])
def test_the_proofs_of_a_trees_last_leaves_are_those_of_each(size):
    leaves = LEAVES[:size]
    every = [tuple(naive_path(index, leaves)) for index in range(size)]
    for start in range(size):
        assert inclusion_proofs(start, leaves[start:], reader(leaves)) == every[start:]


def test_hashing_many_leaves_is_hashing_each():
    assert leaf_hashes_of(b"entry %d" % i for i in range(132)) == LEAVES


@pytest.mark.parametrize("new_size", range(len(LEAVES)))
def test_every_consistency_proof_is_that_of_the_definition_and_verifies(new_size):
    leaves, new_root = LEAVES[:new_size], mth(LEAVES[:new_size])
    for old_size in range(new_size + 1):
        path = consistency_proof(old_size, new_size, reader(leaves))
        if old_size:
            assert path == naive_subproof(old_size, leaves, True)
        verify_consistency(old_size, mth(leaves[:old_size]), new_size, new_root, path)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_changed_inclusion_proof_is_refused(data):
    size = data.draw(st.integers(1, 130))
    index = data.draw(st.integers(0, size - 1))
    leaves, root = LEAVES[:size], mth(LEAVES[:size])
    path = inclusion_proof(index, size, reader(leaves))
    wrong: list[tuple[int, int, bytes, list[bytes], bytes]] = [
        (index, size, flip(leaves[index]), path, root),
        (index, size, leaves[index], path, flip(root)),
        (index, size, leaves[index], [*path, LEAVES[0]], root),
        (index, size, leaves[index], [LEAVES[0], *path], root),
        (size, size, leaves[index], path, root),
        (-1, size, leaves[index], path, root),
        (index, size, leaves[index][:31], path, root),
        (index, size, leaves[index], path, root + b"\0"),
    ]
    for i in range(len(path)):
        bit = data.draw(st.integers(0, 7))
        wrong += [
            (index, size, leaves[index], [*path[:i], flip(path[i], bit), *path[i + 1 :]], root),
            (index, size, leaves[index], [*path[:i], *path[i + 1 :]], root),
            (index, size, leaves[index], [*path[:i], path[i][:31], *path[i + 1 :]], root),
        ]
    wrong += [(other, size, leaves[index], path, root) for other in range(size) if other != index]
    for arguments in wrong:
        with pytest.raises(VerificationError) as refused:
            verify_inclusion(*arguments)
        assert refused.value.step == "inclusion"


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_changed_consistency_proof_is_refused(data):
    new_size = data.draw(st.integers(2, 130))
    old_size = data.draw(st.integers(1, new_size - 1))
    leaves = LEAVES[:new_size]
    old, new = mth(leaves[:old_size]), mth(leaves)
    path = consistency_proof(old_size, new_size, reader(leaves))
    wrong: list[tuple[int, bytes, int, bytes, list[bytes]]] = [
        (old_size, flip(old), new_size, new, path),
        (old_size, old, new_size, flip(new), path),
        (old_size, old, new_size, new, [*path, LEAVES[0]]),
        (old_size, old, new_size, new, [LEAVES[0], *path]),
        (new_size, new, old_size, old, path),
        (old_size, old, old_size, old, path),
        (old_size, old, old_size, new, []),
        (0, EMPTY_ROOT, new_size, new, path),
        (-1, old, new_size, new, path),
        (old_size, old[:31], new_size, new, path),
    ]
    for i in range(len(path)):
        wrong += [
            (old_size, old, new_size, new, [*path[:i], flip(path[i]), *path[i + 1 :]]),
            (old_size, old, new_size, new, [*path[:i], *path[i + 1 :]]),
        ]
    for arguments in wrong:
        with pytest.raises(VerificationError) as refused:
            verify_consistency(*arguments)
        assert refused.value.step == "consistency"


def test_the_empty_tree_has_one_root():
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    for arguments in [(0, LEAVES[0], 5, LEAVES[1], []), (0, EMPTY_ROOT, 0, LEAVES[0], [])]:
        with pytest.raises(VerificationError):
            verify_consistency(*arguments)


def test_a_leaf_does_not_pass_for_a_node():
    """The prefixes 0x00 and 0x01 keep the inner nodes of a tree from being shown as entries of a smaller one."""
    root = root_hash(LEAVES[:4])
    left, right = root_hash(LEAVES[:2]), root_hash(LEAVES[2:4])
    with pytest.raises(VerificationError):
        verify_inclusion(0, 2, leaf_hash(left + right), [right], root)


@pytest.mark.parametrize("arguments", [(0, 0), (3, 3), (-1, 3)])
def test_asking_for_the_path_of_a_leaf_that_is_not_there_is_a_mistake_of_ours(arguments):
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_proof(*arguments, reader(LEAVES))


@pytest.mark.parametrize(("start", "leaves"), [(-1, LEAVES[:2]), (0, []), (3, [])])
def test_asking_for_the_paths_of_no_leaves_is_a_mistake_of_ours(start, leaves):
    with pytest.raises(ValueError, match="no such leaves"):
        inclusion_proofs(start, leaves, reader(LEAVES))


def test_asking_for_a_proof_back_in_time_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="no such proof"):
        consistency_proof(4, 3, reader(LEAVES))
    with pytest.raises(ValueError, match="no such tree"):
        tree_hash(-1, reader(LEAVES))


def test_one_call_reads_all_hashes_of_a_proof():
    """A store answers a proof with one query."""
    calls = []

    def read(nodes):
        calls.append(list(nodes))
        return reader(LEAVES)(nodes)

    inclusion_proof(77, 131, read)
    consistency_proof(77, 131, read)
    tree_hash(131, read)
    assert len(calls) == 3


def test_what_is_wrong_with_a_proof_is_said():
    leaf = leaf_hash(b"x")
    wrong = [
        (lambda: verify_inclusion(0, 2, leaf, [leaf[:31]], leaf), "not 32 bytes long"),
        (lambda: verify_inclusion(0, 1, leaf, [leaf], leaf), "path is too long"),
        (lambda: verify_inclusion(0, 2, leaf, [], leaf), "path is too short"),
        (lambda: verify_inclusion(2, 2, leaf, [leaf], leaf), "has no entry 2"),
        (lambda: verify_consistency(2, leaf, 1, leaf, []), "cannot continue"),
        (lambda: verify_consistency(1, leaf[:31], 2, leaf, [leaf]), "not 32 bytes long"),
        (lambda: verify_consistency(1, leaf, 2, leaf, []), "proof is empty"),
        (lambda: verify_consistency(1, leaf, 2, leaf, [leaf, leaf]), "too long"),
        (lambda: verify_consistency(1, leaf, 3, leaf, [leaf]), "too short"),
        (lambda: verify_consistency(2, leaf, 2, leaf, [leaf]), "has to be empty"),
        (lambda: verify_consistency(2, leaf, 2, leaf_hash(b"y"), []), "two roots"),
        (lambda: verify_consistency(0, leaf, 2, leaf, []), "empty tree"),
        (lambda: verify_consistency(0, EMPTY_ROOT, 0, leaf, []), "empty tree"),
    ]
    for verify, why in wrong:
        with pytest.raises(VerificationError, match=why):
            verify()
