"""The admin's page about applications of others: registering one, taking one out of use. What they read, no admin sees."""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template, request
from flask_babel import gettext as _

from app.domain.errors import BadInput
from app.services import clients, rights
from app.web.admin import bp
from app.web.login import staff_required
from app.web.transaction import act, reading, see_other

TYPED = ("name_zh", "name_en", "redirects")


@bp.get("/apps")
@staff_required("admin")
def apps() -> Any:
    """All registered applications with their client_id, and the form for one more."""
    return _page({}, {})


def _page(errors: dict[str, str], typed: dict[str, str], status: int = 200) -> Any:
    with reading() as session:
        found = clients.all_apps(session)
    return make_response(render_template("admin/apps.html", apps=found, errors=errors, typed=typed), status)


@bp.post("/apps")
@staff_required("admin")
def register_app() -> Any:
    """Register an application; its client_id stands in the list, and is no secret."""
    typed = {name: request.form.get(name, "").strip() for name in TYPED}
    try:
        with act() as a:
            rights.manage_staff(a.actor, a.now)
            clients.register(a.session, a.actor, typed["name_zh"], typed["name_en"], typed["redirects"].split(), a.now)
            a.answer = see_other("admin.apps")
    except BadInput as wrong:
        return _page(_said(wrong), typed, 400)
    return a.sealed()


def _said(wrong: BadInput) -> dict[str, str]:
    if wrong.field == "redirect":
        return {
            "redirects": _(
                "每行一个地址：https:// 开头，或本机的 http://127.0.0.1，或应用自己的反向域名。最多 %(n)s 个。", n=5
            )
        }
    return {wrong.field: _("填写应用的名字，最多 %(n)s 个字。", n=clients.LONGEST_NAME)}


@bp.post("/apps/<app_id>/disable")
@staff_required("admin")
def disable_app(app_id: str) -> Any:
    """Take an application out of use: its tokens open nothing from now on."""
    with act() as a:
        rights.manage_staff(a.actor, a.now)
        clients.disable(a.session, a.actor, app_id, a.now)
        a.answer = see_other("admin.apps")
    return a.sealed()
