"""Which language a page speaks, and how it writes days and times.

Chinese texts are the message ids themselves, so Chinese needs no catalogue; English comes from one catalogue per door,
`app/translations/<door>/en/LC_MESSAGES/messages.po`, compiled at set-up by `.ci/translations.py`.
"""

import datetime as dt
import re
from pathlib import Path
from typing import Any, Protocol

from flask import Flask, abort, g, has_request_context, redirect, request, session
from flask_babel import Babel, format_date, format_datetime, get_locale, get_translations
from markupsafe import Markup
from werkzeug.wrappers import Response

from app.web.login import public

TRANSLATIONS = Path(__file__).parents[1] / "translations"

LOCALES = {"zh": "zh_Hans_CN", "en": "en"}
"""What the language switch may choose: the code in its address -> Babel's locale."""

HOSPITAL_TIME_ZONE = "Asia/Shanghai"


def init_i18n(app: Flask) -> None:
    """Give the app its languages: `_()` in templates, `lang` and `here` for the frame, the filters below, the switch.

    Filters, all in the hospital's zone: `day` (2026年1月5日 周一), `short_day` (1月5日 周一), `clock` (08:30),
    `moment` (day and clock); `until`, the same of an end, where midnight is 24:00; `written_day`, a day, month or year as
    somebody wrote it; `named`, which chooses of a name in two languages; and `unit`, a unit of measure as people read it.
    """
    rooms = sorted(path for path in TRANSLATIONS.iterdir() if path.is_dir())
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = ";".join(str(path) for path in rooms)
    Babel(
        app,
        default_locale=LOCALES["zh"],
        default_timezone=HOSPITAL_TIME_ZONE,
        locale_selector=chosen_locale,
    )
    app.jinja_env.globals.update(_=translated, gettext=translated)
    app.add_url_rule("/language/<lang>", "language", switch_language, methods=["GET"])
    app.context_processor(_frame)
    app.jinja_env.filters.update(
        day=day,
        short_day=short_day,
        clock=clock,
        moment=moment,
        until=until,
        written_day=written_day,
        named=named,
        unit=unit,
    )


def chosen_locale() -> str:
    """Babel's name of the locale this browser chose; Chinese where nobody chose."""
    if not has_request_context():
        return LOCALES["zh"]
    if request.path.startswith(
        ("/api/", "/fhir/")
    ):  # a mini-program keeps no cookie: it says the language with each call
        return LOCALES[request.accept_languages.best_match(["zh", "en"], "zh")]
    return LOCALES.get(session.get("lang", "zh"), LOCALES["zh"])


_texts: dict[str, dict[str, Markup]] = {"zh": {}, "en": {}}  # by language: the texts of templates, as looked up so far


def translated(text: str, /, **values: Any) -> Markup:
    """`_()` in templates: the text in the page's language, with `values` escaped in their places.

    What the extension of Jinja and Babel do, but looked up once a language: a board of a thousand rows asks ten thousand
    times, and spent more than a third of its time there.
    """
    locale = getattr(getattr(g, "_flask_babel", None), "babel_locale", None) or get_locale()
    known = _texts[locale.language]
    found = known.get(text)
    if found is None:
        found = known[text] = Markup(get_translations().ugettext(text))  # noqa: S704 -- our own words
    return found % values if values or "%" in found else found


def language_tag() -> str:
    """The page's BCP 47 tag, for `<html lang>`: "zh-Hans" or "en"."""
    return "en" if str(get_locale()) == "en" else "zh-Hans"


@public
def switch_language(lang: str) -> Response:
    """Remember the language in this browser and go back to the page the switch was pressed on.

    A GET, because it changes how pages look and nothing else, and works from a page whose form is half filled.
    """
    if lang not in LOCALES:
        abort(404)
    session["lang"] = lang
    answer = redirect(page_of_ours(request.args.get("next", "/")), code=303)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def day(value: dt.date | dt.datetime) -> str:
    """A day with its year and weekday: 2026年1月5日 周一, or Mon, 5 Jan 2026."""
    return _written(value, "y年M月d日 EEE", "EEE, d MMM y")


def short_day(value: dt.date | dt.datetime) -> str:
    """A day of this year: 1月5日 周一, or Mon, 5 Jan."""
    return _written(value, "M月d日 EEE", "EEE, d MMM")


def clock(value: dt.datetime | dt.time) -> str:
    """Hour and minute, 24 hours, in the hospital's zone: 08:30. A bare time is taken as the hospital's already."""
    return value.strftime("%H:%M") if isinstance(value, dt.time) else str(format_datetime(value, "HH:mm"))


def moment(value: dt.datetime) -> str:
    """Day and clock: 2026年1月5日 周一 08:30."""
    return f"{day(value)} {clock(value)}"


def until(value: dt.datetime) -> str:
    """The end of something: day and clock. What ends with a day ends at 24:00 of it, not at 00:00 of the next, which people
    read as one day more."""
    if clock(value) == "00:00":
        return f"{day(value - dt.timedelta(minutes=1))} 24:00"
    return moment(value)


def written_day(value: str) -> str:
    """A day, month or year that somebody wrote as 2018-01-05, 2018-01 or 2018: 2018年1月5日, 2018年1月, 2018年. What is
    none of these stays as it was written."""
    parts = value.split("-")
    if not 1 <= len(parts) <= 3 or [len(part) for part in parts] != [4, 2, 2][: len(parts)]:
        return value
    try:
        found = dt.date(*(int(part) for part in [*parts, "01", "01"][:3]))
    except ValueError:
        return value
    return _written(found, *(("y年", "y"), ("y年M月", "MMM y"), ("y年M月d日", "d MMM y"))[len(parts) - 1])


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def unit(value: str) -> str:
    """A unit of measure as people read it, from the code that it is kept by (UCUM): 10⁹/L for 10*9/L, μmol/L, mmHg."""
    plain = value.replace("mm[Hg]", "mmHg")
    plain = re.sub(r"10\*(\d+)", lambda found: "10" + found[1].translate(_RAISED), plain)
    return re.sub(r"\bu(?=mol|g|L)", "μ", plain)


class Named(Protocol):
    """A name in both languages, as services give it."""

    @property
    def zh(self) -> str: ...

    @property
    def en(self) -> str: ...


def named(value: Named | None) -> str:
    """Return the name in the page's language; nothing for nothing."""
    if value is None:
        return ""
    return value.en if language_tag() == "en" and value.en else value.zh


def _written(value: dt.date | dt.datetime, chinese: str, english: str) -> str:
    pattern = english if language_tag() == "en" else chinese
    if isinstance(value, dt.datetime):
        return str(format_datetime(value, pattern))
    return str(format_date(value, pattern))


def _frame() -> dict[str, str]:
    """What templates/base.html needs for its language switch."""
    if not has_request_context():
        return {"lang": language_tag(), "here": "/"}
    here = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return {"lang": language_tag(), "here": here}


def page_of_ours(address: str) -> str:
    """The address where it is a path on this site; the home page otherwise.

    Browsers read a backslash as a slash and drop control characters, so both are refused, not cleaned.
    """
    ours = address.startswith("/") and not address.startswith("//")
    if not ours or "\\" in address or any(ord(character) < 0x20 for character in address):
        return "/"
    return address
