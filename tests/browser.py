"""The Chromium of the tests: where it is, how it is started, and how it gets onto a machine that has none.

`python -m tests.browser` sees that Chromium, a font with Chinese characters and redis-server are there, by apt where
apt and root are; else it prints the one line to run and exits with 1.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OTHER_PLACES = (
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
)
# Root has no sandbox to give; the rest keeps a test browser from talking to anybody but the site.
LAUNCH_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)

# The same elsewhere than on Debian. x/mod is read from a GOPATH, so its source is all that is needed.
BREW = {
    "chromium": "brew install --cask chromium",
    "redis-server": "brew install redis",
    "fonts-noto-cjk": "brew install --cask font-noto-sans-cjk",
    "golang-go": "brew install go",
    "golang-golang-x-mod-dev": "git clone https://go.googlesource.com/mod ~/go/src/golang.org/x/mod",
}


class NoBrowser(Exception):
    """No Chromium on this machine; the message is the line to run."""


def find_chromium() -> Path | None:
    """The executable: the one CHROMIUM names, else one on the path, else one that playwright once downloaded."""
    named = os.environ.get("CHROMIUM")
    if named:
        return Path(named) if Path(named).is_file() else None
    for name in CHROMIUM_NAMES:
        if found := shutil.which(name):
            return Path(found)
    downloads = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    downloaded = sorted(downloads.glob("chromium-*/chrome-linux*/chrome"), reverse=True)
    return next((place for place in (*downloaded, *OTHER_PLACES) if place.is_file()), None)


def chromium_path() -> Path:
    """As `find_chromium`, for tests, which do not skip: raises NoBrowser."""
    found = find_chromium()
    if found is None:
        raise NoBrowser(f"no Chromium here: {line_to_run(['chromium', 'fonts-noto-cjk'])}")
    return found


def missing_packages() -> list[str]:
    """Debian's names of what the suite needs and this machine has not."""
    missing = []
    if find_chromium() is None:
        missing.append("chromium")
    if sys.platform == "linux" and not has_chinese_font():
        missing.append("fonts-noto-cjk")
    if shutil.which("redis-server") is None:
        missing.append("redis-server")
    return missing


def has_chinese_font() -> bool:
    folders = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
    signs = ("cjk", "wqy", "droidsansfallback", "sourcehan")
    return any(
        sign in file.name.lower() for folder in folders for file in folder.rglob("*.tt*") for sign in signs
    ) or any(sign in file.name.lower() for folder in folders for file in folder.rglob("*.otf") for sign in signs)


def line_to_run(packages: list[str]) -> str:
    if shutil.which("apt-get"):
        return f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {' '.join(packages)}"
    if shutil.which("brew"):
        return " && ".join(BREW[package] for package in packages)
    return f"install {', '.join(packages)} with this system's packages, and set CHROMIUM to the browser's path"


def bring(missing_packages: Callable[[], list[str]]) -> int:
    """Install what is missing where apt and root are, else print the one line to run; return the exit code."""
    missing = missing_packages()
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.call(["apt-get", "update", "-q"], env=quiet)
        subprocess.call(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing], env=quiet)
        missing = missing_packages()
    if missing:
        print(f"The tests need {' and '.join(missing)}: {line_to_run(missing)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(bring(missing_packages))
