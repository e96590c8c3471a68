"""Sites to start: each with a folder that was prepared once and copied."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.server.__main__ import demo_version
from tests.server.launched import Site


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder with keys and tables, to be copied."""
    folder = Site(tmp_path_factory.mktemp("prepared") / "var").prepare().folder
    (folder / "demo-data").write_text(demo_version())  # an empty demo starts sooner; one test fills it
    return folder


@pytest.fixture
def new_site(prepared: Path, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes sites that are not started yet; whatever is left of them is ended after the test."""
    made: list[Site] = []

    def make(name: str = "var", **environment: str) -> Site:
        folder = tmp_path / name
        shutil.copytree(prepared, folder)
        made.append(Site(folder, **environment))
        return made[-1]

    yield make
    for site in made:
        site.sweep()
