"""A small app that renders the frames and every macro with invented words: to look at, and for tests."""

import io
from pathlib import Path

import segno
from flask import Flask, render_template, session
from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup

from app.web.i18n import init_i18n, language_tag
from app.web.messages import status_words

HOUSE = Path(__file__).parents[2]
PAGES = ("patient", "staff", "screen", "error")


def gallery_app() -> Flask:
    """The gallery at /gallery/<page>; words of the pages come in pairs through W(), since they are in no catalogue."""
    app = Flask("gallery", root_path=str(HOUSE), template_folder="templates", static_folder="static")
    app.config["SECRET_KEY"] = "gallery"
    app.jinja_loader = ChoiceLoader(
        [FileSystemLoader(HOUSE / "templates"), FileSystemLoader(HOUSE / "tests" / "web" / "gallery")]
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    init_i18n(app)
    app.jinja_env.globals.update(csrf_token=lambda: "token", new_key=lambda: "key")

    @app.get("/gallery/<page>")
    def gallery(page: str) -> str:
        """frame: what the doors give to staff.html."""
        code = io.BytesIO()
        segno.make("https://hospital.example/check-in", error="m").save(
            code, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=2
        )
        return render_template(
            "error.html" if page == "error" else f"{page}_gallery.html",
            code=429,
            said=status_words(429),
            request_number="7F3K-22",
            retry_after="30 秒",
            W=lambda chinese, english: english if language_tag() == "en" else chinese,
            QR=Markup(code.getvalue().decode()),  # noqa: S704
            staff={"name": "王护士", "role": "分诊台", "clinic": "心内科"},
            nav=[
                {"href": "/staff/desk", "text": "名单", "current": True, "count": 0},
                {"href": "/staff/board", "text": "排队", "current": False, "count": 3},
            ],
        )

    @app.get("/part")
    def part() -> str:
        return '<p data-announce="A009">A009</p>'

    @app.after_request
    def guarded(answer):
        answer.headers["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
        return answer

    @app.get("/lang")
    def lang() -> str:
        return session.get("lang", "")

    return app
