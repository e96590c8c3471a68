"""The terminal shows what an operator must see, the file everything."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.server import output
from app.server.output import Output, shown_on_terminal

NewOutput = Callable[[str], Output]


@pytest.fixture
def new_output(tmp_path: Path) -> Iterator[NewOutput]:
    made: list[Output] = []

    def make(name: str) -> Output:
        made.append(Output(tmp_path / name))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("line", "is_error", "shown"),
    [
        ('{"event":"ticket.called","level":"info","clinic":"c1"}', True, None),
        ('{"event":"wechat.failed","level":"warning","code":40029}', False, "warning wechat.failed code=40029"),
        ('{"event":"x","level":"error","timestamp":"2026"}', True, "error x"),
        (
            '{"event":"sequencer.refused","why":"The head is gone.","way_out":"Restore it."}',
            True,
            "sequencer.refused: The head is gone. Restore it.",
        ),
        ('{"event":"sms.demo_in_use","level":"warning"}', False, None),
        ("{not json", True, "{not json"),
        ("{not json", False, None),
        ("The database stayed busy.", True, "The database stayed busy."),
        ("The database stayed busy.", False, None),
        ("Traceback (most recent call last):", True, None),
        ('  File "x.py", line 1, in <module>', True, None),
        ("ValueError: no", True, "ValueError: no"),
        ("wechat_mock.in_use: a pretend WeChat", True, None),
        ("", True, None),
    ],
)
def test_the_terminal_shows_warnings_and_what_happened_and_no_more(
    line: str, is_error: bool, shown: str | None
) -> None:
    assert shown_on_terminal(line, is_error=is_error) == shown


def test_every_line_reaches_the_file_with_the_name_of_its_process(
    new_output: NewOutput, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = new_output("log/site.log")
    told.follow("web", io.StringIO('{"event":"a","level":"info"}\nbad\n'), is_error=True)
    told.say("ready")
    assert (tmp_path / "log" / "site.log").read_text().splitlines() == [
        'web      | {"event":"a","level":"info"}',
        "web      | bad",
        "launcher | ready",
    ]
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("ready\n", "web    | bad\n")


def test_the_file_begins_anew_when_it_is_full_and_keeps_the_one_before(
    new_output: NewOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "LARGEST_BYTES", 40)
    told = new_output("site.log")
    for word in ("first", "second", "third", "fourth"):
        told.say(word)
    assert "first" in (tmp_path / "site.log.1").read_text()
    assert "fourth" in (tmp_path / "site.log").read_text()
    capsys.readouterr()


def test_after_the_end_began_the_terminal_stays_quiet(
    new_output: NewOutput, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = new_output("site.log")
    told.ending()
    told.follow("web", io.StringIO("Worker was sent SIGTERM!\n"), is_error=True)
    assert capsys.readouterr().err == ""
    assert "SIGTERM" in (tmp_path / "site.log").read_text()
