"""Signed notes, and the keys that sign and verify them.

Follows https://c2sp.org/signed-note: a text that ends in a newline, an empty line, and signature lines. The private
form of a key is that of golang.org/x/mod/sumdb/note.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from Crypto.Signature.eddsa import EdDSASigScheme

from ledger.base64_text import format_base64, parse_base64
from ledger.errors import MalformedKey, MalformedNote, UnsupportedKey, VerificationError

ED25519 = 0x01  # signs the text itself
ED25519_COSIGNATURE = 0x04  # signs a time and the text, see ledger.cosignature
KINDS = (ED25519, ED25519_COSIGNATURE)

MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100  # at least 16 must be accepted; a bound keeps a stranger's note from costing us much

_DASH = "— "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID = re.compile(r"[0-9a-f]{8}")
_PRIVATE = "PRIVATE+KEY+"
_ORDER = 2**252 + 27742317777372353535851937790883648493  # of the base point (RFC 8032, 5.1)


@dataclass(frozen=True)
class Signature:
    """One signature line. `key_id` is 4 bytes; `signature` is whatever that kind of key writes after them."""

    name: str
    key_id: bytes
    signature: bytes

    def format(self) -> str:
        """Return the line, with its newline."""
        return f"{_DASH}{self.name} {format_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True)
class Note:
    """A text, ending in a newline, and who says that they signed it."""

    text: str
    signatures: tuple[Signature, ...]


def parse_note(data: bytes) -> Note:
    """Return the note in `data`. Nothing is verified yet. Raises MalformedNote."""
    if len(data) > MAX_NOTE_BYTES:
        raise MalformedNote(f"the note is longer than {MAX_NOTE_BYTES} bytes")
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise MalformedNote(f"byte {e.start} of the note is not UTF-8") from e
    if match := _CONTROL.search(content):
        raise MalformedNote(f"the note holds the control character U+{ord(match[0]):04X}")
    head, blank, tail = content.rpartition("\n\n")  # the text may hold empty lines, the signatures may not
    if not blank:
        raise MalformedNote("no empty line between the text and the signatures")
    if not tail.endswith("\n"):
        raise MalformedNote("the last line does not end")
    lines = tail[:-1].split("\n")  # never splitlines, which also ends lines at U+000B, U+0085, U+2028 and others
    if len(lines) > MAX_SIGNATURES:
        raise MalformedNote(f"more than {MAX_SIGNATURES} signatures")
    note = Note(f"{head}\n", tuple(_parse_signature(line) for line in lines))
    if format_note(note.text, note.signatures).encode() != data:
        raise MalformedNote("a second spelling of this note")
    return note


def format_note(text: str, signatures: Iterable[Signature]) -> str:
    """Return the note that says `text`, which has to end in a newline, with these signatures."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise ValueError("the text of a note ends in a newline and has no other control characters")
    return f"{text}\n{''.join(signature.format() for signature in signatures)}"


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a key under its name. Raises MalformedKey when built from bytes that are no public key."""

    name: str
    public_key: bytes
    kind: int = ED25519
    _public: ECC.EccKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _require_name(self.name)
        if self.kind not in KINDS:
            raise UnsupportedKey(f"the key of {self.name} is of kind 0x{self.kind:02x}, which cannot be checked here")
        if len(self.public_key) != 32:
            raise MalformedKey(f"the key of {self.name} has {len(self.public_key)} bytes instead of 32")
        try:
            public = eddsa.import_public_key(self.public_key)
        except ValueError as e:
            raise MalformedKey(f"the key of {self.name} is not a point of Ed25519") from e
        if public.pointQ.copy().double().double().double().is_point_at_infinity():  # its order is 1, 2, 4 or 8
            raise MalformedKey(f"the key of {self.name} is one that everybody can sign with")
        object.__setattr__(self, "_public", public)  # reading it costs a square root; verifying uses it again

    @property
    def key_id(self) -> bytes:
        """The four bytes that signature lines name this key by."""
        return _key_id(self.name, self.kind, self.public_key)

    @classmethod
    def parse(cls, vkey: str) -> "VerifierKey":
        """Return the key written as `<name>+<key ID>+<base64>`.

        Raises UnsupportedKey for a kind of key we cannot check, MalformedKey for everything else that is not a key.
        """
        name, key_id, kind, public_key = _parse_key(vkey)
        key = cls(name, public_key, kind)  # refuses other kinds, whose key IDs may follow another rule than this one
        if key.key_id != key_id:
            raise MalformedKey(f"the key of {name} does not match its own ID: was a character lost or changed?")
        return key

    def format(self) -> str:
        """Return the key as `<name>+<key ID>+<base64>`."""
        return f"{self.name}+{self.key_id.hex()}+{format_base64(bytes([self.kind]) + self.public_key)}"

    def is_named_by(self, signature: Signature) -> bool:
        """Tell whether a signature line says that it is by this key."""
        return signature.name == self.name and signature.key_id == self.key_id

    def verify(self, message: bytes, signature: bytes) -> None:
        """Raise VerificationError ("signature") unless `signature` (64 bytes) over `message` is by this key.

        The equation is RFC 8032's (5.1.7) without the cofactor, as in Go, OpenSSL, browsers and the page's own script:
        encode(S * B - h * A) = R, byte for byte. With the cofactor, which the library uses, the holder of a log's key can
        make signatures that hold here and nowhere else: a receipt to show and then to deny.
        """
        if len(signature) != 64 or not self._is_by_this_key(message, signature[:32], signature[32:]):
            raise VerificationError("signature", f"the signature of {self.name} does not hold", name=self.name)

    def _is_by_this_key(self, message: bytes, r: bytes, s: bytes) -> bool:
        scalar = int.from_bytes(s, "little")
        if scalar >= _ORDER:
            return False
        h = int.from_bytes(hashlib.sha512(r + self.public_key + message).digest(), "little") % _ORDER
        x, y = (_base_point().pointQ * scalar + -self._public.pointQ * h).xy
        return int(y | (x & 1) << 255).to_bytes(32, "little") == r


@dataclass(frozen=True)
class SigningKey:
    """The private half of a key under its name; `seed` is 32 secret bytes and is never printed."""

    name: str
    seed: bytes = field(repr=False)
    kind: int = ED25519
    verifier_key: VerifierKey = field(init=False, repr=False, compare=False)
    _scheme: EdDSASigScheme = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnsupportedKey(f"the private key of {self.name} is of kind 0x{self.kind:02x}, which cannot sign here")
        if len(self.seed) != 32:
            raise MalformedKey(f"the private key of {self.name} has {len(self.seed)} bytes instead of 32")
        private = ECC.construct(curve="Ed25519", seed=self.seed)
        public = private.public_key().export_key(format="raw")
        object.__setattr__(self, "_scheme", eddsa.new(private, "rfc8032"))
        object.__setattr__(self, "verifier_key", VerifierKey(self.name, public, self.kind))

    @classmethod
    def generate(cls, name: str, kind: int = ED25519) -> "SigningKey":
        """Return a new key from the system's source of randomness."""
        return cls(name, secrets.token_bytes(32), kind)

    @classmethod
    def parse(cls, text: str) -> "SigningKey":
        """Return the key written as `PRIVATE+KEY+<name>+<key ID>+<base64>`. Raises MalformedKey, without the text."""
        if not text.startswith(_PRIVATE):
            raise MalformedKey("a private key begins with PRIVATE+KEY+")
        name, key_id, kind, seed = _parse_key(text.removeprefix(_PRIVATE))
        key = cls(name, seed, kind)
        if key.verifier_key.key_id != key_id:
            raise MalformedKey(f"the private key of {name} does not match its own ID")
        return key

    def format(self) -> str:
        """Return the key as `PRIVATE+KEY+<name>+<key ID>+<base64>`: a secret, for a file that only its owner reads."""
        secret = format_base64(bytes([self.kind]) + self.seed)
        return f"{_PRIVATE}{self.name}+{self.verifier_key.key_id.hex()}+{secret}"

    def sign(self, text: str) -> Signature:
        """Return the signature over `text`, which has to end in a newline."""
        if self.kind != ED25519:
            raise ValueError("a cosigner's key signs a time as well: see ledger.cosignature")
        if not text.endswith("\n"):
            raise ValueError("the text of a note ends in a newline")
        return Signature(self.name, self.verifier_key.key_id, self.sign_bytes(text.encode()))

    def sign_bytes(self, message: bytes) -> bytes:
        """Return the plain Ed25519 signature (64 bytes) over `message`."""
        return self._scheme.sign(message)


def verify_note(note: Note, keys: Iterable[VerifierKey]) -> list[Signature]:
    """Return the signatures by `keys` (of kind ED25519), all of them good, in the note's order.

    Signatures of others are passed over, as the specification asks. Raises VerificationError ("signature") if one that
    says it is by one of `keys` does not hold, or if there is none by any of them.
    """
    known = list(keys)
    if any(key.kind != ED25519 for key in known):
        raise ValueError("cosignatures are verified by ledger.cosignature")
    good: list[Signature] = []
    for signature in note.signatures:
        for key in known:
            if key.is_named_by(signature):
                key.verify(note.text.encode(), signature.signature)
                good.append(signature)
                break
    if not good:
        wanted = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in known) or "nobody"
        raise VerificationError("signature", f"not signed by {wanted}", name=wanted)
    return good


@cache
def _base_point() -> ECC.EccKey:
    """Return the base point B (RFC 8032, 5.1), as the library holds a point."""
    return eddsa.import_public_key(b"\x58" + b"\x66" * 31)


def _parse_signature(line: str) -> Signature:
    """Return the signature of one line, without its newline."""
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2:
        raise MalformedNote(f"not a signature line: {line[:100]!r}")
    name, text = parts
    if not _is_name(name):
        raise MalformedNote(f"not the name of a key: {name[:100]!r}")
    try:
        data = parse_base64(text)
    except ValueError as e:
        raise MalformedNote(f"the signature of {name[:100]} is {e}") from e
    if len(data) < 5:
        raise MalformedNote(f"the signature of {name[:100]} is too short")
    return Signature(name, data[:4], data[4:])


def _parse_key(text: str) -> tuple[str, bytes, int, bytes]:
    """Return name, key ID, kind and bytes of a key from its text. Base64 may hold "+", so only the first two split."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
        raise MalformedKey("a key reads NAME+ID+BASE64, the ID in eight digits of lower-case hex")
    try:
        data = parse_base64(parts[2])
    except ValueError as e:
        raise MalformedKey(f"the key of {parts[0]} is {e}") from e
    if not data:
        raise MalformedKey(f"the key of {parts[0]} is empty")
    return parts[0], bytes.fromhex(parts[1]), data[0], data[1:]


def _key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """Return the key ID (signed-note, "Signatures")."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


def _is_name(name: str) -> bool:
    """Tell whether a key can have this name: not empty, no plus, no space of Unicode, nothing that is no text."""
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " or "\ud800" <= c <= "\udfff" for c in name)


def _require_name(name: str) -> None:
    if not _is_name(name):
        raise MalformedKey("the name of a key is not empty and has no space and no plus")
