"""Compile, check and extend the English catalogues; each door has its own under app/translations/.

python .ci/translations.py            compile every .po that is newer than its .mo (a set-up step)
python .ci/translations.py --check    name every text without English and every entry nobody uses; exit 1 if any
python .ci/translations.py --update   add the missing texts, empty, to their catalogues and drop the unused
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

HOUSE = Path(__file__).parents[1]
TRANSLATIONS = HOUSE / "app" / "translations"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
ROOMS_OF_STAFF = ("staff", "claims", "desk", "doctor", "admin", "auditor")
ROOMS_OF_DOMAIN = ("domain", "services", "adapters", "models")


def owner(path: Path) -> str:
    """The catalogue whose texts these are: the door's own, "domain" below the doors, "core" for what doors share."""
    parts = path.parts
    if path.name in ("receipt_check.html", "keys.html"):
        return "log"  # components by their place, but all of them about the ledger
    if parts[0] == "app" and parts[1] in ROOMS_OF_DOMAIN:
        return "domain"
    door = parts[1] if parts[0] == "templates" else parts[2] if parts[:2] == ("app", "web") else ""
    if door.endswith((".py", ".html")) or door in ("", "components"):
        return "core"
    return "staff" if door in ROOMS_OF_STAFF else door


def sources() -> list[Path]:
    """Every file that may say something to a person, relative to the house. The mock of WeChat is somebody else's."""
    found = [*(HOUSE / "templates").rglob("*.html"), *(HOUSE / "app").rglob("*.py")]
    return sorted(path.relative_to(HOUSE) for path in found if "wechat_mock" not in path.parts)


def extracted() -> dict[str, dict[str | tuple[str, ...], list[str]]]:
    """Catalogue -> text -> the places it is said, as path:line."""
    texts: dict[str, dict[str | tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sources():
        method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
        options = {} if path.suffix == ".py" else {"silent": "false"}
        for line, message, _comments, _context in extract_from_file(
            method, HOUSE / path, keywords=KEYWORDS, options=options
        ):
            if message:
                texts[owner(path)][message].append(f"{path}:{line}")
    return texts


def catalogue_path(room: str) -> Path:
    return TRANSLATIONS / room / "en" / "LC_MESSAGES" / "messages.po"


def read(room: str) -> Catalog:
    """The room's catalogue; an empty one where the file is not there yet."""
    path = catalogue_path(room)
    if not path.exists():
        return Catalog(locale="en", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale="en")


def rooms() -> list[str]:
    return sorted(path.parts[-4] for path in TRANSLATIONS.glob("*/en/LC_MESSAGES/messages.po"))


def findings() -> list[str]:
    """What is wrong with the catalogues, one line each; an empty list when nothing is."""
    texts = extracted()
    catalogues = {room: read(room) for room in {*rooms(), *texts}}
    found = []
    for room, said in texts.items():
        for message, places in said.items():
            # What a frame or a component already says, a door need not say again.
            entries = [catalogues[name].get(message) for name in (room, "core", "domain") if name in catalogues]
            if not any(entry and entry.string and "fuzzy" not in entry.flags for entry in entries):
                found.append(f"{places[0]}: no English in {room} for {message!r}")
    for room, catalogue in catalogues.items():
        for entry in catalogue:
            if not entry.id:
                continue
            if "fuzzy" in entry.flags:
                found.append(f"{room}: fuzzy entry {entry.id!r}")
            elif entry.id not in texts.get(room, {}):
                found.append(f"{room}: nobody says {entry.id!r} any more")
            found += [f"{room}: {problem} in {entry.id!r}" for problem in entry.check(catalogue)]
    return found


def update(only: str) -> None:
    """Bring the list of texts of each catalogue, or of one, up to what is said; new ones wait empty for a person."""
    for room, said in extracted().items():
        if only not in ("", room):
            continue
        old, new = read(room), Catalog(locale="en", fuzzy=False, charset="utf-8")
        for message in said:
            entry = old.get(message)
            elsewhere = any(name != room and read(name).get(message) for name in ("core", "domain"))
            if entry or not elsewhere:
                new.add(message, entry.string if entry else "", flags=entry.flags if entry else ())
        path = catalogue_path(room)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, new, width=120, omit_header=True, no_location=True, ignore_obsolete=True)


def compile_all() -> list[Path]:
    """Write each .mo that is missing or older than its .po; the files written come back."""
    written = []
    for room in rooms():
        source = catalogue_path(room)
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        beside = target.with_suffix(".mo.new")
        with beside.open("wb") as file:
            write_mo(file, read(room))
        beside.replace(target)
        written.append(target)
    return written


def main() -> int:
    """0 when done or nothing is wrong, 1 when --check found something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", nargs="?", const="", metavar="ROOM")
    asked = parser.parse_args()
    if asked.update is not None:
        update(asked.update)
    if asked.check:
        found = findings()
        sys.stdout.write("".join(f"{line}\n" for line in found))
        return 1 if found else 0
    compile_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
