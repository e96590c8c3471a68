"""The keyring: wrapped data keys and blind indexes, in a database of their own.

Its backups live for days, the data's for years: so a data backup alone opens nothing, and a key destroyed here is not
revived by restoring the other (DESIGN, section 5). The two databases never commit together; a new person's keys are made
first, in a transaction of their own, and an orphan key is harmless.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
)

from app.adapters.errors import KeyringUnavailable, SealBroken
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

_WRAPPED = select(data_key.c.wrapped).where(
    data_key.c.owner == bindparam("of"), data_key.c.retention == bindparam("for")
)

INDEX_OWNER = "blind-index"  # the owner under which the index's own random key is wrapped
CACHE_SECONDS = 60.0
CACHE_KEYS = 50_000
NONCE_BYTES = 12
MOST_AT_ONCE = 500  # parameters of one query


class MasterKey:
    """The key that wraps all others, with its version. The file holds one line: `<version>:<base64 of 32 bytes>`."""

    def __init__(self, version: int, key: bytes) -> None:
        self.version = version
        self._key = key

    @classmethod
    def generate(cls) -> MasterKey:
        return cls(1, secrets.token_bytes(32))

    @classmethod
    def read(cls, path: Path) -> MasterKey:
        """Read the file; raise KeyringUnavailable with what to do when it is missing or of another form."""
        try:
            version, text = path.read_text("ascii").strip().split(":", 1)
            key = base64.b64decode(text, validate=True)
            if len(key) != 32:
                raise ValueError
            return cls(int(version), key)
        except (OSError, ValueError, binascii.Error):
            raise KeyringUnavailable(
                "The master key file cannot be read. MASTER_KEY_FILE must name a file with `1:<base64 of 32 bytes>`."
            ) from None

    def write(self, path: Path) -> None:
        """Write a new file, mode 0600; never over an existing one, for everything sealed under it would be lost."""
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(f"{self.version}:{base64.b64encode(self._key).decode()}\n", "ascii")

    def __repr__(self) -> str:
        return f"MasterKey(version={self.version})"

    def wrap(self, key: bytes, label: bytes) -> bytes:
        return encrypt(self._key, key, label)

    def unwrap(self, wrapped: bytes, label: bytes) -> bytes:
        return decrypt(self._key, wrapped, label)


def encrypt(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Return nonce (12) || ciphertext || tag (16), AES-256-GCM (NIST SP 800-38D) with a random nonce."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Undo `encrypt`. Raises SealBroken when a byte, the key or the place (`associated`) is another."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):  # ValueError: fewer bytes than a nonce
        raise SealBroken("a sealed payload does not open: it was changed, moved, or sealed under another key") from None


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
        """Return the data key, 32 bytes. Raises KeyError when there is none: never made, or destroyed."""
        now = time.monotonic()
        known = self._cache.get((owner, retention))
        if known and known[0] > now:
            return known[1]
        with reading(self._engine) as connection:
            row = connection.execute(_WRAPPED, {"of": owner, "for": retention}).scalar()
        if row is None:
            raise KeyError((owner, retention))
        return self._remember(owner, retention, self._master.unwrap(row, _label(owner, retention)))

    def prepare(self, owners: Iterable[str], retention: str) -> None:
        """Fetch the keys of many owners at once, so that `key` finds them; who has none is passed over."""
        now = time.monotonic()
        missing = [o for o in owners if not ((known := self._cache.get((o, retention))) and known[0] > now)]
        for start in range(0, len(missing), MOST_AT_ONCE):
            with reading(self._engine) as connection:
                of_these = data_key.c.owner.in_(missing[start : start + MOST_AT_ONCE])
                rows = connection.execute(select(data_key).where(of_these, data_key.c.retention == retention)).all()
            for row in rows:
                self._remember(row.owner, retention, self._master.unwrap(row.wrapped, _label(row.owner, retention)))

    def ensure(self, owner: str, retentions: tuple[str, ...]) -> None:
        """Make the keys of `owner` that are missing. Call it before the transaction that writes the owner's first row."""
        with recording(self._engine) as connection:
            have = set(connection.scalars(select(data_key.c.retention).where(data_key.c.owner == owner)))
            for retention in retentions:
                if retention not in have:
                    self._make(connection, owner, retention)

    def _make(self, connection, owner: str, retention: str) -> bytes:  # type: ignore[no-untyped-def]
        key = secrets.token_bytes(32)
        connection.execute(
            insert(data_key).values(
                owner=owner,
                retention=retention,
                wrapped=self._master.wrap(key, _label(owner, retention)),
                master_version=self._master.version,
                created_ms=int(time.time() * 1000),
            )
        )
        return key

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
