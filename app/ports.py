"""The few things that the hospital needs from outside, as Protocols with their contracts.

What may come back instead of an answer:

    OutsideError            somebody outside did not do what was asked; the message carries no secret, no personal datum
    ├── WeChatRefused       the platform said no; carries its errcode
    ├── WeChatUnavailable   the platform did not answer, or asked to wait; the same call may work later
    └── SMSUnavailable      the message was not taken; the person may press again
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class OutsideError(Exception):
    """Base of what ports raise."""


class WeChatRefused(OutsideError):
    """WeChat said no. Of a code, 40029 is unknown or too old, 40163 used before, 40226 a person it has blocked."""

    def __init__(self, errcode: int) -> None:
        super().__init__(f"WeChat refused with errcode {errcode}")
        self.errcode = errcode


class WeChatUnavailable(OutsideError):
    """No usable answer from WeChat. `errcode` is set where it asked to come back later (-1, 45009, 45011).

    `maybe_done` says that the call may have reached it and done its work: whoever must not do a thing twice asks no more.
    """

    def __init__(self, reason: str, errcode: int | None = None, *, maybe_done: bool = False) -> None:
        super().__init__(f"WeChat is unavailable: {reason}")
        self.errcode = errcode
        self.maybe_done = maybe_done


class SMSUnavailable(OutsideError):
    """The message was not taken; with `maybe_done`, nobody knows."""

    def __init__(self, reason: str, *, maybe_done: bool = False) -> None:
        super().__init__(reason)
        self.maybe_done = maybe_done


class Unreadable(Exception):
    """A sealed payload does not open where it stands: it was changed, moved, or sealed under another key. `place` says where it
    stands (`table|row|version`): random ids, and nothing of anybody."""

    def __init__(self, message: str = "", *, place: str = "") -> None:
        super().__init__(message)
        self.place = place


class Vault(Protocol):
    """Seals payloads under keys per owner and retention class, and finds refs by blind index.

    `welcome` and `claim` commit by themselves, in the keyring, before the transaction that writes the rows: an orphan
    key or claim is harmless, a row without its key would be unreadable.
    """

    def welcome(self, owner: str) -> None:
        """Make all keys of a new owner."""

    def welcome_new(self, owners: Sequence[str]) -> None:
        """Make all keys of several owners whose refs were just made, at once. Commits by itself, like `welcome`."""

    def seal(self, owner: str, retention: str, place: str, payload: dict[str, Any]) -> bytes:
        """Return the payload sealed for one place, `table|row|version`."""

    def open(self, owner: str, retention: str, place: str, sealed: bytes) -> dict[str, Any]:
        """Undo `seal`; raises Unreadable when a byte or the place is another, or the key is gone (then it is a KeyError too)."""

    def prepare(self, owners: Iterable[str], retention: str) -> None:
        """Fetch the keys of many owners at once, before opening what is theirs one by one."""

    def digest(self, kind: str, value: str) -> bytes:
        """Return the blind index of a value, 32 bytes: equal values, equal bytes; nothing else can be told."""

    def find(self, kind: str, value: str) -> str | None:
        """Return the ref that holds a value, or None."""

    def claim(self, kind: str, value: str, ref: str) -> str:
        """Return who holds the value: `ref` where it was free, else the ref that was first."""

    def destroy(self, keys: Iterable[tuple[str, str]], holders: Iterable[str]) -> None:
        """Destroy data keys, (owner, retention class), and the blind indexes of refs. Commits by itself; harmless to repeat.

        Another process may go on opening with a key that it fetched before, for a minute at most.
        """

    def close(self) -> None:
        """Forget cached keys and let go of what is open."""


@dataclass(frozen=True)
class WeChatIdentity:
    """Who WeChat says somebody is. Only `appid` and `is_snapshot` appear in its repr.

    `openid` is the person at one app, `unionid` the person at all apps of one owner (None where WeChat keeps it back).
    `is_snapshot` marks a visitor of a preview page whose account is made up: it must never be bound to a patient.
    `session_key` comes with mini-program sign-ins; it never leaves the server.
    """

    appid: str
    openid: str = field(repr=False)
    unionid: str | None = field(repr=False, default=None)
    is_snapshot: bool = False
    nickname: str | None = field(repr=False, default=None)
    session_key: str | None = field(repr=False, default=None)


class WeChat(Protocol):
    """Signs people in through one WeChat app. Thread-safe; call it outside transactions.

    A code works once, so no call that spends one is ever retried: after WeChatUnavailable the person starts again.
    """

    def authorize_url(self, redirect_uri: str, state: str, scope: str = "snsapi_base") -> str:
        """Return where to send the browser; it comes back to `redirect_uri` with code and state, or state alone."""

    def exchange_code(self, code: str, *, with_nickname: bool = False) -> WeChatIdentity:
        """Return who brought the code back. Raises WeChatRefused, WeChatUnavailable."""

    def js_code_to_session(self, js_code: str) -> WeChatIdentity:
        """Return who called wx.login in the mini-program. Raises WeChatRefused, WeChatUnavailable."""

    def phone_number(self, code: str) -> str:
        """Return in E.164 the phone that a person chose to share. Raises WeChatRefused, WeChatUnavailable."""

    def send_notice(self, openid: str, template_id: str, page: str, data: dict[str, dict[str, str]]) -> None:
        """Send one subscribe message. Raises WeChatRefused (43101: the person took no more; 47003: a field breaks its
        type), and WeChatUnavailable, whose `maybe_done` says whether it may have gone."""


class SMSSender(Protocol):
    """Sends short messages. Thread-safe; call it outside transactions. Limits are the caller's to keep."""

    def send_code(self, phone_e164: str, code: str, template: str) -> None:
        """Send a one-time code in the words of `template`. Raises SMSUnavailable; an unknown template is ValueError."""

    def send_notice(self, phone_e164: str, kind: str, text: str) -> None:
        """Send a message whose words are ready; `kind` names it to the provider. Raises SMSUnavailable."""

    def forget(self, phones: Collection[str]) -> None:
        """Erase what is kept here of messages to these numbers; nothing where none is kept. Raises SMSUnavailable."""
