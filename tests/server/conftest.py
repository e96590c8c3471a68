"""Sites to start: each with a folder that was prepared once and copied."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import create_app
from app.config import read_settings
from app.server.__main__ import demo_version
from tests.server.launched import ROOT, Site


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder with keys and tables, to be copied."""
    site = Site(tmp_path_factory.mktemp("prepared") / "var").prepare()
    folder = site.folder
    (folder / "demo-data").write_text(demo_version())  # an empty demo starts sooner; one test fills it
    create_app(read_settings(site.environment, ROOT)).extensions["warm"]()  # each would compile its pages otherwise
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
