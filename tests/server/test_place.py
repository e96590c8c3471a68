"""What stands in the way of a start is said in one sentence that names what to do."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.server import place

NOBODY = 65534


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """To root every folder is writable: the part inside runs as nobody there, and as oneself elsewhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_port_in_use_is_named_with_one_to_take_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        monkeypatch.delenv("HOST", raising=False)
        with pytest.raises(
            place.CannotServe, match=rf"Port {port} on 127.0.0.1 cannot be used .* PORT={port % 65535 + 1} make run"
        ):
            place.free_address()


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5", "８０"])
def test_what_is_no_port_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(place.CannotServe, match=r"PORT is .* set it to a number from 1 to 65535"):
        place.free_address()


def test_a_host_that_is_not_of_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "192.0.2.77")
    with pytest.raises(place.CannotServe, match=r"192\.0\.2\.77"):
        place.free_address()


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with (
        without_roots_rights(),
        pytest.raises(place.CannotServe, match=r"Cannot (write into|make the folder) .* move the clone"),
    ):
        place.take(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(place.CannotServe, match=r"Cannot make the folder .* set MINGZHEN_VAR"):
        place.take(tmp_path / "file" / "var")


def test_a_folder_is_held_once_and_free_again_after_its_holder(tmp_path: Path) -> None:
    held = place.take(tmp_path)
    place.tell_who_runs(held, "http://127.0.0.1:8123")
    assert place.is_held(tmp_path)
    with pytest.raises(place.CannotServe, match=rf"already runs .* at http://127.0.0.1:8123 \(process {os.getpid()}\)"):
        place.take(tmp_path)
    os.close(held)
    assert not place.is_held(tmp_path)
    os.close(place.take(tmp_path))


def test_an_address_is_written_for_browsers_and_for_gunicorn() -> None:
    everywhere = place.Address("0.0.0.0", 8000)  # noqa: S104
    assert (everywhere.local, everywhere.bind) == ("http://127.0.0.1:8000", "0.0.0.0:8000")
    assert everywhere.shared.startswith("http://") and everywhere.shared.endswith(":8000")
    six = place.Address("::1", 8000)
    assert (six.local, six.bind) == ("http://[::1]:8000", "[::1]:8000")
