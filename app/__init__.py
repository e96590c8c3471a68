"""Mingzhen 明诊: an Internet hospital in a patient's pocket.

`create_app` builds the adapters, hands them in and registers the doors. It has no side effect at import; engines are
opened by each process for itself, after the fork.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.config import Settings, read_settings

if TYPE_CHECKING:  # the launcher and other small processes import this package too, and do without
    from flask import Flask

    from ledger.policy import Policy

ROOT = Path(__file__).resolve().parent.parent
MAX_BODY_BYTES = 1024 * 1024


def create_app(settings: Settings | None = None, clock: Callable[[], datetime] | None = None) -> Flask:
    """Return the application. `clock` returns aware UTC instants; by default the system's, shifted in a demo if asked.

    Raises SettingsRefused, with a message for the operator, when the start would not be safe.
    """
    from flask import Flask

    from app import chores, cli, logs, warming
    from app.web import browser, doors, errors, house, i18n, limits, login, metrics, packed, sealed, sound_text
    from ledger.stores.engine import GateBusy

    settings = settings or read_settings(os.environ, ROOT)
    app = Flask("mingzhen", root_path=str(ROOT), template_folder="templates", static_folder="static")
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_PARTS=200,
        SESSION_COOKIE_SECURE=not settings.insecure_cookies,
        TRUSTED_HOSTS=list(settings.trusted_hosts) if settings.trusted_hosts else None,
        PERMANENT_SESSION_LIFETIME=365 * 24 * 3600,
        SESSION_REFRESH_EACH_REQUEST=False,  # polls answer late: only a page that changed the cookie sends it
        BABEL_DEFAULT_LOCALE="zh_Hans_CN",
    )
    read_witness_policy(settings.witness_policy)  # what is wrong with it is said now, not to the first patient
    app.secret_key = read_secret(settings.secret_key_file)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    logs.init_logs(app)
    house.init_house(app, lambda: build_house(settings, clock or settings.now))
    login.init_login(app)
    sound_text.init_sound_text(app)
    packed.init_packed(app)
    browser.init_browser(app)
    sealed.init_sealed(app)
    i18n.init_i18n(app)
    limits.init_limits(app, settings.redis_url)
    errors.init_errors(app, busy=GateBusy)
    doors.init_doors(app, settings)
    cli.init_cli(app, settings)
    metrics.init_metrics(app, settings, [job.name for job in chores.jobs(is_demo=settings.is_demo)])
    chores.init_chores(app, app.extensions["mingzhen"], settings)
    warming.init_warming(app, settings.compiled_templates)
    return app


def read_secret(path: Path) -> bytes:
    """Return the key that signs browser cookies: at least 32 bytes, from a file. There is no default."""
    from app.config import SettingsRefused

    try:
        key = path.read_bytes().strip()
    except OSError:
        key = b""
    if len(key) < 32:
        raise SettingsRefused(
            "SECRET_KEY_FILE must name a file of at least 32 random bytes; `python -m app.setup` makes one for a demo."
        )
    return key


def read_witness_policy(path: Path | None) -> tuple[Policy | None, str]:
    """Return the policy in a file and its text for everybody; (None, "") where none is named. Raises SettingsRefused."""
    from app.config import SettingsRefused
    from ledger.errors import MalformedPolicy
    from ledger.policy import parse_policy, public_policy

    if path is None:
        return None, ""
    try:
        data = path.read_bytes()
        return parse_policy(data), public_policy(data)
    except OSError:
        raise SettingsRefused("WITNESS_POLICY must name a file that can be read.") from None
    except MalformedPolicy as malformed:
        raise SettingsRefused(f"WITNESS_POLICY: {malformed}.") from None


def build_house(settings: Settings, clock: Callable[[], datetime]):  # type: ignore[no-untyped-def]
    """Open what one process needs: two engines, the vault, the bell, the reader and the ways out."""
    from app.adapters.jwe import seal_compact
    from app.adapters.keyring import Keyring, MasterKey
    from app.adapters.neighbour import Neighbour
    from app.adapters.passwords import Passwords
    from app.adapters.sms import DemoSMS
    from app.adapters.vault import Vault
    from app.adapters.wechat import WeChatPlatform
    from app.web.house import House
    from ledger.bell import Bell
    from ledger.note import VerifierKey
    from ledger.reader import LogReader
    from ledger.stores.engine import open_engine, reading, recording
    from ledger.stores.sql import SQLStore, add_pending

    engine = open_engine(settings.database_url)
    keyring = Keyring(open_engine(settings.keyring_url), MasterKey.read(settings.master_key_file))
    keys = settings.ledger_public_key_file.read_text("utf-8").split("\n")
    policy, policy_text = read_witness_policy(settings.witness_policy)
    return House(
        settings=settings,
        engine=engine,
        vault=Vault(keyring),
        bell=Bell(settings.ledger_socket),
        log=LogReader(SQLStore(engine)),
        log_keys=tuple(VerifierKey.parse(line) for line in keys if line and not line.startswith("#")),
        wechat=WeChatPlatform(
            settings.wechat_app_id,
            settings.wechat_app_secret,
            authorize_base=settings.wechat_open_base,
            api_base=settings.wechat_api_base,
        ),
        # No vendor of messages is built in: without one the phone door is closed, and WeChat is the only one.
        sms=DemoSMS(settings.sms_database, app_env=settings.app_env) if settings.is_demo else None,
        passwords=Passwords(),
        neighbour=Neighbour(settings.wechat_mock_internal) if settings.wechat_mock_internal else None,
        clock=clock,
        recording=recording,
        reading=reading,
        add_pending=add_pending,
        seal_compact=seal_compact,
        witness_keys=tuple(key for key in policy.witnesses.values() if key is not None) if policy else (),
        witness_policy_text=policy_text,
    )
