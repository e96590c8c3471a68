"""The chain of one person: whatever is removed, reordered, doubled or changed between two receipts is named."""

from dataclasses import replace

import pytest

from ledger.__main__ import main
from ledger.chain import NO_PREV, Healing, Link, check_chains, healing_of
from ledger.entry import canonical_json, chain_link
from ledger.errors import VerificationError
from ledger.receipt import ForMe, verify_receipt
from tests.ledger.made import LOG, OPEN, make_receipt

VKEY = LOG.verifier_key


def person(count, subject="Li", first=1, prev=NO_PREV, salt=0):
    """Events of one person, each linked to the one before."""
    made = []
    for seq in range(first, first + count):
        own = {"subject": subject, "seq": seq, "prev": prev, "actor": {}, "objects": [], "detail": {}}
        event = ForMe(bytes([seq]) * 32, canonical_json(OPEN), bytes([seq + salt]) * 32, canonical_json(own))
        made.append(event)
        prev = chain_link(event.own_salt, event.entry).hex()
    return made


def links(events, subject="Li", start=10, step=3):
    """Their places, every `step` entries of the log from `start` on."""
    made, seqs = [], [int(e.own.split(b'"seq":')[1].split(b",")[0]) for e in events]
    for number, (seq, event) in enumerate(zip(seqs, events, strict=True)):
        prev = event.own.split(b'"prev":"')[1][:64].decode()
        made.append(
            Link(
                f"r{seq}",
                LOG.name,
                start + step * number,
                event.entry,
                subject,
                seq,
                prev,
                chain_link(event.own_salt, event.entry).hex(),
            )
        )
    return made


def kinds(held, healings=()):
    return [(f.kind, f.first, f.last) for chain in check_chains(held, healings) for f in chain.findings]


def test_an_unbroken_chain_is_complete_in_whatever_order_and_however_often_it_is_shown():
    held = links(person(6))
    assert kinds(held) == kinds(held[::-1]) == kinds(held + held[2:4]) == []
    (chain,) = check_chains(held[2:5])  # from the middle: nothing is said of what came before
    assert (chain.first, chain.last, chain.held, chain.is_complete) == (3, 5, 3, True)


@pytest.mark.parametrize("gone", [{2}, {2, 3}, {2, 4}])
def test_a_removed_event_is_named(gone):
    held = [link for link in links(person(5)) if link.seq not in gone]
    named = {n for kind, first, last in kinds(held) if kind == "missing" for n in range(first, last + 1)}
    assert named == gone
    assert not check_chains(held)[0].is_complete


def test_one_that_was_removed_and_the_rest_renumbered_is_found_by_its_link():
    """Whoever hides an event and counts on: the numbers are whole, the link is not."""
    all_of_them = links(person(5))
    renumbered = [*all_of_them[:2], *(replace(link, seq=link.seq - 1) for link in all_of_them[3:])]
    assert kinds(renumbered) == [("broken", 2, 3)]


def test_an_event_that_was_replaced_is_found_by_its_link():
    held = links(person(4))
    other = links(person(4, salt=100))
    assert kinds([held[0], other[1], held[2], held[3]]) == [("broken", 1, 2), ("broken", 2, 3)]


def test_events_that_stand_in_the_log_in_another_order_are_named():
    held = links(person(4))
    swapped = [held[0], replace(held[1], index=held[2].index), replace(held[2], index=held[1].index), held[3]]
    assert ("reordered", 2, 3) in kinds(swapped)
    apart = [replace(held[0], index=99), held[2]]
    assert ("reordered", 1, 3) in kinds(apart)


def test_a_doubled_number_is_named_and_only_a_restore_explains_it():
    before, since = person(5), None
    lost = links(before)  # at 10, 13, 16, 19, 22
    parent = before[2]
    since = person(2, first=4, prev=chain_link(parent.own_salt, parent.entry).hex(), salt=50)
    again = links(since, start=30)
    held = [*lost, *again]
    assert [k for k in kinds(held) if k[0] == "doubled"] == [("doubled", 4, 4), ("doubled", 5, 5)]

    healed = [Healing(LOG.name, 17, 30)]
    assert {k[0] for k in kinds(held, healed)} == {"restored"}
    (chain,) = check_chains(held, healed)
    assert chain.is_complete
    # not by a restore of something else, nor of another log
    for other in (
        Healing(LOG.name, 0, 5),
        Healing(LOG.name, 17, 22),
        Healing(LOG.name, 20, 40),
        Healing("elsewhere", 17, 30),
    ):
        assert "doubled" in {k[0] for k in kinds(held, [other])}
    # a receipt from before the restore, the next from after it
    assert kinds([lost[3], again[1]], healed) == [("restored", 4, 5)]
    assert kinds([lost[3], again[1]]) == [("broken", 4, 5)]


def test_the_first_event_has_nothing_before_it_and_no_other_has_nothing():
    held = links(person(2))
    assert kinds([replace(held[0], prev="ab" * 32)]) == [("broken", 1, 1)]
    assert ("broken", 2, 2) in kinds([held[0], replace(held[1], prev=NO_PREV)])


def test_people_are_not_mixed():
    mine, theirs = links(person(3)), links(person(3, subject="Wang", salt=9), subject="Wang", start=11)
    assert [chain.is_complete for chain in check_chains(mine + theirs)] == [True, True]


def notice(detail, index=60):
    own = {"subject": None, "seq": 1, "prev": NO_PREV, "actor": {}, "objects": [], "detail": detail}
    opened = OPEN | {"type": "log.healed"}
    return make_receipt(ForMe(bytes(32), canonical_json(opened), bytes(32), canonical_json(own)), index=index, size=64)


@pytest.mark.parametrize("detail", [{}, {"from": 5, "to": 4}, {"from": 5, "to": 61}, {"from": "5", "to": 9}])
def test_a_notice_that_says_nonsense_explains_nothing(detail):
    with pytest.raises(VerificationError, match="does not say what came back"):
        healing_of(verify_receipt(notice(detail), VKEY))


def test_the_command_names_what_is_missing_and_says_its_limits(tmp_path, capsys):
    paths = []
    for number, event in enumerate(person(4)):
        paths.append(tmp_path / f"{number + 1}.tlog-proof")
        paths[-1].write_bytes(make_receipt(event, index=10 + number, size=64))

    def run(*chosen):
        code = main(["chain", *map(str, chosen), "--key", VKEY.format()])
        said = capsys.readouterr()
        assert "never recorded" in said.out
        return code, said.out, said.err

    code, out, _ = run(*paths)
    assert code == 0
    assert "COMPLETE: events of Li, numbers 1 to 4, 4 receipts." in out
    code, out, _ = run(paths[0], paths[3])
    assert code == 1
    assert "NOT COMPLETE" in out
    assert "numbers 2 to 3 are not among these receipts" in out

    show = tmp_path / "show.tlog-proof"
    show.write_bytes(make_receipt(person(1)[0].to_show(), index=10, size=64))
    code, _, err = run(*paths, show)
    assert (code, "take the form for me" in err) == (1, True)
    (tmp_path / "bad").write_bytes(paths[1].read_bytes().replace(b"\n64\n", b"\n65\n"))
    code, _, err = run(paths[0], tmp_path / "bad")
    assert code == 1
    assert "does not hold" in err
    healed = tmp_path / "notice.tlog-proof"
    healed.write_bytes(notice({"from": 3, "to": 9, "lost": 6}))
    assert run(*paths, healed)[0] == 0
    assert main(["chain", str(tmp_path / "nowhere"), "--key", VKEY.format()]) == 2
