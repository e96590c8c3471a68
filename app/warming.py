"""What every worker will need, loaded once before they fork: their first request finds it there, and its memory is shared.

Templates take most of a first request: their compiled form is kept in a folder of the house's own, so that only the first start
after a change compiles them. Nothing is opened here: engines, sockets and keys are each process's own.
"""

from __future__ import annotations

import os
import stat
from hashlib import sha1
from importlib import import_module
from pathlib import Path

import jinja2
from babel import Locale
from flask import Flask
from sqlalchemy.orm import configure_mappers

from app.web.i18n import LOCALES

# What `build_house` imports in each process, when it opens what is its own.
OPENED_WITH = (
    "app.adapters.jwe", "app.adapters.keyring", "app.adapters.neighbour", "app.adapters.sms", "app.adapters.vault",
    "app.adapters.wechat", "ledger.bell", "ledger.note", "ledger.reader", "ledger.stores.sql",
)  # fmt: skip


class CompiledTemplates(jinja2.FileSystemBytecodeCache):
    """Compiled templates in a folder, each under the checksum of its source and of what else decides its code."""

    def __init__(self, folder: Path, environment: jinja2.Environment) -> None:
        super().__init__(str(folder))
        e = environment
        self._salt = repr((jinja2.__version__, e.trim_blocks, e.lstrip_blocks, e.optimized, sorted(e.extensions)))

    def get_source_checksum(self, source: str) -> str:
        """Return what a kept template must have been made from (a checksum, not a signature: the folder is the house's own)."""
        return sha1(f"{self._salt}\n{source}".encode(), usedforsecurity=False).hexdigest()


def init_warming(app: Flask, kept: Path) -> None:
    """Leave with the application how it is warmed: for the web server, before it forks. `kept` is for compiled templates."""
    app.extensions["warm"] = lambda: warm(app, kept)


def warm(app: Flask, kept: Path) -> None:
    """Load modules, templates and mappers. `kept` is the folder of compiled templates; where it is not this user's alone, or cannot be
    written, they are compiled anew."""
    from app.adapters.passwords import Passwords  # here, so that commands do without

    for module in OPENED_WITH:
        import_module(module)
    Passwords()  # makes the hash that stands for names that nobody has, which is dear on purpose
    configure_mappers()
    for name in LOCALES.values():
        _ = Locale.parse(name).days  # a language's dates and numbers come from one file, read when first written
    app.url_map.update()
    environment = app.jinja_env
    environment.optimized = False  # a constant is not worked out beforehand by code that may be another tomorrow
    if _is_ours_alone(kept):
        environment.bytecode_cache = CompiledTemplates(kept, environment)
    for name in environment.list_templates():
        try:
            environment.get_template(name)
        except jinja2.TemplateError:
            continue  # a page that is broken fails when it is asked for, and takes no other with it
        except OSError:  # nothing can be kept: a full disk
            environment.bytecode_cache = None


def _is_ours_alone(folder: Path) -> bool:
    """Make the folder where it is missing; say whether nobody else may put code into it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
