"""Where the files of a published log come from: a folder, or a server.

Answers are not trusted, only bounded in size and time; whoever asked checks what is in them.
"""

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ledger.errors import SourceError

_CHUNK = 1 << 16


class NotThere(SourceError):
    """The log was asked and has no such file."""


class Source(Protocol):
    """Files of a log, by their path relative to its prefix."""

    def fetch(self, path: str, limit: int) -> bytes:
        """Return the file, at most `limit` bytes long. May be called from several threads at once.

        Raises NotThere if there is none, SourceError if it cannot be had or is longer.
        """


class FolderSource:
    """A log in a folder, as `export` writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, path: str, limit: int) -> bytes:
        """See `Source`."""
        try:
            with (self._folder / path).open("rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError) as e:
            raise NotThere(path, "missing") from e
        except OSError as e:
            raise SourceError(path, f"cannot be read: {e.strerror}") from e
        if len(data) > limit:
            raise SourceError(path, f"longer than {limit} bytes, which no such file is")
        return data


class HTTPSource:
    """A log on a server. A busy or broken server is asked again, `attempts` times in all, with growing pauses."""

    def __init__(
        self,
        prefix: str,
        timeout_seconds: float = 30,
        deadline_seconds: float = 180,
        attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`timeout_seconds` is for one silence, `deadline_seconds` for one whole answer."""
        self._prefix = prefix.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._deadline_seconds = deadline_seconds
        self._attempts = attempts
        self._sleep = sleep

    def asking_once(self) -> "HTTPSource":
        """Return a source of the same files for who comes again soon anyway."""
        return HTTPSource(self._prefix, self._timeout_seconds, self._deadline_seconds, attempts=1, sleep=self._sleep)

    def fetch(self, path: str, limit: int) -> bytes:
        """See `Source`."""
        pause_seconds = 0.5
        for attempt in range(1, self._attempts + 1):
            try:
                return self._fetch_once(path, limit)
            except _TryAgain as e:
                if attempt == self._attempts:
                    raise SourceError(path, f"{e} (asked {attempt} times)") from e
            self._sleep(pause_seconds)
            pause_seconds *= 3
        raise ValueError("a file is asked for at least once")

    def _fetch_once(self, path: str, limit: int) -> bytes:
        request = urllib.request.Request(  # noqa: S310  `open_source` lets only http and https through
            f"{self._prefix}/{path}", headers={"User-Agent": "mingzhen-ledger", "Accept-Encoding": "gzip"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_seconds) as response:  # noqa: S310
                return self._read(response, path, limit)
        except urllib.error.HTTPError as e:
            with e:
                if e.code in (404, 410):
                    raise NotThere(path, f"missing (the server answers {e.code})") from e
                if e.code in (408, 425, 429) or e.code >= 500:
                    raise _TryAgain(f"the server answers {e.code}") from e
                raise SourceError(path, f"the server answers {e.code}") from e
        except (TimeoutError, urllib.error.URLError, http.client.HTTPException, ConnectionError) as e:
            reason = e.reason if isinstance(e, urllib.error.URLError) else e
            raise _TryAgain(f"no answer: {reason or type(e).__name__}") from e

    def _read(self, response: http.client.HTTPResponse, path: str, limit: int) -> bytes:
        """Return the body, unpacked if need be, without ever holding much more than `limit` bytes."""
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise SourceError(path, f"packed in a way nobody asked for: {encoding[:40]}")
        # Hashes do not pack: gzip makes a tile of them a little longer than it was.
        body_limit = limit if encoding == "identity" else limit + limit // 64 + 1024
        length = response.headers.get("Content-Length", "")
        ends_at = time.monotonic() + self._deadline_seconds
        body = bytearray()
        for chunk in iter(lambda: response.read1(_CHUNK), b""):
            body += chunk
            if len(body) > body_limit:
                raise SourceError(path, f"longer than {limit} bytes, which no such file is")
            if time.monotonic() > ends_at:
                raise _TryAgain(f"no whole answer within {self._deadline_seconds:.0f} s")
        if length.isascii() and length.isdigit() and int(length) != len(body):
            raise _TryAgain(f"the answer ends after {len(body)} of {length} bytes")
        return bytes(body) if encoding == "identity" else _unpack(bytes(body), path, limit)


class _TryAgain(Exception):
    """This attempt failed, the next may not."""


def open_source(location: str) -> Source:
    """Return the log at an http or https address or in a folder. Raises SourceError if it is neither."""
    scheme = location.partition("://")[0].lower() if "://" in location else ""
    if scheme in ("http", "https"):
        if not _is_address(location):
            raise SourceError(location, "not an address")
        return HTTPSource(location)
    if scheme:
        raise SourceError(location, "neither an http(s) address nor a folder")
    if not Path(location).is_dir():
        raise SourceError(location, "no such folder")
    return FolderSource(Path(location))


def _is_address(location: str) -> bool:
    try:
        host = urllib.parse.urlsplit(location).hostname
    except ValueError:
        return False
    return bool(host) and location.isascii() and location.isprintable() and " " not in location


def _unpack(data: bytes, path: str, limit: int) -> bytes:
    """Return what the gzip stream `data` holds: not more than `limit` bytes, however well it was packed."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(data, limit + 1)
    except zlib.error as e:
        raise SourceError(path, "said to be packed with gzip, but cannot be unpacked") from e
    if len(plain) > limit:
        raise SourceError(path, f"longer than {limit} bytes, which no such file is")
    if not unpacker.eof or unpacker.unused_data:
        raise SourceError(path, "said to be packed with gzip, but ends early or late")
    return plain
