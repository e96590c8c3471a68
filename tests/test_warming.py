"""What every worker needs is loaded before they fork: a first request compiles nothing, and a kept template is never a stale one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
from flask import Flask

from app import ROOT
from app.server import gunicorn_conf
from app.warming import CompiledTemplates, warm


@pytest.fixture
def site(tmp_path: Path) -> Flask:
    """An application with one page of its own."""
    (tmp_path / "pages").mkdir()
    app = Flask("site", template_folder=str(tmp_path / "pages"))
    (tmp_path / "pages" / "one.html").write_text("one {{ 6 * 7 }}")
    return app


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of templates that were compiled from their source."""
    names: list[str] = []
    real = jinja2.Environment.compile

    def noting(self, source, name=None, *rest, **more):
        names.append(name)
        return real(self, source, name, *rest, **more)

    monkeypatch.setattr(jinja2.Environment, "compile", noting)
    return names


def warm_again(site: Flask, kept: Path) -> str:
    """Warm as another start would and return the page."""
    site.jinja_env.cache.clear()
    site.jinja_env.bytecode_cache = None
    warm(site, kept)
    return site.jinja_env.get_template("one.html").render()


def test_the_web_server_warms_the_application_and_then_a_first_request_compiles_nothing(app, compiled):
    gunicorn_conf.when_ready(SimpleNamespace(app=SimpleNamespace(wsgi=lambda: app)))
    assert {"patient/records.html", "patient/queue.html", "base.html"} <= set(compiled)
    compiled.clear()
    client = app.test_client()
    assert [client.get(page).status_code for page in ("/", "/verify", "/ledger/", "/staff/sign-in")] == [200] * 4
    assert compiled == []


OPENING = """
import os, sys
from app import ROOT, create_app
from app.config import read_settings
app = create_app(read_settings(os.environ, ROOT))
app.extensions["warm"]()
before = set(sys.modules)
app.extensions["mingzhen"]()
assert app.test_client().get("/staff/sign-in").status_code == 200
print(*sorted(name for name in set(sys.modules) - before if name.startswith(("app.", "ledger.", "argon2", "requests"))))
"""


def test_opening_the_house_in_a_worker_reads_no_module_any_more(var):
    told = subprocess.run(
        [sys.executable, "-c", OPENING], cwd=ROOT, check=True, capture_output=True, text=True,
        env={**os.environ, "MINGZHEN_VAR": str(var)},
    )  # fmt: skip
    assert told.stdout.split() == []


def test_an_application_that_has_nothing_to_warm_is_served_too():
    gunicorn_conf.when_ready(SimpleNamespace(app=SimpleNamespace(wsgi=lambda: object())))


def test_another_start_compiles_only_what_was_changed(site, compiled, tmp_path):
    page, kept = tmp_path / "pages" / "one.html", tmp_path / "kept"
    (tmp_path / "pages" / "two.html").write_text("two")
    assert warm_again(site, kept) == "one 42" and sorted(compiled) == ["one.html", "two.html"]
    compiled.clear()
    assert warm_again(site, kept) == "one 42" and compiled == []
    page.write_text("other {{ 6 * 7 }}")
    assert warm_again(site, kept) == "other 42" and compiled == ["one.html"]


def test_what_was_compiled_otherwise_or_is_broken_is_compiled_anew(site, compiled, tmp_path):
    kept = tmp_path / "kept"
    warm_again(site, kept)
    compiled.clear()
    site.jinja_env.trim_blocks = True
    warm_again(site, kept)
    assert compiled == ["one.html"]
    (file,) = kept.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    for damaged in (b"", b"junk", file.read_bytes()[:-20]):
        compiled.clear()
        file.write_bytes(damaged)
        assert warm_again(site, kept) == "one 42" and compiled == ["one.html"]


@pytest.mark.parametrize("how", ["others may write", "a link", "a file"])
def test_a_folder_that_others_could_put_code_into_is_not_used(site, compiled, tmp_path, how):
    kept = tmp_path / "kept"
    warm_again(site, kept)
    if how == "others may write":
        kept.chmod(0o770)
    elif how == "a link":
        kept.rename(tmp_path / "elsewhere")
        kept.symlink_to(tmp_path / "elsewhere")
    else:
        kept = tmp_path / "pages" / "one.html"
    for _ in range(2):
        compiled.clear()
        assert warm_again(site, kept) == "one 42" and compiled == ["one.html"]


def test_a_full_disk_and_a_broken_page_stop_nobody(site, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError("no space left on device")

    (tmp_path / "pages" / "broken.html").write_text("{% if %}")
    monkeypatch.setattr(CompiledTemplates, "dump_bytecode", full)
    assert warm_again(site, tmp_path / "kept") == "one 42"
    with pytest.raises(jinja2.TemplateSyntaxError):
        site.jinja_env.get_template("broken.html")
