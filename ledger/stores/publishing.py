"""What the export publishes of a log in a database."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Engine

from ledger.export import Exported, Exporter, FolderTaken, Keys, only_exporter
from ledger.export_loop import ExportLoop
from ledger.reader import LogReader
from ledger.stores.notices import published_notices
from ledger.stores.opening import storage
from ledger.stores.sql import SQLStore
from ledger.stores.succession import ended_logs, published_keys
from ledger.successor import SUCCESSOR

EVERY_SECONDS = 1.0
LAST_STEP_SECONDS = 5.0  # less than the launcher's patience


class DatabaseExporter(Exporter):
    """Exports the log in the database behind `engine`, with its notices, keys and other `files`; what the database raises
    comes as StoreError."""

    def __init__(self, engine: Engine, folder: Path, keys: Keys, files: Mapping[str, bytes] | None = None) -> None:
        def extras() -> dict[str, bytes]:
            present = keys() if callable(keys) else keys
            said = {
                f"frozen/{one.number}/{SUCCESSOR}": one.successor.encode()
                for one in ended_logs(engine)
                if one.successor
            }
            return {**(files or {}), "keys": published_keys(engine, present), **said, **published_notices(engine)}

        super().__init__(LogReader(SQLStore(engine)), folder, keys, extras)

    def step(self) -> Exported:
        """See `Exporter`."""
        with storage():
            return super().step()


@contextmanager
def exporting(
    engine: Engine,
    folder: Path | None,
    keys: Keys,
    report: Callable[..., None],
    files: Mapping[str, bytes] | None = None,
) -> Iterator[None]:
    """Export into `folder` once a second, in a thread beside whatever runs inside, and a last time after it. None: do not.

    Nothing that goes wrong here comes out: a folder that cannot be written is reported, and the log goes on without it.
    """
    with ExitStack() as held:
        try:
            if folder is not None:
                held.enter_context(only_exporter(folder))
        except (FolderTaken, OSError) as e:
            report("export.failed", why=f"{type(e).__name__}: {e}")
            folder = None
        if folder is None:
            yield
            return
        loop = ExportLoop(DatabaseExporter(engine, folder, keys, files), EVERY_SECONDS, report)
        thread = threading.Thread(
            target=loop.run, name="export", daemon=True
        )  # a hung disk must not keep us from ending
        thread.start()
        try:
            yield
        finally:
            loop.stop()
            thread.join(LAST_STEP_SECONDS)
