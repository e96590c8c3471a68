"""What can go wrong in the ledger, and whose fault it is.

    LedgerError
    ├── MalformedError          bytes from outside that do not follow their format
    │   ├── MalformedPath       a tile path no tree can have, or a second spelling of one
    │   ├── MalformedTile       a hash tile or an entry bundle of the wrong shape
    │   ├── MalformedNote       not a signed note, or a signature line of the wrong shape
    │   ├── MalformedKey        not a key in its text form
    │   │   └── UnsupportedKey  a key of a kind this package cannot check
    │   ├── MalformedCheckpoint a signed text that is not a checkpoint
    │   ├── MalformedPolicy     not a policy of logs and witnesses
    │   ├── MalformedJSON       not JSON in its one canonical spelling
    │   ├── MalformedRequest    not a question that a witness can be asked
    │   └── MalformedReceipt    not a receipt
    ├── VerificationError       well formed, but not true; `step` says which check failed
    ├── NotInLog                asked for what the published log does not hold, or not yet
    ├── SourceError             a published log whose files cannot be had; `path` says which
    ├── StateError              the file that an audit or a witness remembers by cannot be read or written
    ├── WitnessAway             a witness that cannot be asked now
    ├── NotCosigned             a witness that would not; `status` is what HTTP calls it
    ├── StoreError              our own storage contradicts itself, or refuses us
    └── RefusedToStart          signing now could break a promise; `way_out` is for the operator

Arguments that only we can get wrong raise ValueError instead.
"""


class LedgerError(Exception):
    """Everything this package raises on purpose."""


class MalformedError(LedgerError):
    """Bytes from outside do not follow their format."""


class MalformedPath(MalformedError):
    """No tile of any tree has this path, or not in this spelling."""


class MalformedTile(MalformedError):
    """A hash tile or an entry bundle has the wrong shape."""


class MalformedNote(MalformedError):
    """This is not a signed note."""


class MalformedKey(MalformedError):
    """This is not a verifier key or a private key."""


class UnsupportedKey(MalformedKey):
    """The key is well formed, but of a kind this package cannot check."""


class MalformedCheckpoint(MalformedError):
    """The signed text is not a checkpoint."""


class MalformedPolicy(MalformedError):
    """This is not a policy; the message begins with the number of the line."""


class MalformedJSON(MalformedError):
    """This is not JSON in its canonical form."""


class MalformedReceipt(MalformedError):
    """This is not a receipt."""


class MalformedRequest(MalformedError):
    """This is not a checkpoint with the proof that a witness asks for."""


class VerificationError(LedgerError):
    """What was shown is well formed but does not prove what it should.

    `step` is one of a short list of names (see `ledger.receipt` and `ledger.audit`), for programs; the message is for
    people. `facts` are what the check compared, for whoever wants to look further.
    """

    def __init__(self, step: str, message: str, **facts: object) -> None:
        super().__init__(message)
        self.step = step
        self.facts = facts


class NotInLog(LedgerError):
    """The published log holds no such thing, or does not hold it yet. Whoever asks over HTTP gets a 404."""


class SourceError(LedgerError):
    """A file of a published log could not be had."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class StateError(LedgerError):
    """The file by which an audit, or a witness, remembers what it saw cannot be used."""


class WitnessAway(LedgerError):
    """A witness cannot be asked, or gives no answer. Later it may."""


class NotCosigned(LedgerError):
    """A witness does not cosign this checkpoint.

    `status` is the HTTP status that c2sp.org/tlog-witness gives the reason; `size` is the size of the tree that the
    witness cosigned last, where that is what the asker has to know (409), else None.
    """

    def __init__(self, status: int, message: str, size: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.size = size


class StoreError(LedgerError):
    """Our own storage contradicts itself, or would not take what we wrote."""


class RefusedToStart(LedgerError):
    """Signing now could break a promise of the log.

    `way_out` tells the operator what to do, in one or two sentences.
    """

    def __init__(self, message: str, way_out: str) -> None:
        super().__init__(message)
        self.way_out = way_out
