"""The pretend WeChat seen through our own address, so that a demo needs one port: a plain reverse proxy on loopback."""

from __future__ import annotations

from dataclasses import dataclass

import requests

from app.ports import WeChatUnavailable

TIMEOUT_SECONDS = 5.0
HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "content-encoding",
        "content-length",
        "host",
    )
)  # fmt: skip  (RFC 9110, 7.6.1; the lengths are those of the decoded body)


@dataclass(frozen=True)
class Answer:
    """What the neighbour said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Neighbour:
    """Passes requests on as they are and follows no redirect. Only cookies are kept back: they are none of its business."""

    def __init__(self, base: str) -> None:
        self._base = base.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(self, method: str, path_and_query: str, headers: dict[str, str], body: bytes) -> Answer:
        """Return the neighbour's answer. Raises WeChatUnavailable when it gives none."""
        sent = {k: v for k, v in headers.items() if k.lower() not in HOP_BY_HOP and k.lower() != "cookie"}
        try:
            response = self._session.request(
                method,
                self._base + path_and_query,
                headers=sent,
                data=body,
                allow_redirects=False,
                timeout=TIMEOUT_SECONDS,
            )
        except requests.RequestException:
            raise WeChatUnavailable("no answer from the mock") from None
        kept = [(k, v) for k, v in response.headers.items() if k.lower() not in HOP_BY_HOP]
        return Answer(response.status_code, kept, response.content)
