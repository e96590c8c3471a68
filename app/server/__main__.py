"""`python -m app.server`, what `make run` becomes: the whole site in the foreground until Ctrl-C.

Starts the sequencer of the ledger, in demos the pretend WeChat, and gunicorn; starts again what falls; prints the
address once the site is ready. HOST and PORT say where; what else the environment says is for `app.config`, and is
passed on.
"""

import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from app.config import WITNESS_FOLDER, Settings, SettingsRefused, read_settings
from app.server import place
from app.server.output import Output
from app.server.processes import Program, Supervisor

LONGEST_SOCKET_PATH_BYTES = 100  # sun_path holds 104 on macOS, 108 on Linux, with its closing zero
SETTINGS_UNUSABLE, REFUSED_TO_START = 2, 3  # of `python -m ledger sequencer`: starting again would not help
SLOW_START_SECONDS = 20.0


def main() -> int:
    try:
        folder = place.instance_folder()
        inherited = os.environ.get("MINGZHEN_LOCK_FD")  # held since the preparation began
        lock = int(inherited) if inherited else place.take(folder)
        os.set_inheritable(lock, False)
        address = place.free_address()
        environment = environment_for(folder, address)
        settings = read_settings(environment, place.ROOT)
        environment.setdefault("WECHAT_MOCK_APPS", f"{settings.wechat_app_id}:{settings.wechat_app_secret}")
    except (place.CannotServe, SettingsRefused) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    place.tell_who_runs(lock, address.local)
    output = Output(folder / "log" / "site.log")
    supervisor = Supervisor(programs(settings, environment, folder, address), environment, output, lock)
    threading.Thread(target=announce, args=(supervisor, output, address, settings, folder), daemon=True).start()
    status = supervisor.run()
    output.say("Mingzhen has stopped; what was done is kept." if status == 0 else "Mingzhen has stopped.")
    return status


def environment_for(folder: Path, address: place.Address) -> dict[str, str]:
    """What the processes are told: our own environment, with what only the launcher knows filled in."""
    environment = {key: value for key, value in os.environ.items() if key != "MINGZHEN_LOCK_FD"}
    environment["MINGZHEN_VAR"] = str(folder)
    bell = str(folder / "sequencer.sock")
    if len(os.fsencode(bell)) > LONGEST_SOCKET_PATH_BYTES and "LEDGER_SOCKET" not in environment:
        short = Path(tempfile.gettempdir()) / f"mingzhen-{os.getuid()}-{sha256(os.fsencode(bell)).hexdigest()[:16]}"
        short.mkdir(mode=0o700, exist_ok=True)
        if short.is_symlink() or short.stat().st_uid != os.getuid():
            raise place.CannotServe(
                f"{short} belongs to somebody else: set MINGZHEN_VAR to a folder with a shorter path."
            )
        environment["LEDGER_SOCKET"] = str(short / "sequencer.sock")
    demo = environment.get("APP_ENV", "demo") == "demo"
    if demo and not environment.get("WECHAT_MOCK_INTERNAL") and not environment.get("WECHAT_API_BASE"):
        environment["WECHAT_MOCK_INTERNAL"] = f"http://127.0.0.1:{free_port()}"
        hosts = {"127.0.0.1", "localhost", "::1", address.host, place.address_on_the_network()}
        environment.setdefault("WECHAT_MOCK_REDIRECT_HOSTS", " ".join(sorted(hosts)))
        environment["MINGZHEN_STARTS_MOCK"] = "1"
    witness = folder / WITNESS_FOLDER
    if demo and not environment.get("WITNESS_POLICY") and (witness / "witness.vkey").exists():
        port = free_port()
        vkey = (witness / "witness.vkey").read_text("utf-8").strip()
        (witness / "policy").write_text(
            f"# Written at each start of the demo: the one witness that runs beside it.\n"
            f"witness demo {vkey} http://127.0.0.1:{port}\nquorum demo\n",
            "utf-8",
        )
        environment["WITNESS_POLICY"] = str(witness / "policy")
        environment["MINGZHEN_STARTS_WITNESS"] = str(port)
    return environment


def programs(settings: Settings, environment: Mapping[str, str], folder: Path, address: place.Address) -> list[Program]:
    """In the order in which they end: the web server first, the sequencer last, so that what was done is sealed."""
    web = Program(
        "web",
        "gunicorn",
        ["--config", str(Path(__file__).with_name("gunicorn_conf.py")), "--bind", address.bind],
        essential=3,
    )
    sequencer = Program(
        "ledger",
        "ledger",
        [
            "sequencer",
            *("--database", settings.database_url),
            *("--origin", settings.ledger_origin),
            *("--key", environment.get("LEDGER_KEY_FILE") or str(folder / "keys" / "ledger.key")),
            *("--head", environment.get("LEDGER_HEAD") or str(folder / "head")),
            *("--socket", str(settings.ledger_socket)),
            *("--keys", str(settings.ledger_public_key_file)),
            *("--export", environment.get("LEDGER_EXPORT") or str(export_folder(folder, settings))),
            *("--clock-offset", str(settings.clock_offset.total_seconds())),
            *("--clock-rate", str(settings.clock_rate)),
            *("--clock-since", str(settings.clock_since_ms)),
        ],
        refusals=(SETTINGS_UNUSABLE, REFUSED_TO_START),
        when_refused=(
            "The ledger refuses to sign (its reason and the way out are above). The site goes on: acts are recorded, "
            "and their receipts stay “sealing” until the ledger runs again."
        ),
    )
    last = [sequencer]
    if port := environment.get("MINGZHEN_STARTS_WITNESS"):
        last.append(witness_program(settings, folder / WITNESS_FOLDER, port))
    if "MINGZHEN_STARTS_MOCK" not in environment:
        return [web, *last]
    mock_port = settings.wechat_mock_internal.rsplit(":", 1)[1] if settings.wechat_mock_internal else "0"
    mock = Program("wechat", "app.wechat_mock", ["--port", mock_port, "--database", str(folder / "wechat-mock.db")])
    return [web, mock, *last]


def witness_program(settings: Settings, folder: Path, port: str) -> Program:
    """The demo's own witness; it ends after the sequencer, so that it sees the last checkpoint."""
    return Program(
        "witness",
        "ledger",
        [
            "witness",
            *("--key", str(folder / "witness.key")),
            *("--state", str(folder / "state")),
            *("--log", str(settings.ledger_public_key_file)),
            *("--listen", f"127.0.0.1:{port}"),
        ],
        refusals=(SETTINGS_UNUSABLE, REFUSED_TO_START),
        when_refused=(
            "The demo's witness does not cosign any more (its reason is above). The site goes on: receipts are sealed by "
            "the hospital alone, as in a hospital that has no witness."
        ),
    )


def export_folder(folder: Path, settings: Settings) -> Path:
    """Where the published log goes as files unless LEDGER_EXPORT says: a folder for each origin, for two never mix."""
    return folder / "export" / re.sub(r"[^\w.-]", "_", settings.ledger_origin)


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        name: tuple[str, int] = trial.getsockname()
        return name[1]


def announce(supervisor: Supervisor, output: Output, address: place.Address, settings: Settings, folder: Path) -> None:
    """Wait until the site is ready, fill a demo that is empty, then say where the site is: it serves without a ledger that
    refuses to sign, too."""
    started = time.monotonic()
    told = False
    while (answer := readiness(address))[0] != 200 and not (answer[0] and "ledger" in supervisor.refused):
        if not told and time.monotonic() - started > SLOW_START_SECONDS:
            told = True
            output.say(f"Not ready yet: {answer[1] or 'the web server does not answer'} (see {output.file}).")
        time.sleep(0.5 if told else 0.05)
    if settings.is_demo:
        fill_demo(supervisor, output, folder)
    page = "/demo" if settings.is_demo else "/"
    supervisor.call(lambda: output.say(welcome(address, page, output.file)))


def fill_demo(supervisor: Supervisor, output: Output, folder: Path) -> None:
    """Make the demo's people and their past, once for each version of what makes them; its day keeps itself."""
    done = folder / "demo-data"
    version = demo_version()
    if done.exists() and done.read_text() == version:
        return
    started = time.monotonic()
    if supervisor.run_once(Program("demo", "flask", ["--app", "wsgi", "demo-data"])) == 0:
        done.write_text(version)
        output.say(f"  {'demo data':<20} {time.monotonic() - started:5.1f} s")
    else:
        output.say(f"The demo's people could not be made (see {output.file}): make reset starts the demo over.")


def demo_version() -> str:
    """A hash of the modules that make the demo's data."""
    digest = sha256()
    for file in [place.ROOT / "app" / "demo_data.py", *sorted((place.ROOT / "app" / "services" / "demo").glob("*.py"))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def readiness(address: place.Address) -> tuple[int, str]:
    """The status of /readyz and the first line of its body; 0 while nothing answers."""
    host = "127.0.0.1" if address.everywhere else address.host
    connection = HTTPConnection(host, address.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, response.read(500).decode(errors="replace").partition("\n")[0]
    except (OSError, HTTPException):
        return 0, ""
    finally:
        connection.close()


def welcome(address: place.Address, page: str, log: Path) -> str:
    lines = ["", f"Mingzhen 明诊 is ready: {address.local}{page}"]
    if address.everywhere:
        import segno

        shared = f"{address.shared}{page}"
        lines += [
            "",
            f"On a phone in the same network: {shared}",
            "",
            *qr_lines(segno.make(shared, error="m", micro=False)),
        ]
    shown = log.relative_to(place.ROOT) if log.is_relative_to(place.ROOT) else log
    return "\n".join([*lines, f"Ctrl-C ends it; what is done is kept. Its log: {shown}"])


def qr_lines(code: object) -> list[str]:
    """The QR code in half blocks, dark on light whatever the terminal's colours are."""
    matrix = [[1 if cell else 0 for cell in row] for row in code.matrix_iter(border=2)]  # type: ignore[attr-defined]
    if len(matrix) % 2:
        matrix.append([0] * len(matrix[0]))
    blocks = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    rows = zip(matrix[::2], matrix[1::2], strict=True)
    return ["  \x1b[97;40m" + "".join(blocks[pair] for pair in zip(*two, strict=True)) + "\x1b[0m" for two in rows]


if __name__ == "__main__":
    sys.exit(main())
