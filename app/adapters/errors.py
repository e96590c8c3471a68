"""What goes wrong at the edge.

EdgeError
├── KeyringUnavailable   the operator's: the master key or its file is missing or wrong
├── SealBroken           a stored payload was changed, moved, or sealed under another key
└── KeyGone              the data key is gone: never made, or destroyed
"""

from __future__ import annotations

from app.ports import Unreadable


class EdgeError(Exception):
    """Something outside the core failed; the message carries no secret and no personal datum."""


class KeyringUnavailable(EdgeError):
    """The master key cannot be had. The message says what the operator does."""


class SealBroken(EdgeError, Unreadable):
    """A sealed payload does not open where it stands."""


class KeyGone(EdgeError, Unreadable, KeyError):
    """There is no data key: it was never made, or an erasure destroyed it."""
