"""What the benchmark of the check gives the page to check is good, and its section says what was measured; nothing is timed."""

from datetime import UTC, datetime

from bench.verify_page import ENTRIES, make_receipt, policy, text
from ledger.policy import parse_policy
from ledger.receipt import verify_receipt
from tests.ledger.made import LOG


def test_each_page_gets_a_good_receipt_of_its_own_from_a_log_of_a_million():
    receipts = [make_receipt(LOG, number, 3).encode() for number in range(3)]
    assert len(set(receipts)) == 3
    for receipt in receipts:
        found = verify_receipt(receipt, LOG.verifier_key, parse_policy(policy(3).encode()))
        assert (found.state, found.size, len(found.witnesses)) == ("witnessed", ENTRIES, 3)
    assert verify_receipt(make_receipt(LOG, 1, 0).encode(), LOG.verifier_key).state == "sealed"
    assert policy(0) == ""


def test_the_section_has_a_line_for_each_way_and_says_how_loaded_the_machine_was():
    found = {("WebCrypto", 0): [(30.0, 9.0), (50.0, 11.0), (40.0, 10.0)], ("ES2015", 3): [(290.0, 200.0)]}
    said = text(found, 0.5, datetime(2026, 3, 2, tzinfo=UTC))
    assert "| WebCrypto | 1 | 10 | 40 | 50 | 50 | 3 |" in said
    assert "| ES2015 | 4 | 200 | 290 | 290 | 300 | 1 |" in said
    assert "was 0.5" in said
