"""The keyring: wrapped data keys and blind indexes, in a database of their own.

Its backups live for days, the data's for years: so a data backup alone opens nothing, and a key destroyed here is not
revived by restoring the other (DESIGN, section 5). The two databases never commit together; a new person's keys are made
first, in a transaction of their own, and an orphan key is harmless.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)  # fmt: skip

from app.adapters.errors import KeyGone, KeyringUnavailable, SealBroken
from app.adapters.wiping import empty_journal, overwriting
from ledger.stores.engine import reading, recording

metadata = MetaData()
data_key = Table(
    "data_key", metadata,
    Column("owner", String, primary_key=True),
    Column("retention", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("master_version", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)  # fmt: skip
blind_index = Table(
    "blind_index", metadata,
    Column("kind", String, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("ref", String, nullable=False, index=True),
)  # fmt: skip

_WRAPPED = select(data_key.c.wrapped, data_key.c.master_version).where(
    data_key.c.owner == bindparam("of"), data_key.c.retention == bindparam("for")
)

INDEX_OWNER = "blind-index"  # the owner under which the index's own random key is wrapped
# That key is the first to be wrapped anew: its version is the one in force, and its row the lock between whoever makes a key and
# whoever rotates.
_IN_FORCE = select(data_key.c.master_version).where(data_key.c.owner == INDEX_OWNER).with_for_update(read=True)
CACHE_SECONDS = 60.0
CACHE_KEYS = 50_000
NONCE_BYTES = 12
MOST_AT_ONCE = 500  # parameters of one query


class MasterKey:
    """The key that wraps all others, with its version. The file holds one line, `<version>:<base64 of 32 bytes>`, and during a
    rotation two: the last is the one in force, the first opens what is not wrapped anew yet."""

    def __init__(self, keys: Mapping[int, bytes], path: Path | None = None) -> None:
        self._keys = dict(keys)
        self._path = path
        self.version = max(self._keys)

    @classmethod
    def generate(cls) -> MasterKey:
        return cls({1: secrets.token_bytes(32)})

    @classmethod
    def read(cls, path: Path) -> MasterKey:
        """Read the file; raise KeyringUnavailable with what to do when it is missing or of another form."""
        try:
            lines = path.read_text("ascii").splitlines()
            pairs = [line.strip().split(":", 1) for line in lines if line.strip()]
            keys = {int(version): base64.b64decode(text, validate=True) for version, text in pairs}
            if len(keys) != len(pairs) or not keys or any(len(key) != 32 for key in keys.values()):
                raise ValueError
            return cls(keys, path)
        except (OSError, ValueError, binascii.Error):
            raise KeyringUnavailable(
                "The master key file cannot be read. MASTER_KEY_FILE must name a file with `1:<base64 of 32 bytes>`."
            ) from None

    def again(self) -> MasterKey:
        """Return what the file says now: another process may have begun or ended a rotation."""
        return self if self._path is None else MasterKey.read(self._path)

    @property
    def versions(self) -> tuple[int, ...]:
        return tuple(sorted(self._keys))

    def with_next(self) -> MasterKey:
        """Return this key and a new one after it, which is then the one in force."""
        return MasterKey({**self._keys, self.version + 1: secrets.token_bytes(32)}, self._path)

    def only(self, version: int) -> MasterKey:
        """Return one version alone."""
        return MasterKey({version: self._keys[version]}, self._path)

    def write(self, path: Path) -> None:
        """Write a new file, mode 0600; never over an existing one, for everything sealed under it would be lost."""
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(self._text(), "ascii")

    def replace(self, path: Path) -> None:
        """Put this in the place of the file, whole or not at all, on disk when it returns."""
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)
        beside.touch(mode=0o600, exist_ok=False)
        with beside.open("w", encoding="ascii") as file:
            file.write(self._text())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _text(self) -> str:
        return "".join(f"{v}:{base64.b64encode(self._keys[v]).decode()}\n" for v in self.versions)

    def __repr__(self) -> str:
        return f"MasterKey(version={self.version})"

    def wrap(self, key: bytes, label: bytes) -> bytes:
        return encrypt(self._keys[self.version], key, label)

    def unwrap(self, wrapped: bytes, label: bytes, version: int) -> bytes:
        """Undo `wrap` of a version. Raises KeyError for one that is not in the file."""
        return decrypt(self._keys[version], wrapped, label)


def encrypt(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Return nonce (12) || ciphertext || tag (16), AES-256-GCM (NIST SP 800-38D) with a random nonce."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Undo `encrypt`. Raises SealBroken when a byte, the key or the place (`associated`) is another."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):  # ValueError: fewer bytes than a nonce
        raise SealBroken(
            "a sealed payload does not open: it was changed, moved, or sealed under another key",
            place=associated.decode("utf-8", "replace"),
        ) from None


class Keyring:
    """Data keys by (owner, retention class) and blind indexes by (kind, value).

    Threads share one; keys are cached for a minute at most, so that a destroyed key stops opening within that time.
    """

    def __init__(self, engine: Engine, master: MasterKey) -> None:
        self._engine = engine
        self._master = master
        self._cache: dict[tuple[str, str], tuple[float, bytes]] = {}
        self._lock = threading.Lock()

    def key(self, owner: str, retention: str) -> bytes:
        """Return the data key, 32 bytes. Raises KeyGone when there is none: never made, or destroyed."""
        now = time.monotonic()
        known = self._cache.get((owner, retention))
        if known and known[0] > now:
            return known[1]
        with reading(self._engine) as connection:
            row = connection.execute(_WRAPPED, {"of": owner, "for": retention}).first()
        if row is None:
            raise KeyGone("there is no such data key", place=f"{owner}|{retention}")
        return self._remember(owner, retention, self._unwrap(row.wrapped, owner, retention, row.master_version))

    def _unwrap(self, wrapped: bytes, owner: str, retention: str, version: int) -> bytes:
        if version not in self._master.versions:  # somebody rotates, or has rotated
            self._master = self._master.again()
        if version not in self._master.versions:
            raise KeyringUnavailable(
                f"A key is wrapped by version {version} of the master key, which is not in its file."
            )
        return self._master.unwrap(wrapped, _label(owner, retention), version)

    def prepare(self, owners: Iterable[str], retention: str) -> None:
        """Fetch the keys of many owners at once, so that `key` finds them; who has none is passed over."""
        now = time.monotonic()
        missing = [o for o in owners if not ((known := self._cache.get((o, retention))) and known[0] > now)]
        for start in range(0, len(missing), MOST_AT_ONCE):
            with reading(self._engine) as connection:
                of_these = data_key.c.owner.in_(missing[start : start + MOST_AT_ONCE])
                rows = connection.execute(select(data_key).where(of_these, data_key.c.retention == retention)).all()
            for row in rows:
                key = self._unwrap(row.wrapped, row.owner, retention, row.master_version)
                self._remember(row.owner, retention, key)

    def ensure(self, owner: str, retentions: tuple[str, ...]) -> None:
        """Make the keys of `owner` that are missing. Call it before the transaction that writes the owner's first row."""
        with recording(self._engine) as connection:
            have = set(connection.scalars(select(data_key.c.retention).where(data_key.c.owner == owner)))
            self._make(connection, [(owner, retention) for retention in retentions if retention not in have])

    def ensure_new(self, owners: Sequence[str], retentions: tuple[str, ...]) -> None:
        """Make all keys of owners that have none yet, in one transaction, and keep them at hand: for a load of many people."""
        with recording(self._engine) as connection:
            made = self._make(connection, [(owner, retention) for owner in owners for retention in retentions])
        for (owner, retention), key in made.items():
            self._remember(owner, retention, key)

    def _make(self, connection: Connection, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Write new keys, wrapped by the master key that is in force, and return them by owner and retention."""
        in_force = connection.execute(_IN_FORCE).scalar()
        if in_force is not None and in_force != self._master.version:
            self._master = self._master.again()
        made = {one: secrets.token_bytes(32) for one in wanted}
        rows = [
            {
                "owner": owner,
                "retention": retention,
                "wrapped": self._master.wrap(key, _label(owner, retention)),
                "master_version": self._master.version,
                "created_ms": int(time.time() * 1000),
            }
            for (owner, retention), key in made.items()
        ]
        if rows:
            connection.execute(insert(data_key), rows)
        return made

    def _remember(self, owner: str, retention: str, key: bytes) -> bytes:
        with self._lock:
            if len(self._cache) >= CACHE_KEYS:
                self._cache.clear()
            self._cache[(owner, retention)] = (time.monotonic() + CACHE_SECONDS, key)
        return key

    def digest(self, kind: str, value: str) -> bytes:
        """Return the blind index of a value: HMAC-SHA256 under the index's own random key, 32 bytes."""
        try:
            key = self.key(INDEX_OWNER, "index")
        except KeyError:
            self.ensure(INDEX_OWNER, ("index",))
            key = self.key(INDEX_OWNER, "index")
        return hmac.digest(key, f"{kind}\n{value}".encode(), sha256)

    def find(self, kind: str, value: str) -> str | None:
        """Return the ref that holds this value, or None."""
        digest = self.digest(kind, value)
        with reading(self._engine) as connection:
            return connection.execute(
                select(blind_index.c.ref).where(blind_index.c.kind == kind, blind_index.c.digest == digest)
            ).scalar()

    def claim(self, kind: str, value: str, ref: str) -> str:
        """Return who holds the value: `ref` where it was free (now taken durably), else the ref that was first.

        Whoever loses a race gets the winner's ref, so two sign-ins at once make one account.
        """
        digest = self.digest(kind, value)
        with recording(self._engine) as connection:
            holder = connection.execute(
                select(blind_index.c.ref).where(blind_index.c.kind == kind, blind_index.c.digest == digest)
            ).scalar()
            if holder is not None:
                return str(holder)
            connection.execute(insert(blind_index).values(kind=kind, digest=digest, ref=ref))
            return ref

    # Rotation: the master key is another one afterwards, every data key the same.

    @property
    def master(self) -> MasterKey:
        return self._master

    def begin_rotation(self, path: Path) -> None:
        """Let a new master key be in force: first in the file beside the old one, then for every key that is made. What was wrapped
        before is wrapped anew by `rewrap`. Called again in the middle of a rotation, it goes on with that one."""
        self._master = MasterKey.read(path)
        if len(self._master.versions) == 1:
            self._master = self._master.with_next()
            self._master.replace(path)
        self.digest("rotation", "")  # the index's key, where there is none yet
        with recording(self._engine) as connection:
            row = connection.execute(select(data_key).where(data_key.c.owner == INDEX_OWNER).with_for_update()).one()
            self._rewrap_one(connection, row)

    def rewrap(self, after: tuple[str, str] = ("", "")) -> tuple[int, tuple[str, str] | None]:
        """Wrap some keys anew, those after (owner, retention class); return how many that were, and after which to go on, or None."""
        place = tuple_(data_key.c.owner, data_key.c.retention)
        with recording(self._engine) as connection:
            next_ones = select(data_key).where(place > after).order_by(data_key.c.owner, data_key.c.retention)
            rows = connection.execute(next_ones.limit(MOST_AT_ONCE)).all()
            count = sum(self._rewrap_one(connection, row) for row in rows)
        return count, ((rows[-1].owner, rows[-1].retention) if len(rows) == MOST_AT_ONCE else None)

    def _rewrap_one(self, connection: Connection, row: Any) -> bool:
        if row.master_version == self._master.version:
            return False
        key = self._unwrap(row.wrapped, row.owner, row.retention, row.master_version)
        new = {
            "wrapped": self._master.wrap(key, _label(row.owner, row.retention)),
            "master_version": self._master.version,
        }
        mine = (data_key.c.owner == row.owner, data_key.c.retention == row.retention, data_key.c.wrapped == row.wrapped)
        return connection.execute(update(data_key).where(*mine).values(**new)).rowcount == 1

    def left_to_rewrap(self) -> int:
        """Return how many keys are wrapped by another master key than the one in force."""
        with reading(self._engine) as connection:
            old = select(func.count()).select_from(data_key).where(data_key.c.master_version != self._master.version)
            return int(connection.execute(old).scalar_one())

    def end_rotation(self, path: Path) -> None:
        """Take the old master key out of the file; it stays beside it, for the keyring's backups. Raises ValueError while a key
        is wrapped by it still."""
        if self.left_to_rewrap():
            raise ValueError("keys are wrapped by the old master key still")
        for version in self._master.versions[:-1]:
            beside = path.with_name(f"{path.name}.{version}")
            if not beside.exists():
                self._master.only(version).write(beside)
        self._master = self._master.only(self._master.version)
        self._master.replace(path)

    def destroy(self, keys: Iterable[tuple[str, str]], holders: Iterable[str]) -> None:
        """Destroy data keys by (owner, retention class) and every blind index of these refs: on disk when this returns, and
        overwritten in the database and its write-ahead log. Doing it again is no harm; backups of the keyring still have them."""
        keys = list(keys)
        with recording(self._engine) as connection:
            overwriting(connection)
            for owner, retention in keys:
                connection.execute(delete(data_key).where(data_key.c.owner == owner, data_key.c.retention == retention))
            for ref in holders:
                connection.execute(delete(blind_index).where(blind_index.c.ref == ref))
        with self._lock:
            for one in keys:
                self._cache.pop(one, None)
        empty_journal(self._engine)

    def close(self) -> None:
        """Forget the cached keys and let go of the database."""
        self._cache.clear()
        self._engine.dispose()


def _label(owner: str, retention: str) -> bytes:
    return f"mingzhen.key.v1\n{owner}\n{retention}".encode()
