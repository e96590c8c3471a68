"""Every text has its English, nobody keeps texts that no page says, and the check that sees to it sees."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

HOUSE = Path(__file__).parents[2]


@pytest.fixture
def translations() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translations", HOUSE / ".ci" / "translations.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small_house(translations, tmp_path, monkeypatch) -> Path:
    """A house of one patient page that says one text, whose catalogue is right."""
    (tmp_path / "templates" / "patient").mkdir(parents=True)
    (tmp_path / "templates" / "patient" / "home.html").write_text("{{ _('签到') }}", "utf-8")
    (tmp_path / "app" / "web" / "patient").mkdir(parents=True)
    write_catalogue(tmp_path, 'msgid "签到"\nmsgstr "Check in"\n')
    monkeypatch.setattr(translations, "HOUSE", tmp_path)
    monkeypatch.setattr(translations, "TRANSLATIONS", tmp_path / "app" / "translations")
    return tmp_path


def write_catalogue(house: Path, text: str, room: str = "patient") -> None:
    path = house / "app" / "translations" / room / "en" / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def test_every_text_of_the_house_has_its_english(translations):
    assert translations.findings() == []


def test_a_right_catalogue_gives_no_finding(translations, small_house):
    assert translations.findings() == []


def test_a_text_without_english_is_named_with_its_place(translations, small_house):
    (small_house / "templates" / "patient" / "queue.html").write_text("\n{{ _('排队') }}", "utf-8")

    assert translations.findings() == ["templates/patient/queue.html:2: no English in patient for '排队'"]


def test_a_text_in_python_is_seen_too(translations, small_house):
    (small_house / "app" / "web" / "patient" / "home.py").write_text("title = _('病历')", "utf-8")

    assert translations.findings() == ["app/web/patient/home.py:1: no English in patient for '病历'"]


def test_an_empty_english_is_no_english(translations, small_house):
    write_catalogue(small_house, 'msgid "签到"\nmsgstr ""\n')

    assert translations.findings() == ["templates/patient/home.html:1: no English in patient for '签到'"]


def test_an_entry_that_nobody_says_is_named(translations, small_house):
    write_catalogue(small_house, 'msgid "签到"\nmsgstr "Check in"\n\nmsgid "报到"\nmsgstr "Arrive"\n')

    assert translations.findings() == ["patient: nobody says '报到' any more"]


def test_a_fuzzy_entry_is_named(translations, small_house):
    write_catalogue(small_house, '#, fuzzy\nmsgid "签到"\nmsgstr "Check in"\n')

    assert "patient: fuzzy entry '签到'" in translations.findings()


def test_english_that_loses_a_value_is_named(translations, small_house):
    (small_house / "templates" / "patient" / "home.html").write_text("{{ _('还有 %(n)s 人', n=n) }}", "utf-8")
    write_catalogue(small_house, '#, python-format\nmsgid "还有 %(n)s 人"\nmsgstr "%(m)s before you"\n')

    assert len(translations.findings()) == 1


def test_a_door_need_not_repeat_what_the_frame_says(translations, small_house):
    (small_house / "templates" / "base.html").write_text("{{ _('返回') }}", "utf-8")
    (small_house / "templates" / "patient" / "home.html").write_text("{{ _('签到') }}{{ _('返回') }}", "utf-8")
    write_catalogue(small_house, 'msgid "返回"\nmsgstr "Back"\n', room="core")

    assert translations.findings() == []


def test_updating_adds_new_texts_empty_and_keeps_the_english_there_is(translations, small_house):
    (small_house / "templates" / "patient" / "home.html").write_text("{{ _('签到') }}{{ _('排队') }}", "utf-8")

    translations.update("patient")

    assert {entry.id: entry.string for entry in translations.read("patient") if entry.id} == {
        "签到": "Check in",
        "排队": "",
    }


def test_compiling_writes_only_what_is_older(translations, small_house):
    assert [path.name for path in translations.compile_all()] == ["messages.mo"]
    assert translations.compile_all() == []
