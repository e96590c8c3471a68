"""Asking one witness to cosign: the other side of `ledger.witness_server`, for witnesses by anybody.

Answers are not trusted, only bounded in size and time. One thread uses a client; it keeps its connection.
"""

import http.client
import re
import ssl
import time
import urllib.parse

from ledger.cosignature import verify_cosignatures
from ledger.errors import MalformedError, NotCosigned, VerificationError, WitnessAway
from ledger.note import Signature, VerifierKey, parse_note
from ledger.witness import Request, format_request, origin_hash

MAX_ANSWER_BYTES = 64 * 1024
TIMEOUT_SECONDS = 5.0  # for one silence
ANSWER_SECONDS = 10.0  # for a whole answer

_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")


class WitnessClient:
    """The witness with `key` at `url`, the prefix of its addresses. Raises ValueError for what is no http address."""

    def __init__(self, key: VerifierKey, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError(f"the address of the witness {key.name} is not http:// or https://")
        self.key = key
        self._parts = parts
        self._port = parts.port  # raises ValueError for what is no port
        self._connection: http.client.HTTPConnection | None = None

    def add_checkpoint(self, request: Request) -> tuple[Signature, int]:
        """Return the witness's signature line for the checkpoint of `request`, verified, and its time (Unix seconds).

        Raises NotCosigned if it refuses (with the size that it cosigned last, on 409) or answers with anything that is no
        cosignature by its key, and WitnessAway if it cannot be asked.
        """
        status, body = self._ask("POST", "/add-checkpoint", format_request(request))
        if status == 409 and (match := _SIZE.fullmatch(body)):
            raise NotCosigned(409, "its last checkpoint is another one", int(match[1]))
        if status in (429, 503):
            raise WitnessAway(f"it has no time for us ({status})")
        if status != 200:
            raise NotCosigned(status, f"it answered {status}")
        try:
            note = parse_note(request.checkpoint.encode() + body)
            [at] = verify_cosignatures(note, [self.key]).values()
        except (MalformedError, VerificationError, ValueError) as e:
            raise NotCosigned(200, f"it answered with something that is no cosignature of its key: {e}") from e
        # Of several by the same key the first line with that time; the others, and those of other keys, are left out.
        stamp = at.to_bytes(8, "big")
        return next(s for s in note.signatures if self.key.is_named_by(s) and s.signature[:8] == stamp), at

    def newest(self, origin: str) -> str | None:
        """Return the last checkpoint of a log that this witness says to have cosigned, unverified; None if it tells none.

        Not every witness answers this under the address where it is asked to cosign. Raises WitnessAway.
        """
        status, body = self._ask("GET", f"/{origin_hash(origin)}/checkpoint", None)
        try:
            return body.decode("utf-8") if status == 200 else None
        except UnicodeDecodeError:
            return None

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """Return status and body. On a connection that the witness had closed meanwhile it is asked once more."""
        had_connection = self._connection is not None
        try:
            return self._ask_once(method, path, body)
        except (OSError, http.client.HTTPException) as e:
            self.close()
            if not had_connection or isinstance(e, TimeoutError):
                raise WitnessAway(f"{type(e).__name__}: {e}".split("\n")[0][:200]) from e
        try:
            return self._ask_once(method, path, body)
        except (OSError, http.client.HTTPException) as e:
            self.close()
            raise WitnessAway(f"{type(e).__name__}: {e}".split("\n")[0][:200]) from e

    def _ask_once(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = self._connect()
        headers = {"User-Agent": "mingzhen-ledger", "Accept": "text/plain"}
        self._connection.request(method, self._parts.path.rstrip("/") + path, body, headers)
        answer = self._connection.getresponse()
        data, until = b"", time.monotonic() + ANSWER_SECONDS
        while part := answer.read1(MAX_ANSWER_BYTES + 1 - len(data)):
            data += part
            if len(data) > MAX_ANSWER_BYTES or time.monotonic() > until:
                raise http.client.HTTPException("its answer is too long")
        answer.close()  # http.client leaves a whole one open, and then takes no other on this connection
        if answer.will_close:
            self.close()
        return answer.status, data

    def _connect(self) -> http.client.HTTPConnection:
        host = str(self._parts.hostname)
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, self._port, timeout=TIMEOUT_SECONDS)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, self._port, timeout=TIMEOUT_SECONDS, context=context)
