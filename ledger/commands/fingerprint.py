"""`python -m ledger fingerprint VKEY|FILE`: what stands on slips, on the clinic's wall and beside a signature on the page.

Exit codes: 0 printed, 2 the command line names something that is no key.
"""

import sys
from argparse import ArgumentParser, Namespace

from ledger.commands.inputs import UsageError, read_keys
from ledger.commands.words import printable
from ledger.paper import fingerprint


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say."""
    parser.add_argument("key", metavar="VKEY|FILE", help="a verifier key, a file with one a line, - for standard input")


def run(args: Namespace) -> int:
    """Print the fingerprint of each key, and its name."""
    try:
        keys = read_keys(args.key)
    except UsageError as e:
        print(printable(str(e)), file=sys.stderr)
        return 2
    for key in keys:
        print(f"{fingerprint(key.format())}  {printable(key.name)}")
    return 0
