"""Run a module as a program that ends when its launcher does, even one that was killed: `tethered.py FD MODULE ...`

FD is the reading end of a pipe whose writing end only the launcher holds. Nobody writes to it; it ends when the
launcher has ended, on every Unix. Then this process is asked to stop, and later made to, with all of its group.
"""

import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

GRACE_SECONDS = 8.0


def end_with_the_launcher(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    descriptor, module, arguments = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    threading.Thread(target=end_with_the_launcher, args=(descriptor,), name="tether", daemon=True).start()
    sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
