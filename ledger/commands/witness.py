"""`python -m ledger witness --key FILE --state FILE --log VKEY`: cosign the checkpoints of logs, as a service.

Serves in the foreground until SIGTERM or SIGINT, and ends with 0 then; with 1 when the state could not be written (a
supervisor may start it again), with 2 for settings that make no sense, with 3 when the state is not one to go on from,
which a person has to look at. One line of JSON on the standard error for each notable event.
"""

import json
import signal
import sys
import threading
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from ledger.commands.inputs import UsageError, read_file, read_log_keys
from ledger.commands.words import printable
from ledger.errors import LedgerError, MalformedKey, StateError
from ledger.note import ED25519_COSIGNATURE, SigningKey, VerifierKey
from ledger.witness import Witness
from ledger.witness_logs import MAX_LIST_BYTES, by_origin, parse_log_list
from ledger.witness_server import WitnessServer
from ledger.witness_state import begin, open_state


def add_arguments(parser: ArgumentParser) -> None:
    """Declare what the command line may say."""
    parser.add_argument("--key", metavar="FILE", required=True, help="the private key, from keygen NAME --witness")
    parser.add_argument("--state", metavar="FILE", type=Path, required=True, help="what was cosigned: never lose it")
    parser.add_argument("--new", action="store_true", help="make the state of a new key, and end")
    parser.add_argument(
        "--log", metavar="VKEY", action="append", default=[], help="a log's verifier key, or a file with its keys"
    )
    parser.add_argument("--log-list", metavar="FILE", action="append", default=[], help="a list of logs (logs/v0)")
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8100", help="default: %(default)s")


def run(args: Namespace) -> int:
    """Begin the state of a new key, or serve until a signal comes; return the exit code."""
    try:
        key = _read_key(args.key)
        address = _parse_address(args.listen)
        keys = [(key.name, key) for value in args.log for key in read_log_keys(value)]
        for name in args.log_list:
            keys += parse_log_list(read_file(name, MAX_LIST_BYTES))
        logs = by_origin(keys)
        if not logs and not args.new:
            raise UsageError("Which logs? Name each with --log, or a list of them with --log-list.")
    except (UsageError, LedgerError) as e:
        print(printable(str(e)), file=sys.stderr)
        return 2
    try:
        if args.new:
            begin(args.state, key.verifier_key, Path(args.key))
            print(f"{args.state} is ready. Keep it: a witness without its state has to be retired.", file=sys.stderr)
            print(key.verifier_key.format())
            return 0
        with open_state(args.state, key.verifier_key) as memory:
            return _serve(address, Witness(key, logs, memory, report=_report), key.verifier_key, logs)
    except StateError as e:
        _report("witness.refused", why=f"{args.state}: {e}")
        return 3


def _serve(address: tuple[str, int], witness: Witness, key: VerifierKey, logs: dict[str, list[VerifierKey]]) -> int:
    stopping, failed = threading.Event(), threading.Event()

    def fail() -> None:
        failed.set()
        stopping.set()

    try:
        server = WitnessServer(address, witness, fail)
    except OSError as e:
        print(f"{address[0]}:{address[1]} cannot be listened on: {e.strerror or e}.", file=sys.stderr)
        return 2
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()
    listening = f"{server.server_address[0]!s}:{server.server_port}"
    _report("witness.started", witness=key.format(), address=listening, logs=sorted(logs))
    stopping.wait()
    server.socket.close()
    witness.close()  # threads that still answer somebody end with this process
    if failed.is_set():
        _report("witness.failed", why="the state could not be written")
        return 1
    _report("witness.stopped")
    return 0


def _read_key(name: str) -> SigningKey:
    try:
        key = SigningKey.parse(read_file(name, 10_000).decode("utf-8").strip())
    except (MalformedKey, UnicodeDecodeError) as e:  # neither repeats the text of the key
        why = e if isinstance(e, MalformedKey) else "it is not text"
        raise UsageError(f"{name} holds no private key: {why}.") from e
    if key.kind != ED25519_COSIGNATURE:
        raise UsageError(f"{name} is the key of a log; a witness has its own (keygen NAME --witness).")
    return key


def _parse_address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"{text!r} is not HOST:PORT.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _report(event: str, **fields: object) -> None:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"at": at, "event": event, **fields}, ensure_ascii=False), file=sys.stderr, flush=True)
