"""The numbers of a clinic's rules, grouped by subject: what each does, what is usual, and what they would mean, before saving."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from flask import flash, make_response, render_template, request
from flask_babel import gettext as _

from app.domain import rule_bounds
from app.domain.calendar import instant, local
from app.services import rule_numbers
from app.services.rule_numbers import MOST_AREA, Numbers
from app.services.screens import NAMES
from app.web import rule_words
from app.web.admin import bp
from app.web.house import house
from app.web.login import staff_required
from app.web.transaction import act, current_actor, reading, see_other


@dataclass(frozen=True)
class Field:
    """One number's field: `name` is unique on the page, `key` within its group; `usual` is what a new clinic has."""

    name: str
    key: str
    label: str
    hint: str
    is_required: bool
    is_clock: bool
    choices: list[tuple[str, str]]


@dataclass(frozen=True)
class Group:
    """One rule's fields under its title, and what it means as it stands, or as it was typed (`is_typed`)."""

    code: str
    title: str
    fields: list[Field]
    effect: str
    is_typed: bool


@bp.get("/rules/<clinic_id>/numbers")
@staff_required("admin")
def numbers(clinic_id: str) -> Any:
    return _page(clinic_id)


@bp.post("/rules/<clinic_id>/numbers")
@staff_required("admin")
def change_numbers(clinic_id: str) -> Any:
    """Show what the numbers would mean, or save them: each rule that changed is an event."""
    typed = {name: value.strip()[:40] for name, value in request.form.items()}
    rules, errors = {}, {}
    for group in rule_bounds.KINDS:
        mine = {name.removeprefix(f"{group}-"): text for name, text in typed.items() if name.startswith(f"{group}-")}
        rule, wrong = rule_bounds.parse_typed(group, mine)
        rules[group] = rule
        errors |= {f"{group}-{key}": rule_words.wrong_words(group, one) for key, one in wrong.items()}
    if typed.get("screen_names") not in NAMES:
        errors["screen_names"] = _("选一个。")
    areas = {
        name.removeprefix("area_zh-"): (text, typed.get(name.replace("area_zh-", "area_en-", 1), ""))
        for name, text in typed.items()
        if name.startswith("area_zh-")
    }
    for room, (zh, en) in areas.items():
        if len(zh) > MOST_AREA or len(en) > 2 * MOST_AREA:
            errors[f"area_zh-{room}"] = _(
                "中文最多 %(zh)s 个字，英文最多 %(en)s 个字母。", zh=MOST_AREA, en=2 * MOST_AREA
            )
        elif en and not zh:
            errors[f"area_zh-{room}"] = _("先填中文；英文可以不填。")
    if errors or typed.get("do") == "preview":
        return _page(clinic_id, errors, typed, rules, 400 if errors else 200)
    with act() as a:
        count = rule_numbers.change_numbers(a.session, a.actor, clinic_id, rules, typed["screen_names"], areas, a.now)
        a.answer = see_other("admin.numbers", clinic_id=clinic_id)
    flash(_("已保存，改了 %(n)s 条规则。", n=count) if count else _("没有改动。"), "success" if count else "info")
    return a.sealed()


def _page(
    clinic_id: str,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    rules: dict[str, Any] | None = None,
    status: int = 200,
) -> Any:
    now = house().clock()
    with reading() as session:
        found = rule_numbers.numbers_of(session, current_actor(), clinic_id, now)
    page = render_template(
        "admin/numbers.html",
        found=found,
        groups=[_group(group, found.rules[group], (rules or {}).get(group), now) for group in rule_bounds.KINDS],
        shown=typed if typed is not None else _shown(found),
        errors=errors or {},
        is_preview=typed is not None and not errors,
        names=[
            {"value": code, "title": str(title), "text": str(text)} for code, (title, text) in rule_words.NAMES.items()
        ],
        titles=rule_words.GROUPS,
        most_area=MOST_AREA,
    )
    return make_response(page, status)


def _group(code: str, rule: Any, typed: Any | None, now: datetime) -> Group:
    nine = instant(local(now).date() + timedelta(days=1), time(9))
    usual = rule_bounds.format_typed(rule_bounds.usual(code))
    fields = []
    for key, (label, hint) in rule_words.FIELDS[code].items():
        bound = rule_bounds.BOUNDS[code].get(key)
        choices = (
            [(value, str(words)) for value, words in rule_words.SCOPES.items()] if key == rule_bounds.SCOPE else []
        )
        said = [str(hint)] if hint else []
        if bound is not None:
            said.append(_("%(least)s 到 %(most)s", least=bound.least, most=bound.most))
        words = dict(choices).get(usual[key], usual[key]) or _("空着")
        said.append(_("一般是 %(usual)s", usual=words))
        fields.append(
            Field(
                name=f"{code}-{key}",
                key=key,
                label=str(label),
                hint=_("；").join(text.rstrip("。.") for text in said) + _("。"),
                is_required=bound is None or not bound.may_be_empty,
                is_clock=key == rule_bounds.CLOCK,
                choices=choices,
            )
        )
    effect = rule_words.effect_words(code, typed if typed is not None else rule, nine)
    return Group(code, str(rule_words.GROUPS[code]), fields, effect, typed is not None and typed != rule)


def _shown(found: Numbers) -> dict[str, str]:
    shown = {
        f"{group}-{key}": text
        for group, rule in found.rules.items()
        for key, text in rule_bounds.format_typed(rule).items()
    }
    shown["screen_names"] = found.screen_names
    for room in found.rooms:
        shown |= {f"area_zh-{room.id}": room.area_zh, f"area_en-{room.id}": room.area_en}
    return shown
