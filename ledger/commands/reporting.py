"""Notable events of a command that runs for long: one line of JSON each, on the standard error unless said otherwise."""

import json
import sys
from datetime import UTC, datetime
from typing import TextIO


def report(event: str, **fields: object) -> None:
    """Write one event with its fields, none of them about a person, to the standard error."""
    write_line(sys.stderr, event, **fields)


def write_line(stream: TextIO, event: str, **fields: object) -> None:
    """Write one event as a line of JSON."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"at": at, "event": event, **fields}, ensure_ascii=False), file=stream, flush=True)
