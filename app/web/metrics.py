"""`/metrics`, for the operator: counts in the text form of Prometheus.

Every label and every value of a label is in a list here; nothing of a request but its route's door, its method and its status class
is looked at, so that no person, id or path can get in, and the number of series is fixed (P1, A5).

Workers count into one file beside the database, mapped into memory: a row for each worker, held by a lock, so that a scrape that
meets any of them sums over all. A worker that ends leaves its row, with its counts, to the next one. Counts are since the file
was made: a new version with other series makes it anew. What the database knows better (what waits to be sealed, who waits,
messages) is asked of it at the scrape.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, g, request
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.config import Settings
from app.models import Clinic, Queue, Ticket
from app.services import clinics, outbox
from app.web.house import House, house
from app.web.login import public
from app.web.sealed import WhenSealed

bp = Blueprint("metrics", __name__)

DOORS = (
    "patient", "staff", "claims", "admin", "desk", "doctor", "lab", "pharmacy", "screen", "log", "auditor", "api", "fhir", "smart", "health",
    "demo", "static", "other",
)  # fmt: skip
METHODS = ("read", "act")
STATUSES = ("2xx", "3xx", "4xx", "5xx")
BUCKETS_MS = (25, 50, 100, 250, 500, 1000, 2500, 5000)
OUTBOX_STATES = ("new", "spread", "ready", "sending", "sent", "unknown", "dead", "dropped")
MOST_CLINICS = 32
MOST_WITNESSES = 16
MOST_WORKERS = 16
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", "X-Forwarded-Host")
_CELL = struct.Struct("<q")
_HEAD_BYTES = 64


def series(chores: Sequence[str]) -> list[str]:
    """Return the name with labels of everything that workers count, in the order of the file."""
    names = [
        f'mingzhen_requests_total{{door="{door}",method="{method}",status="{status}"}}'
        for door in DOORS
        for method in METHODS
        for status in STATUSES
    ]
    for method in METHODS:
        names += [f'mingzhen_request_seconds_bucket{{method="{method}",le="{ms / 1000:g}"}}' for ms in BUCKETS_MS]
        names += [
            f'mingzhen_request_seconds_bucket{{method="{method}",le="+Inf"}}',
            f'mingzhen_request_milliseconds_total{{method="{method}"}}',
        ]
    names += ["mingzhen_acts_total", "mingzhen_refusals_total"]
    for chore in chores:
        names += [f'mingzhen_chore_runs_total{{chore="{chore}",result="{result}"}}' for result in ("done", "failed")]
        names.append(f'mingzhen_chore_last_success_timestamp_seconds{{chore="{chore}"}}')
    return names


class Counters:
    """This process's row in the file of counts. Thread-safe; nothing here ever fails a request."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path = path
        self.names = list(names)
        self._at = {name: place for place, name in enumerate(self.names)}
        self._row_bytes = len(self.names) * _CELL.size
        self._lock = threading.Lock()
        self._pid = 0
        self._file = -1
        self._row = 0
        self._map: mmap.mmap | None = None

    def add(self, name: str, count: int = 1) -> None:
        """Count."""
        self._change(name, lambda old: old + count)

    def set(self, name: str, value: int) -> None:
        """Keep a value, such as an instant; the largest of all workers is shown."""
        self._change(name, lambda _old: value)

    def totals(self) -> dict[str, int]:
        """Return each name's count over all workers; of instants the newest."""
        with self._lock:
            mapped = self._opened()
            if mapped is None:
                return dict.fromkeys(self.names, 0)
            found = {}
            for name, place in self._at.items():
                cells = [
                    _CELL.unpack_from(mapped, _HEAD_BYTES + row * self._row_bytes + place * _CELL.size)[0]
                    for row in range(MOST_WORKERS)
                ]
                found[name] = max(cells) if "_timestamp_" in name else sum(cells)
            return found

    def close(self) -> None:
        with self._lock:
            if self._map is not None and self._pid == os.getpid():
                self._map.close()
                os.close(self._file)
            self._map, self._pid = None, 0

    def _change(self, name: str, change) -> None:  # type: ignore[no-untyped-def]
        with self._lock:
            mapped = self._opened()
            if mapped is not None and name in self._at:  # what is in no list is counted nowhere
                at = _HEAD_BYTES + self._row * self._row_bytes + self._at[name] * _CELL.size
                _CELL.pack_into(mapped, at, change(_CELL.unpack_from(mapped, at)[0]))

    def _opened(self) -> mmap.mmap | None:
        """Return the file as this process maps it, opened at first use after a fork; None where it cannot be."""
        if self._pid != os.getpid():
            self._pid, self._map = os.getpid(), None
            with contextlib.suppress(OSError, ValueError):
                self._open()
        return self._map

    def _open(self) -> None:
        size = _HEAD_BYTES + MOST_WORKERS * self._row_bytes
        head = hashlib.sha256("\n".join(self.names).encode()).digest().ljust(_HEAD_BYTES, b"\0")
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_size != size or os.pread(file, _HEAD_BYTES, 0) != head:
                os.ftruncate(file, 0)
                os.ftruncate(file, size)
                os.pwrite(file, head, 0)
            fcntl.flock(file, fcntl.LOCK_UN)
            self._row = self._take_row(file)
            self._map = mmap.mmap(file, size)
            self._file = file
        except BaseException:
            os.close(file)
            raise

    def _take_row(self, file: int) -> int:
        """Return the first row that no living worker holds. With more workers than rows two share one, and may lose a count."""
        for row in range(MOST_WORKERS):
            with contextlib.suppress(OSError):
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, row)
                return row
        return os.getpid() % MOST_WORKERS


def init_metrics(app: Flask, settings: Settings, chores: Sequence[str]) -> None:
    counters = Counters(counts_file(settings), series(chores))
    app.extensions["metrics"] = counters
    app.register_blueprint(bp)

    def count_time(method: str, began: float) -> None:
        ms = int((time.perf_counter() - began) * 1000)
        bucket = next((f"{most / 1000:g}" for most in BUCKETS_MS if ms <= most), "+Inf")
        counters.add(f'mingzhen_request_seconds_bucket{{method="{method}",le="{bucket}"}}')  # summed up at the scrape
        counters.add(f'mingzhen_request_milliseconds_total{{method="{method}"}}', ms)

    @app.after_request
    def count(response: Response) -> Response:
        door = (request.endpoint or "other").partition(".")[0]
        method = "read" if request.method in ("GET", "HEAD", "OPTIONS") else "act"
        status = f"{min(max(response.status_code // 100, 2), 5)}xx"
        counters.add(
            f'mingzhen_requests_total{{door="{door if door in DOORS else "other"}",method="{method}",status="{status}"}}'
        )
        if "started" in g:
            began = g.started
            if isinstance(response, WhenSealed):
                response.sent = lambda: count_time(method, began)
            else:
                count_time(method, began)
        if g.get("refusal"):
            counters.add("mingzhen_refusals_total")
        elif method == "act" and response.status_code < 400:
            counters.add("mingzhen_acts_total")
        return response


def counts_file(settings: Settings) -> Path:
    """Return the file of counts: beside a SQLite database, else beside the sequencer's socket."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database + ".counts")
    return settings.ledger_socket.with_name("counts")


@bp.get("/metrics")
@public
def metrics() -> Response:
    """The counts; 404 to whoever is not the operator, as if there were nothing here."""
    if not may_scrape(house().settings):
        abort(404)
    counters: Counters = current_app.extensions["metrics"]
    lines = [*_counted(counters), *_asked(house())]
    return Response("\n".join(lines) + "\n", content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def may_scrape(settings: Settings) -> bool:
    """With METRICS_TOKEN: whoever brings it as a bearer token. Without: in a demo whoever sits at this machine, unless a proxy stands
    between; in production nobody, since a proxy that names nobody would open it to all."""
    if settings.metrics_token:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode("utf-8", "replace"), settings.metrics_token.encode()
        )
    is_here = request.remote_addr in ("127.0.0.1", "::1")
    return settings.is_demo and is_here and not any(name in request.headers for name in PROXY_HEADERS)


def _counted(counters: Counters) -> Iterator[str]:
    told: set[str] = set()
    below: dict[str, int] = {}
    for name, value in counters.totals().items():
        family = name.partition("{")[0]
        if family.endswith("_bucket"):  # a bucket holds those before it too
            line = name.partition(",le=")[0]
            value = below[line] = below.get(line, 0) + value
        if family not in told:
            told.add(family)
            kind = "gauge" if "_timestamp_" in family else "counter"
            yield f"# TYPE {family} {kind}"
        yield f"{name} {value}"


def _asked(at_house: House) -> Iterator[str]:
    """Ask the database for what it knows. An unreachable one is a value too: the counts are what an operator then needs."""
    try:
        yield from list(_of_database(at_house))
        yield "# TYPE mingzhen_database_up gauge"
        yield "mingzhen_database_up 1"
    except SQLAlchemyError:
        yield "# TYPE mingzhen_database_up gauge"
        yield "mingzhen_database_up 0"
    yield "# TYPE mingzhen_sequencer_up gauge"
    yield f"mingzhen_sequencer_up {int(not at_house.bell.is_stalled())}"


def _of_database(at_house: House) -> Iterator[str]:
    now = at_house.clock()
    now_ms = int(now.timestamp() * 1000)
    with at_house.reading_session() as session:
        oldest = session.execute(text("SELECT count(*), min(at_ms) FROM ledger_entry WHERE idx IS NULL")).one()
        size = session.execute(
            text("SELECT size, published_ms FROM ledger_checkpoint ORDER BY size DESC LIMIT 1")
        ).first()
        yield from _gauge("mingzhen_events_pending", [("", oldest[0])])
        yield from _gauge("mingzhen_sealing_lag_seconds", [("", max(0.0, (now_ms - (oldest[1] or now_ms)) / 1000))])
        yield from _gauge("mingzhen_ledger_size", [("", size[0] if size else 0)])
        yield from _of_witnesses(at_house, session, size, now_ms)
        waiting = {
            row[0]: row[1]
            for row in session.execute(
                select(Queue.clinic_id, func.count())
                .join(Ticket, Ticket.queue_id == Queue.id)
                .where(Queue.day_on.in_(clinics.days_around(now)), Ticket.state == "waiting")
                .group_by(Queue.clinic_id)
            )
        }
        ids = session.scalars(select(Clinic.id).order_by(Clinic.id).limit(MOST_CLINICS)).all()
        yield from _gauge(
            "mingzhen_waiting", [(f'{{clinic="{place}"}}', waiting.get(one, 0)) for place, one in enumerate(ids)]
        )
        depth = outbox.depth(session)
        yield from _gauge("mingzhen_messages", [(f'{{state="{s}"}}', depth.get(s, 0)) for s in OUTBOX_STATES])


def _of_witnesses(at_house: House, session: Session, newest: Any, now_ms: int) -> Iterator[str]:
    """How far behind the quorum and each witness are. A witness is named by its place in the policy, which is fixed."""
    if not at_house.witness_policy_text:
        return
    sealed = newest[0] if newest else 0
    witnessed = session.execute(text("SELECT size FROM ledger_witnessed ORDER BY size DESC LIMIT 1")).scalar() or 0
    waits_since = session.execute(
        text("SELECT published_ms FROM ledger_checkpoint WHERE size > :size ORDER BY size LIMIT 1"), {"size": witnessed}
    ).scalar()
    yield from _gauge("mingzhen_witnessed_size", [("", witnessed)])
    yield from _gauge(
        "mingzhen_witnessing_lag_seconds", [("", max(0.0, (now_ms - waits_since) / 1000) if waits_since else 0.0)]
    )
    last = text("SELECT size FROM ledger_cosignature WHERE witness = :witness ORDER BY size DESC LIMIT 1")
    behind = [
        sealed - (session.execute(last, {"witness": key.format()}).scalar() or 0)
        for key in at_house.witness_keys[:MOST_WITNESSES]
    ]
    yield from _gauge(
        "mingzhen_witness_behind_entries", [(f'{{witness="{place}"}}', n) for place, n in enumerate(behind)]
    )


def _gauge(family: str, values: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# TYPE {family} gauge"
    for labels, value in values:
        yield f"{family}{labels} {value:g}" if isinstance(value, float) else f"{family}{labels} {value}"
