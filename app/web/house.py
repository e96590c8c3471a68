"""What a process holds open: engines, vault, bell, reader, adapters. Built once per process, after the fork."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.config import Settings
from app.ports import SMSSender, Vault, WeChat
from app.services import outbox


@dataclass(frozen=True)
class House:
    """The adapters of one process. `recording` and `reading` come from the ledger's engine module, handed in."""

    settings: Settings
    engine: Engine
    vault: Vault
    bell: Any
    log: Any
    log_keys: tuple[Any, ...]
    wechat: WeChat
    sms: SMSSender | None
    passwords: Any
    neighbour: Any
    clock: Callable[[], datetime]
    recording: Callable[..., Any]
    reading: Callable[[Engine], Any]
    add_pending: Callable[[Any, bytes, int], int]
    seal_compact: Callable[[bytes, bytes, str], str]  # key, plain, content type: JWE for who holds the key
    witness_keys: tuple[Any, ...] = ()  # of the policy, in its order
    witness_policy_text: str = ""  # the policy as everybody may read it; "" where no witnesses are asked

    def close(self) -> None:
        self.engine.dispose()
        self.vault.close()
        self.bell.close()

    @contextmanager
    def writing_session(self, *, durable: bool = True) -> Iterator[Session]:
        """Open the one recording transaction of an act: gate, BEGIN IMMEDIATE; commits when the block ends well.

        Not `durable`: a power cut may undo it. For what only says when somebody was last here."""
        with self.recording(self.engine, durable=durable) as connection:
            session = self._session(connection)
            try:
                yield session
                outbox.tell_recorded(session)
                session.flush()
            finally:
                session.close()

    @contextmanager
    def reading_session(self) -> Iterator[Session]:
        """Open a read transaction: a write inside fails."""
        with self.reading(self.engine) as connection:
            session = self._session(connection)
            session.info["told"] = {}  # what services keep for as long as nothing can change
            try:
                yield session
            finally:
                session.close()

    def _session(self, connection: Any) -> Session:
        return Session(
            bind=connection,
            expire_on_commit=False,
            info={"vault": self.vault, "clock": self.clock, "add_pending": self.add_pending},
        )


class HouseKeeper:
    """Hands out this process's House, building it at first use, so that nothing that is open crosses a fork."""

    def __init__(self, build: Callable[[], House]) -> None:
        self._build = build
        self._house: House | None = None
        self._pid = 0

    def __call__(self) -> House:
        if self._house is None or self._pid != os.getpid():
            self._house, self._pid = self._build(), os.getpid()
        return self._house

    def close(self) -> None:
        """Let go of what this process opened; the next use opens it anew."""
        if self._house is not None and self._pid == os.getpid():
            self._house.close()
        self._house = None


def init_house(app: Flask, build: Callable[[], House]) -> None:
    app.extensions["mingzhen"] = HouseKeeper(build)


def house() -> House:
    """Return the House of this process and application."""
    keeper: HouseKeeper = current_app.extensions["mingzhen"]
    return keeper()
