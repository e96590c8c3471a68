"""Staff passwords: argon2id (RFC 9106) by argon2-cffi, with its defaults."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError


class Passwords:
    """Hashes and checks passwords. A check takes the same time whether or not there is such a member."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._nobody = _nobody()

    def hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def is_right(self, password_hash: str | None, password: str) -> bool:
        """Return whether `password` is the one; for None (no such member) do the same work and return False."""
        try:
            self._hasher.verify(password_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None


@cache
def _nobody() -> str:
    """Return the hash that stands for every name that nobody has: made once per process, since making it is dear on purpose."""
    return PasswordHasher().hash("nobody signs in by this")
