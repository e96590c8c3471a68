"""Sealing for whoever holds a key of their own: JSON Web Encryption, compact, `dir` with A256GCM, deflated.

Source: RFC 7516, 3.1 and 7.1 (compact), RFC 7518, 4.5 (dir) and 5.3 (A256GCM: 96-bit nonce, 128-bit tag), RFC 7516, 4.1.3 (zip: DEF,
raw DEFLATE of RFC 1951). Its reader in the tests is somebody else's.
"""

from __future__ import annotations

import base64
import json
import secrets
import zlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
TAG_BYTES = 16


def seal_compact(key: bytes, plain: bytes, content_type: str) -> str:
    """Return `plain` for who holds `key` (32 bytes), under a nonce that is new each time. `content_type` goes into `cty`."""
    header = {"alg": "dir", "enc": "A256GCM", "zip": "DEF", "cty": content_type}
    protected = _base64url(json.dumps(header, separators=(",", ":")).encode())
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(plain) + packer.flush()
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, packed, protected.encode())
    parts = (nonce, sealed[:-TAG_BYTES], sealed[-TAG_BYTES:])
    return ".".join([protected, "", *(_base64url(part) for part in parts)])


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
