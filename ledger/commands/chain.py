"""`python -m ledger chain RECEIPT… --key VKEY`: is anything missing between my receipts?

Exit codes: 0 nothing is missing between them, 1 something is, or a receipt is not good, 2 the command line names something
that cannot be used.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from ledger.chain import LIMITS, Chain, Healing, Link, check_chains, healing_of, link_of
from ledger.commands.inputs import UsageError, add_key, keys_of, read_file
from ledger.commands.words import printable
from ledger.errors import LedgerError, VerificationError
from ledger.note import VerifierKey, parse_note
from ledger.notice import HEALED
from ledger.receipt import MAX_RECEIPT_BYTES, ForMe, parse_extra, parse_receipt, verify_receipt


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say."""
    parser.add_argument(
        "receipts",
        metavar="RECEIPT",
        nargs="+",
        help=".tlog-proof files in the form for me, and notices of the log if there are any",
    )
    add_key(parser)


def run(args: Namespace) -> int:
    """Print what the receipts show together, or which of them is not good."""
    links: list[Link] = []
    healings: list[Healing] = []
    is_good = True
    try:
        keys = keys_of(args)
        files = [(name, read_file(name, MAX_RECEIPT_BYTES)) for name in args.receipts]
    except UsageError as e:
        print(e, file=sys.stderr)
        return 2
    for name, data in files:
        try:
            _take(name, data, keys, links, healings)
        except LedgerError as e:
            is_good = False
            print(f"NOT GOOD: {printable(name)}: {printable(str(e))}.", file=sys.stderr)
    chains = check_chains(links, healings)
    for chain in chains:
        print("\n".join(_describe(chain)))
    print("What this shows, and what not:")
    for limit in LIMITS:
        print(f"  {limit}")
    return 0 if is_good and chains and all(chain.is_complete for chain in chains) else 1


def _take(name: str, data: bytes, keys: Sequence[VerifierKey], links: list[Link], healings: list[Healing]) -> None:
    receipt = parse_receipt(data)
    signers = parse_note(receipt.checkpoint.encode()).signatures
    key = next((key for key in keys if any(map(key.is_named_by, signers))), keys[0])
    verified = verify_receipt(data, key)
    opening = parse_extra(receipt.extra)
    if not isinstance(opening, ForMe):
        raise VerificationError("chain", "a receipt to show does not say whom it is of: take the form for me")
    if verified.open["type"] == HEALED:
        healings.append(healing_of(verified))
    else:
        links.append(link_of(printable(name), verified, opening))


def _describe(chain: Chain) -> list[str]:
    whose = "events of the house itself" if chain.subject is None else f"events of {printable(chain.subject)}"
    span = f"numbers {chain.first} to {chain.last}, {chain.held} receipts"
    lines = [f"{'COMPLETE' if chain.is_complete else 'NOT COMPLETE'}: {whose}, {span}."]
    return lines + [f"  {finding.kind:<10} {finding.text}" for finding in chain.findings]
