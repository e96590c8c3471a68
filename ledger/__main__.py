"""The command line of the log: `python -m ledger COMMAND`."""

import importlib
import io
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

# A command is imported only when it is asked for: the sequencer needs a database library, a verifier should not.
COMMANDS = {
    "keygen": "make the key of a log, or of a witness",
    "verify": "check a receipt, offline",
    "fingerprint": "print a key's fingerprint, as slips and the clinic's wall have it",
    "chain": "check that nothing is missing between one's receipts",
    "audit": "check a whole log, from its address or a folder",
    "monitor": "watch a log from outside, for ever",
    "witness": "cosign the checkpoints of logs",
    "sequencer": "run the one process that lets a log grow and signs it",
    "heal": "after a restore: take back what the database lost, from an export or a mirror",
    "succeed": "end a log that cannot go on, and open another that binds it",
    "rotate-key": "announce the key that follows the log's present one",
    "export": "write the published log as files, for a CDN or the worst day",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; 2 is for a command line that makes no sense."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows ASCII only gets escapes, not a traceback
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_overview(), file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    name, *rest = words
    if name not in COMMANDS:
        print(f"There is no command {name!r}.\n\n{_overview()}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"ledger.commands.{name.replace('-', '_')}")
    parser = ArgumentParser(prog=f"python -m ledger {name}", description=COMMANDS[name])
    module.add_arguments(parser)
    try:
        return int(module.run(parser.parse_args(rest)))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return 1


def _overview() -> str:
    lines = [f"  {name:<11} {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(["usage: python -m ledger COMMAND ... (COMMAND --help says more)", "", *lines])


if __name__ == "__main__":
    sys.exit(main())
