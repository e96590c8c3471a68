"""`python -m ledger keygen NAME [--witness] [--out FILE]`: a new key for a log, or for a witness."""

import os
import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ledger.errors import MalformedKey
from ledger.note import ED25519, ED25519_COSIGNATURE, SigningKey


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say."""
    parser.add_argument("name", metavar="NAME", help="what it calls itself, e.g. log.hospital.example/2026")
    parser.add_argument("--witness", action="store_true", help="a key that cosigns the logs of others")
    parser.add_argument("--out", metavar="FILE", help="where the private key goes (default: NAME.key in this folder)")


def run(args: Namespace) -> int:
    """Write the private key to a new file that only its owner reads, and print the verifier key."""
    try:
        key = SigningKey.generate(args.name, ED25519_COSIGNATURE if args.witness else ED25519)
    except MalformedKey as e:
        print(f"This name cannot be used: {e}.", file=sys.stderr)
        return 2
    path = Path(args.out if args.out is not None else re.sub(r"[^\w.-]", "_", key.name) + ".key")
    try:
        # O_EXCL refuses a file that is there, a dangling link included: the key of a running log would be lost.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, 0o600)
            file.write(f"{key.format()}\n")
            file.flush()
            os.fsync(handle)
    except FileExistsError:
        print(f"{path} exists already and stays as it is: name another file with --out.", file=sys.stderr)
        return 1
    except (OSError, ValueError) as e:
        print(f"{path} cannot be written: {getattr(e, 'strerror', None) or e}.", file=sys.stderr)
        return 1
    print(f"The private key is in {path}; give it to nobody. The verifier key, for everybody:", file=sys.stderr)
    print(key.verifier_key.format())
    return 0
