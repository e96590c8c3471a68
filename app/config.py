"""Settings, read from the environment here and nowhere else.

A missing secret stops the start; there is no default for one. In production whatever is only fit for a demo stops it too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.domain.messages import DEMO_TEMPLATES, Template, TemplatesUnusable, parse_templates


class SettingsRefused(Exception):
    """The environment does not make a safe start. The message says which variable, and what it must be."""


@dataclass(frozen=True)
class Settings:
    """What a process is told. Paths are absolute; URLs have no trailing slash."""

    app_env: str
    database_url: str
    keyring_url: str
    master_key_file: Path
    secret_key_file: Path
    ledger_origin: str
    ledger_public_key_file: Path
    ledger_socket: Path
    sms_database: Path
    compiled_templates: Path  # a folder that only this user may write
    public_url: str | None
    redis_url: str | None
    receipt_wait_ms: int
    wechat_app_id: str
    wechat_app_secret: str = field(repr=False)
    wechat_api_base: str
    wechat_open_base: str
    wechat_mock_internal: str | None
    clock_offset: timedelta
    insecure_cookies: bool
    trusted_hosts: tuple[str, ...] | None
    wechat_templates: Mapping[str, Template] = field(default_factory=dict)
    metrics_token: str | None = field(default=None, repr=False)
    witness_policy: Path | None = None  # which witnesses cosign the ledger, c2sp.org/tlog-policy
    runs_chores: bool = True  # in the web workers; `flask --app wsgi chores` runs them by hand whatever this says
    clock_rate: int = 1  # so many times as fast as the system's clock, from `clock_since_ms` on: for simulated days
    clock_since_ms: int = 0

    def now(self) -> datetime:
        """Return the instant that this hospital goes by: the system's, which a demo may shift or let run faster."""
        real_ms = time.time_ns() // 1_000_000
        ms = self.clock_since_ms + (real_ms - self.clock_since_ms) * self.clock_rate
        return EPOCH + timedelta(milliseconds=ms) + self.clock_offset

    @property
    def is_demo(self) -> bool:
        return self.app_env == "demo"


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REAL_API = "https://api.weixin.qq.com"
REAL_OPEN = "https://open.weixin.qq.com"
DEMO_APP_ID = "wxdemo0000000000mz"  # of no real form: sixteen hex digits follow wx in a real one
DEMO_APP_SECRET = "0" * 32


def read_settings(environ: Mapping[str, str], root: Path) -> Settings:
    """Return the settings of `environ`; `root` is the clone, whose `var/` holds everything by default.

    Raises SettingsRefused, whose message is for the operator.
    """
    app_env = environ.get("APP_ENV", "demo")
    if app_env not in ("demo", "production"):
        raise SettingsRefused("APP_ENV must be `demo` or `production`.")
    var = Path(environ.get("MINGZHEN_VAR", root / "var")).absolute()
    is_demo = app_env == "demo"
    mock = environ.get("WECHAT_MOCK_INTERNAL")
    settings = Settings(
        app_env=app_env,
        database_url=environ.get("DATABASE_URL", f"sqlite:///{var / 'mingzhen.db'}"),
        keyring_url=environ.get("KEYRING_URL", f"sqlite:///{var / 'keyring.db'}"),
        master_key_file=Path(environ.get("MASTER_KEY_FILE", var / "keys" / "master.key")),
        secret_key_file=Path(environ.get("SECRET_KEY_FILE", var / "keys" / "secret.key")),
        ledger_origin=environ.get("LEDGER_ORIGIN", "mingzhen.demo/log" if is_demo else ""),
        ledger_public_key_file=Path(environ.get("LEDGER_PUBLIC_KEY_FILE", var / "keys" / "ledger.vkey")),
        ledger_socket=Path(environ.get("LEDGER_SOCKET", var / "sequencer.sock")),
        sms_database=var / "sms.db",
        compiled_templates=var / "templates",
        public_url=environ.get("PUBLIC_URL", "").rstrip("/") or None,
        redis_url=environ.get("REDIS_URL") or None,
        receipt_wait_ms=_whole(environ, "RECEIPT_WAIT_MS", 500, 0, 10_000),
        wechat_app_id=environ.get("WECHAT_APP_ID", DEMO_APP_ID if is_demo else ""),
        wechat_app_secret=environ.get("WECHAT_APP_SECRET", DEMO_APP_SECRET if is_demo else ""),
        wechat_api_base=environ.get("WECHAT_API_BASE", f"{mock}/wechat-mock" if mock else REAL_API).rstrip("/"),
        wechat_open_base=environ.get("WECHAT_OPEN_BASE", "/wechat-mock" if mock else REAL_OPEN).rstrip("/"),
        wechat_mock_internal=mock,
        clock_offset=timedelta(seconds=_whole(environ, "DEMO_CLOCK_OFFSET_SECONDS", 0, -(10**9), 10**9)),
        insecure_cookies=is_demo and not environ.get("PUBLIC_URL", "").startswith("https://"),
        trusted_hosts=_hosts(environ),
        metrics_token=_metrics_token(environ),
        wechat_templates=_templates(environ, is_demo=is_demo),
        witness_policy=Path(environ["WITNESS_POLICY"]).absolute() if environ.get("WITNESS_POLICY") else None,
        runs_chores=_switch(environ, "CHORES"),
        clock_rate=_whole(environ, "DEMO_CLOCK_RATE", 1, 1, 1000),
        clock_since_ms=_whole(environ, "DEMO_CLOCK_SINCE_MS", 0, 0, 10**13),
    )
    if not is_demo:
        _check_production(settings, environ)
    return settings


LONGEST_PUBLIC_URL = 75  # with a shared link's path it makes the 128 characters that SMART Health Links allow


def _check_production(settings: Settings, environ: Mapping[str, str]) -> None:
    """Refuse what is only fit for a demo (DESIGN, section 1: production refuses to start with it)."""
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?", settings.public_url or ""):
        raise SettingsRefused("PUBLIC_URL must be the https:// address that patients use; cookies are Secure under it.")
    if len(settings.public_url or "") > LONGEST_PUBLIC_URL:
        raise SettingsRefused(
            f"PUBLIC_URL has at most {LONGEST_PUBLIC_URL} characters, so that shared links can carry it."
        )
    if settings.wechat_mock_internal or settings.wechat_api_base != REAL_API or settings.wechat_open_base != REAL_OPEN:
        raise SettingsRefused(
            "WECHAT_API_BASE, WECHAT_OPEN_BASE and WECHAT_MOCK_INTERNAL name a mock platform; leave them unset."
        )
    if not settings.wechat_app_id or settings.wechat_app_id == DEMO_APP_ID:
        raise SettingsRefused("WECHAT_APP_ID and WECHAT_APP_SECRET must be those of the hospital's own account.")
    if not settings.wechat_app_secret or settings.wechat_app_secret == DEMO_APP_SECRET:
        raise SettingsRefused("WECHAT_APP_SECRET must be the secret of the hospital's own account.")
    if not settings.ledger_origin or "demo" in settings.ledger_origin:
        raise SettingsRefused("LEDGER_ORIGIN must name the hospital's own log, for instance log.hospital.example/2026.")
    for name in ("MASTER_KEY_FILE", "SECRET_KEY_FILE", "LEDGER_PUBLIC_KEY_FILE"):
        if not environ.get(name):
            raise SettingsRefused(
                f"{name} must name a key file of this hospital; demo keys are not used in production."
            )
        if Path(environ[name]).resolve().with_name(DEMO_MARK).exists():
            raise SettingsRefused(f"{name} lies among demo keys ({DEMO_MARK} beside it); make keys of your own.")
    if settings.clock_offset or settings.clock_rate != 1:
        raise SettingsRefused("DEMO_CLOCK_OFFSET_SECONDS and DEMO_CLOCK_RATE are for the clock of a demo; unset them.")
    if settings.trusted_hosts is None:
        raise SettingsRefused("TRUSTED_HOSTS must list the host names that are served, separated by commas.")


WITNESS_FOLDER = "witness"  # of the demo's own witness, beside its databases
DEMO_MARK = "DEMO-KEYS"  # a file that stands beside every key that the demo made


def _whole(environ: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    # int() would read "5_0 " too; a setting has one spelling.
    value = int(text) if re.fullmatch(r"-?[0-9]{1,14}", text) else low - 1
    if not low <= value <= high:
        raise SettingsRefused(f"{name} must be a whole number from {low} to {high}.")
    return value


def _templates(environ: Mapping[str, str], *, is_demo: bool) -> Mapping[str, Template]:
    """Return WeChat's message templates as the hospital's console numbers them; none where no file names them."""
    path = environ.get("WECHAT_TEMPLATES_FILE")
    if not path:
        return parse_templates(DEMO_TEMPLATES) if is_demo else {}
    try:
        return parse_templates(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise SettingsRefused("WECHAT_TEMPLATES_FILE must name a JSON file that can be read.") from None
    except TemplatesUnusable as unusable:
        raise SettingsRefused(f"WECHAT_TEMPLATES_FILE: {unusable}.") from None


def _metrics_token(environ: Mapping[str, str]) -> str | None:
    token = environ.get("METRICS_TOKEN") or None
    if token is not None and not re.fullmatch(r"[!-~]{16,200}", token):
        raise SettingsRefused("METRICS_TOKEN must have 16 to 200 printable characters without spaces.")
    return token


def _switch(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "") or "on"
    if text not in ("on", "off"):
        raise SettingsRefused(f"{name} must be `on` or `off`.")
    return text == "on"


def _hosts(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    hosts = tuple(h.strip() for h in environ.get("TRUSTED_HOSTS", "").split(",") if h.strip())
    return hosts or None
