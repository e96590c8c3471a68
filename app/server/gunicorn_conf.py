"""How gunicorn serves the site; the launcher hands it the address (`--bind`).

The application is loaded before the fork, so that the workers share its memory; what is open (engines, sockets) is
built in each worker at first use.
"""

import gc
import os
from typing import Any

from app.config import read_settings
from app.server.place import ROOT
from app.server.worker import clear_desk
from ledger.stores.engine import allows_several_processes, open_engine

worker_class = "app.server.worker.WholeRequestWorker"
# A SQLite library with the WAL-reset race must not be written to by several processes.
workers = 2 if allows_several_processes(open_engine(read_settings(os.environ, ROOT).database_url)) else 1
threads = 16 if workers == 2 else 32
preload_app = True
wsgi_app = "wsgi:app"

timeout = 30
graceful_timeout = 4
keepalive = 5
umask = 0o077  # databases and logs of a hospital are for its own account alone
control_socket_disable = True
accesslog = None  # query strings carry codes; what happened is in the event log
loglevel = "warning"


def when_ready(server: Any) -> None:
    """The address is open and no worker is there yet: what all of them will need is loaded, and then shared."""
    if warm := getattr(server.app.wsgi(), "extensions", {}).get("warm"):
        warm()


def post_fork(_server: object, _worker: object) -> None:
    """What was loaded before the fork is left alone by the collector, so that its pages stay shared."""
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Each worker offers to do the work that the clock brings; one of them gets it (`app/chores.py`)."""
    if chores := getattr(worker.wsgi, "extensions", {}).get("chores"):
        chores.start()


def worker_exit(_server: object, worker: Any) -> None:
    if chores := getattr(worker.wsgi, "extensions", {}).get("chores"):
        chores.stop()


def child_exit(_server: object, worker: Any) -> None:
    clear_desk(worker)
