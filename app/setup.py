"""Make a folder ready for a demo: keys, databases, tables. Does only what is missing; `python -m app.setup` runs it.

Killed at any moment, the next run goes on: each file is there whole or not at all, each database's steps are one transaction.
Keys made here are marked by a file beside them; production refuses to start with those (`app.config`).
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from app import ROOT
from app.adapters.keyring import Keyring, MasterKey
from app.adapters.vault import Vault
from app.config import DEMO_MARK, WITNESS_FOLDER, Settings, SettingsRefused, read_settings
from app.migrate import upgrade
from app.models import HOSPITAL
from ledger.durable import replace_file, sync_folder
from ledger.note import ED25519_COSIGNATURE, SigningKey
from ledger.stores.engine import open_engine
from ledger.witness_state import begin


def make_keys(settings: Settings) -> None:
    """Make the demo's keys that are missing: master key, cookie key, and the ledger's signing key with its public twin."""
    folder = settings.master_key_file.parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / DEMO_MARK).touch()
    if not settings.master_key_file.exists():
        MasterKey.generate().replace(settings.master_key_file)
    if not settings.secret_key_file.exists():
        _write_secret(settings.secret_key_file, secrets.token_hex(32))
    public = settings.ledger_public_key_file
    signing = public.with_name("ledger.key")
    if not public.exists():  # else a key that is not there was lost, and another one would not be this log's
        if not signing.exists():
            _write_secret(signing, SigningKey.generate(settings.ledger_origin).format() + "\n")
        _write(public, _key_in(signing).verifier_key.format() + "\n", 0o644)


def make_witness(settings: Settings, folder: Path) -> None:
    """Make the demo's own witness, in `folder`, if it is missing: its key, the state of one that cosigned nothing, its name.

    It stands for somebody else (a health commission, a peer hospital), on whose machine it would run.
    """
    if (folder / "witness.vkey").exists():
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    private, state = folder / "witness.key", folder / "state"
    if not state.exists():  # without it nothing can have been cosigned: what an earlier run left begins anew
        for left in (private, folder / "witness.key.began"):
            left.unlink(missing_ok=True)
        key = SigningKey.generate(f"witness.{settings.ledger_origin.partition('/')[0]}", ED25519_COSIGNATURE)
        _write_secret(private, key.format() + "\n")
        begin(state, key.verifier_key, private)
    _write(folder / "witness.vkey", _key_in(private).verifier_key.format() + "\n", 0o644)


def _key_in(path: Path) -> SigningKey:
    return SigningKey.parse(path.read_text("utf-8").rstrip("\n"))


def _write_secret(path: Path, text: str) -> None:
    _write(path, text, 0o600)


def _write(path: Path, text: str, mode: int) -> None:
    replace_file(path, text.encode(), path.with_name(f"{path.name}.new"), mode)
    sync_folder(path.parent)


def migrate(settings: Settings) -> None:
    """Bring both databases up to date; the keyring first, for rows need their keys, the hospital's own among them."""
    keyring_engine = open_engine(settings.keyring_url)
    upgrade(keyring_engine, "keyring")
    Vault(Keyring(keyring_engine, MasterKey.read(settings.master_key_file))).welcome(HOSPITAL)
    upgrade(open_engine(settings.database_url), "main")


def main() -> int:
    try:
        settings = read_settings(os.environ, ROOT)
    except SettingsRefused as refused:
        print(refused, file=sys.stderr)
        return 2
    if not settings.is_demo:
        print(
            "This makes a demo. In production make keys by `python -m ledger keygen`, then `flask --app wsgi migrate`.",
            file=sys.stderr,
        )
        return 2
    make_keys(settings)
    make_witness(settings, settings.sms_database.with_name(WITNESS_FOLDER))
    migrate(settings)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
