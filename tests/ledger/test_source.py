"""The files of a log over HTTP, from servers that behave and servers that do not."""

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ledger import __main__ as command_line
from ledger.audit import audit_log
from ledger.errors import SourceError
from ledger.source import FolderSource, HTTPSource, NotThere, open_source
from tests.ledger.made import LOG, write_log

KEY = LOG.verifier_key
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A server on this machine that gives the answers in `answers` one after the other, then keeps to the last."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                with lock:
                    self.asked.append(handler.path)
                    answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
                answer(handler)

            def log_message(handler, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/log"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.close()


def say(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def from_folder(folder: Path, is_packed: bool = False) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        path = folder / handler.path.removeprefix("/log/")
        if not path.is_file():
            say(404)(handler)
        elif is_packed:
            say(200, gzip.compress(path.read_bytes()), Content_Encoding="gzip")(handler)
        else:
            say(200, path.read_bytes())(handler)

    return answer


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def source(server, pauses) -> HTTPSource:
    return HTTPSource(server.url, timeout_seconds=5, deadline_seconds=5, sleep=pauses.append)


@pytest.mark.parametrize("is_packed", [False, True], ids=["plain", "gzip"])
def test_a_log_on_a_server_is_audited_as_one_in_a_folder(server, source, tmp_path, is_packed):
    write_log(tmp_path, [b"entry %d" % i for i in range(1500)])
    server.answers = [from_folder(tmp_path, is_packed)]
    assert audit_log(source, KEY) == audit_log(FolderSource(tmp_path), KEY)
    assert len(server.asked) == len(set(server.asked))


@pytest.mark.parametrize("address", ["{}", "{}/"])
def test_the_command_audits_a_server(server, tmp_path, capsys, address):
    write_log(tmp_path, [b"entry %d" % i for i in range(300)])
    server.answers = [from_folder(tmp_path)]
    assert command_line.main(["audit", address.format(server.url), "--key", KEY.format()]) == 0
    (tmp_path / "tile/0/000").unlink()
    assert command_line.main(["audit", address.format(server.url), "--key", KEY.format()]) == 1
    assert "tile/0/000: missing (the server answers 404)" in capsys.readouterr().err


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_with_growing_pauses(server, source, pauses, status):
    server.answers = [say(status), say(status), say(200, b"here")]
    assert source.fetch("checkpoint", 100) == b"here"
    assert pauses == [0.5, 1.5]
    assert server.asked == ["/log/checkpoint"] * 3


def test_a_server_that_stays_broken_is_given_up_and_named_with_the_file(server, source, pauses):
    server.answers = [say(503)]
    with pytest.raises(SourceError, match=r"tile/0/000: the server answers 503 \(asked 4 times\)") as found:
        source.fetch("tile/0/000", 100)
    assert found.value.path == "tile/0/000"
    assert len(pauses) == 3


def test_a_missing_file_is_not_asked_for_again(server, source):
    server.answers = [say(404)]
    with pytest.raises(NotThere):
        source.fetch("checkpoint", 100)
    server.answers = [say(403)]
    with pytest.raises(SourceError, match="answers 403"):
        source.fetch("checkpoint", 100)
    assert len(server.asked) == 2


def test_an_answer_that_ends_early_is_asked_for_again(server, source, pauses):
    server.answers = [say(200, b"he", Content_Length="4"), say(200, b"here")]
    assert source.fetch("checkpoint", 100) == b"here"
    server.answers = [say(200, b"he", Content_Length="4")]
    with pytest.raises(SourceError, match="ends after 2 of 4 bytes"):
        source.fetch("checkpoint", 100)


def test_a_connection_closed_without_an_answer_is_asked_for_again(server, source, pauses):
    server.answers = [lambda handler: handler.connection.close(), say(200, b"here")]
    assert source.fetch("checkpoint", 100) == b"here"


def test_an_answer_longer_than_its_file_can_be_is_cut_off(server, source):
    server.answers = [say(200, b"x" * 101)]
    with pytest.raises(SourceError, match="longer than 100 bytes"):
        source.fetch("checkpoint", 100)
    assert len(server.asked) == 1


def test_a_small_packed_answer_cannot_become_a_large_one(server, source):
    server.answers = [say(200, gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")]
    with pytest.raises(SourceError, match="longer than 20000 bytes"):
        source.fetch("checkpoint", 20_000)


@pytest.mark.parametrize(
    ("body", "encoding", "why"),
    [
        (b"plain", "gzip", "cannot be unpacked"),
        (gzip.compress(b"here", mtime=0)[:-3], "gzip", "ends early or late"),
        (gzip.compress(b"here", mtime=0) + b"x", "gzip", "ends early or late"),
        (b"here", "br", "nobody asked for"),
    ],
)
def test_an_answer_packed_wrongly_is_refused(server, source, body, encoding, why):
    server.answers = [say(200, body, Content_Encoding=encoding)]
    with pytest.raises(SourceError, match=why):
        source.fetch("checkpoint", 1000)


def test_a_server_that_goes_silent_is_left_after_a_while(server, pauses):
    gone = threading.Event()
    server.answers = [lambda handler: gone.wait(20) and None]
    impatient = HTTPSource(server.url, timeout_seconds=0.05, attempts=2, sleep=pauses.append)
    with pytest.raises(SourceError, match=r"no answer: timed out \(asked 2 times\)"):
        impatient.fetch("checkpoint", 100)
    gone.set()


def test_an_answer_that_drips_is_left_at_the_deadline(server, pauses):
    def drip(handler: BaseHTTPRequestHandler) -> None:
        say(200, b"", Content_Length="1000")(handler)
        try:
            for _ in range(200):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                if gone.wait(0.02):
                    return
        except OSError:
            return

    gone = threading.Event()
    server.answers = [drip]
    impatient = HTTPSource(server.url, timeout_seconds=5, deadline_seconds=0.1, attempts=1, sleep=pauses.append)
    with pytest.raises(SourceError, match="no whole answer within"):
        impatient.fetch("checkpoint", 5000)
    gone.set()


def test_nobody_at_the_address_is_said(pauses, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(SourceError, match=r"no answer: .*refused"):
        HTTPSource("http://127.0.0.1:1/", attempts=2, sleep=pauses.append).fetch("checkpoint", 100)


def test_a_folder_is_read_within_bounds(tmp_path):
    source = open_source(str(tmp_path))
    (tmp_path / "checkpoint").write_bytes(b"x" * 101)
    (tmp_path / "tile").mkdir()
    with pytest.raises(SourceError, match="longer than 100 bytes"):
        source.fetch("checkpoint", 100)
    with pytest.raises(SourceError, match="cannot be read"):
        source.fetch("tile", 100)
    for path in ("missing", "checkpoint/000"):
        with pytest.raises(NotThere):
            source.fetch(path, 100)


@pytest.mark.parametrize("location", ["file:///etc", "ftp://a/", "http://", "http://[", "http://a\nb/", "missing"])
def test_only_web_addresses_and_folders_are_logs(location, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError):
        open_source(location)
