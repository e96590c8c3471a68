"""Settings that several commands share: an option each, or else the environment."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable

from ledger.commands.inputs import UsageError

SETTINGS = {
    "database": ("DATABASE_URL", "URL", "where the log's tables are, e.g. sqlite:////var/lib/mingzhen/hospital.db"),
    "head": ("LEDGER_HEAD", "FILE", "the head: on a disk of this machine, never backed up with the database"),
    "keys": ("LEDGER_PUBLIC_KEY_FILE", "FILE", "the log's verifier keys, one a line"),
}


def add_settings(parser: ArgumentParser, names: Iterable[str]) -> None:
    """Declare the options of these settings."""
    for name in names:
        variable, metavar, meaning = SETTINGS[name]
        parser.add_argument(f"--{name}", metavar=metavar, help=f"{meaning} (default: ${variable})")


def settings_of(args: Namespace, names: Iterable[str]) -> dict[str, str]:
    """Return the values of these settings. Raises UsageError that names all that are missing."""
    values = {name: getattr(args, name) or os.environ.get(SETTINGS[name][0]) or "" for name in names}
    missing = [f"--{name} or {SETTINGS[name][0]}" for name, value in values.items() if not value]
    if missing:
        raise UsageError(f"Missing: {', '.join(missing)}.")
    return values
