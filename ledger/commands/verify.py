"""`python -m ledger verify RECEIPT --key VKEY [--policy FILE] [--notices URL]`: is this receipt good?

It may also be the digits of the code on paper, as a scanner reads them: `zbarimg -q --raw slip.png | … verify -`.

Exit codes: 0 good, 1 not good, 2 the command line names something that cannot be used.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence

from ledger.commands.inputs import UsageError, add_key, keys_of, read_file, read_receipt
from ledger.commands.words import printable
from ledger.errors import MalformedError, MalformedPolicy, VerificationError
from ledger.note import VerifierKey, parse_note
from ledger.policy import MAX_POLICY_BYTES, Policy, parse_policy
from ledger.receipt import Verified, parse_receipt, verify_receipt

# What each step of `verify_receipt` is for, in the words of somebody who holds a receipt.
STEPS = {
    "form": "reading the receipt",
    "signature": "the log's signature",
    "origin": "the log's name",
    "inclusion": "the event's place in the log",
    "policy": "the policy's list of logs",
    "witnesses": "the witnesses",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say."""
    parser.add_argument(
        "receipt",
        metavar="RECEIPT",
        help="a .tlog-proof file, or one with the digits of a code on paper; - for the standard input",
    )
    add_key(parser)
    parser.add_argument("--policy", metavar="FILE", help="which witnesses have to have cosigned (c2sp.org/tlog-policy)")


def run(args: Namespace) -> int:
    """Print the event of a good receipt, or the step that failed."""
    try:
        keys = keys_of(args)
        policy = _read_policy(args.policy)
        data = read_receipt(args.receipt)
    except UsageError as e:
        print(e, file=sys.stderr)
        return 2
    except MalformedError as e:
        return _not_good("form", str(e))
    try:
        verified = verify_receipt(data, _key_for(data, keys), policy)
    except MalformedError as e:
        return _not_good("form", str(e))
    except VerificationError as e:
        return _not_good(e.step, str(e))
    print("\n".join(_describe(verified, policy)))
    return 0


def _not_good(step: str, why: str) -> int:
    print(f"NOT GOOD. Step that failed: {step} ({STEPS[step]}). {printable(why)}.", file=sys.stderr)
    return 1


def _read_policy(name: str | None) -> Policy | None:
    if name is None:
        return None
    try:
        return parse_policy(read_file(name, MAX_POLICY_BYTES))
    except MalformedPolicy as e:
        raise UsageError(f"{name} is not a policy: {printable(str(e))}.") from e


def _key_for(data: bytes, keys: Sequence[VerifierKey]) -> VerifierKey:
    """Return that of several keys which the receipt says it was signed by, else the first.

    Raises MalformedError if the receipt cannot be read that far.
    """
    note = parse_note(parse_receipt(data).checkpoint.encode())
    named = [key for key in keys if any(map(key.is_named_by, note.signatures))]
    return (named or list(keys))[0]


def _describe(verified: Verified, policy: Policy | None) -> Iterator[str]:
    if verified.state == "witnessed":
        yield f"GOOD: witnessed. In the log, and cosigned by {printable(', '.join(verified.witnesses))}."
    else:
        asked = "no policy was given" if policy is None else "the policy asks for none"
        yield f"GOOD: sealed. In the log, which signed it; witnesses were not looked at ({asked})."
    yield from _line("log", verified.checkpoint.origin)
    yield from _line("entry", f"{verified.index} of {verified.size} (counted from 0)")
    yield from _line("fingerprint", verified.entry.hex())
    yield from _line("event", verified.open["id"])
    yield from _line("at", verified.open["at"])
    yield from _line("type", verified.open["type"])
    if verified.own is None:
        yield "This is the form to show: it does not say whom the event is about."
        return
    for name, value in verified.own.items():
        yield from _line(name, value)


def _line(name: str, value: object, indent: int = 2) -> Iterator[str]:
    """Yield a value, one line for each that is no object or list."""
    label = " " * indent + printable(name)
    if isinstance(value, dict) and value:
        yield label
        for key, item in value.items():
            yield from _line(key, item, indent + 2)
    elif isinstance(value, list) and value:
        yield label
        for number, item in enumerate(value, start=1):
            yield from _line(f"{number}.", item, indent + 2)
    else:
        yield f"{label:<14} {_scalar(value)}"


def _scalar(value: object) -> str:
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str(value))
