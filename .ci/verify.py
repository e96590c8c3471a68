"""Audit the running hospital's log with nothing but what it shows the public, by `python -m ledger audit`."""

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "app" / "server"))

import place  # noqa: E402 -- stands alone


def main() -> int:
    folder = place.instance_folder()
    running = place.who_runs(folder)
    if not place.is_held(folder):
        print("Nothing runs from this folder to be verified: start it with make run, then make verify beside it.")
        return 1
    if running is None:
        print("The site is still being prepared: wait until make run prints its address, then make verify again.")
        return 1
    log = f"{running.url}/ledger"
    try:
        with urllib.request.urlopen(f"{log}/keys", timeout=10) as answer:  # noqa: S310 -- our own address
            lines = answer.read().decode().splitlines()
    except urllib.error.URLError as problem:
        print(f"{log}/keys does not answer ({problem.reason}): wait until make run prints its address, then try again.")
        return 1
    keys = [line for line in lines if line and not line.startswith("#")]
    named = keys[0]
    if len(keys) > 1:  # the log has had others, and signs with one of them until it has announced the next
        (folder / "audit-keys").write_text("".join(f"{key}\n" for key in keys))
        named = str(folder / "audit-keys")
    command = [sys.executable, "-m", "ledger", "audit", log, "--key", named]
    command += ["--state", str(folder / "audit-state.json")]
    print(" ".join(["python", *command[1:]]), flush=True)
    return subprocess.call(command, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
