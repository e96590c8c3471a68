"""The chores in the real web server: one worker of two does them, another takes over from one that was killed, Ctrl-C ends all."""

import os
import signal
from pathlib import Path

from tests.server.launched import Site, wait_until


def holders(site: Site) -> list[int]:
    """The processes of the site that hold the lock of the chores."""
    file = site.folder / "mingzhen.db.chores"
    if not file.exists():
        return []
    inode = str(file.stat().st_ino)
    found = []
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if "->" not in fields and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode:
            found.append(int(fields[4]))
    return [pid for pid in found if pid in site.processes()]


def test_when_the_worker_that_does_the_chores_is_killed_another_does_them_and_the_end_is_clean(new_site) -> None:
    site = new_site().start().ready()
    wait_until(lambda: len(holders(site)) == 1)
    [worker] = holders(site)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: holders(site) not in ([], [worker]))
    assert site.end() == 0
    wait_until(lambda: site.processes() == {})
