"""What the published log answers, and that it answers nothing else."""

import pytest

from ledger.entry import canonical_json
from ledger.errors import NotInLog, StoreError, VerificationError
from ledger.merkle import leaf_hash, root_hash, verify_consistency, verify_inclusion
from ledger.reader import LogReader
from ledger.receipt import format_extra, verify_receipt
from ledger.tiles import parse_bundle, tiles_of
from tests.ledger.workbench import KEY, Log, event

SIZE = 600
LEAVES = [leaf_hash(event(number).entry) for number in range(SIZE)]


@pytest.fixture(scope="module", params=["memory", "sql"])
def log(request, tmp_path_factory):
    log = Log(tmp_path_factory.mktemp("log"), request.param)
    yield log.grow(3, 200, 300, 97)
    log.close()


@pytest.fixture
def reader(log):
    return LogReader(log.store)


def test_every_entry_of_every_kind_of_place_is_proven(reader, log):
    root = log.published().root
    for index in [0, 1, 2, 254, 255, 256, 511, 512, 513, 598, 599]:
        verify_inclusion(index, SIZE, LEAVES[index], reader.inclusion_proof(index), root)


@pytest.mark.parametrize("start", [0, 3, 255, 256, 511, 512, 599])
def test_the_proofs_of_the_last_entries_come_together(reader, start):
    assert reader.inclusion_proofs(start) == [tuple(reader.inclusion_proof(index)) for index in range(start, SIZE)]


def test_older_sizes_have_proofs_too(reader):
    for size in [1, 3, 203, 256, 503, 600]:
        verify_inclusion(0, size, LEAVES[0], reader.inclusion_proof(0, size), root_hash(LEAVES[:size]))
        proof = reader.consistency_proof(size)
        verify_consistency(size, root_hash(LEAVES[:size]), SIZE, root_hash(LEAVES), proof)
    assert reader.consistency_proof(0) == []


def test_all_tiles_of_the_tree_are_served(reader):
    for level, index, width in tiles_of(SIZE):
        tile = reader.read_tile(level, index, width)
        if level == 0:
            assert tile == b"".join(LEAVES[index * 256 : index * 256 + width])
        else:
            assert tile == b"".join(root_hash(LEAVES[i * 256 : (i + 1) * 256]) for i in range(2))


def test_partial_tiles_are_prefixes_and_stay_after_the_tile_is_full(reader):
    assert reader.read_tile(0, 0, 3) == reader.read_tile(0, 0)[:96]
    assert reader.read_tile(0, 2, 1) == LEAVES[512]
    assert parse_bundle(reader.read_bundle(0, 203)) == parse_bundle(reader.read_bundle(0))[:203]


def test_nothing_is_proven_for_entries_that_are_not_there(reader):
    for start in (-1, SIZE):
        with pytest.raises(NotInLog):
            reader.inclusion_proofs(start)


def test_bundles_hold_the_entries(reader):
    assert parse_bundle(reader.read_bundle(2, 88)) == [event(number).entry for number in range(512, 600)]


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(0, 2, 89), (0, 2, 256), (0, 3, 1), (1, 0, 3), (1, 1, 1), (2, 0, 1), (63, 0, 1), (0, 10**20, 1), (0, 0, 0)],
)
def test_tiles_that_the_tree_does_not_have_are_not_in_the_log(reader, level, index, width):
    with pytest.raises(NotInLog):
        reader.read_tile(level, index, width)
    if level == 0:
        with pytest.raises(NotInLog):
            reader.read_bundle(index, width)


@pytest.mark.parametrize(("index", "size"), [(600, None), (-1, None), (0, 601), (3, 3), (0, -1), (0, 0)])
def test_leaves_and_trees_that_do_not_exist_have_no_proof(reader, index, size):
    with pytest.raises(NotInLog):
        reader.inclusion_proof(index, size)


@pytest.mark.parametrize(("old_size", "new_size"), [(601, None), (-1, None), (4, 3), (0, 601)])
def test_trees_that_do_not_exist_are_not_compared(reader, old_size, new_size):
    with pytest.raises(NotInLog):
        reader.consistency_proof(old_size, new_size)


def test_a_receipt_verifies_and_opens_its_event(reader):
    it = event(321)
    verified = verify_receipt(reader.receipt_for(it.entry, format_extra(it)).encode(), KEY.verifier_key)

    assert (verified.index, verified.size) == (321, SIZE)
    assert canonical_json(verified.own) == it.own


def test_a_receipt_shows_one_event_only(reader):
    receipt = reader.receipt_for(event(321).entry, format_extra(event(322)))
    with pytest.raises(VerificationError):
        verify_receipt(receipt.encode(), KEY.verifier_key)


def test_what_waits_has_no_receipt(reader):
    with pytest.raises(NotInLog):
        reader.receipt_for(event(9999).entry, b"")


def test_the_newest_checkpoint_comes_with_the_time_of_its_publishing(reader):
    note, published_ms = reader.newest()
    assert note == reader.read_checkpoint()
    assert published_ms > 0


def test_before_the_first_checkpoint_there_is_nothing(tmp_path):
    log = Log(tmp_path, "memory")
    reader = LogReader(log.store)

    assert reader.size() == 0
    for ask in (reader.read_checkpoint, lambda: reader.read_tile(0, 0, 1), lambda: reader.inclusion_proof(0)):
        with pytest.raises(NotInLog):
            ask()


@pytest.mark.parametrize("kind", ["memory", "sql"])
def test_what_is_stored_but_not_published_is_not_shown(tmp_path, kind):
    log = Log(tmp_path, kind).grow(250)
    reader, note = LogReader(log.store), log.store.newest_checkpoint()
    log.add(10)
    sequencer = log.start()
    sequencer._publish = lambda tree: (_ for _ in ()).throw(OSError("cut off before publishing"))
    with pytest.raises(OSError, match="cut off"):
        sequencer.round()

    assert log.store.load_tree().size == 260
    assert reader.read_checkpoint() == note
    assert reader.size() == 250
    assert len(reader.read_tile(0, 0, 250)) == 250 * 32  # though its tile is full by now
    for ask in (
        lambda: reader.read_tile(0, 0, 251),
        lambda: reader.read_bundle(0),
        lambda: reader.inclusion_proof(250),
    ):
        with pytest.raises(NotInLog):
            ask()
    with pytest.raises(NotInLog):
        reader.receipt_for(event(250).entry, b"")
    verify_inclusion(249, 250, LEAVES[249], reader.inclusion_proof(249), root_hash(LEAVES[:250]))
    log.close()


def test_a_lost_tile_is_an_error_of_the_store_and_not_a_missing_page(tmp_path):
    log = Log(tmp_path).grow(300)
    log.sql("DELETE FROM ledger_tile")
    with pytest.raises(StoreError):
        LogReader(log.store).read_tile(0, 0)
    log.close()
