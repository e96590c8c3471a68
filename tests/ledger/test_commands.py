"""`python -m ledger keygen` and `verify`, as somebody at a terminal sees them."""

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import __main__ as command_line
from ledger.note import SigningKey, VerifierKey
from ledger.paper import fingerprint, format_paper
from tests.ledger.made import LOG, WITNESS, make_receipt, opening

VKEY = LOG.verifier_key.format()
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(capsys):
    """Run a command; return its exit code, what it said and what it said on the standard error."""

    def run(*words: object) -> tuple[int, str, str]:
        try:
            code = command_line.main([str(word) for word in words])
        except SystemExit as e:  # how argparse ends
            code = int(e.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


@pytest.fixture
def receipt(tmp_path):
    path = tmp_path / "receipt.tlog-proof"
    path.write_bytes(make_receipt(opening()))
    return path


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy"
    path.write_text(f"log {VKEY}\nwitness health {WITNESS.verifier_key.format()}\nquorum health\n")
    return path


def test_a_good_receipt_prints_its_event(run, receipt):
    code, out, err = run("verify", receipt, "--key", VKEY)
    assert (code, err) == (0, "")
    assert out.startswith("GOOD: sealed.")
    for fact in ("appointment.checked_in", "2026-03-02T01:23:45.678Z", "A001", "内科", "5 of 11", LOG.name):
        assert fact in out


def test_the_form_to_show_prints_no_more_than_it_says(run, receipt):
    receipt.write_bytes(make_receipt(opening().to_show()))
    code, out, _ = run("verify", receipt, "--key", VKEY)
    assert code == 0
    assert "appointment.checked_in" in out
    assert "form to show" in out
    assert "A001" not in out


def test_a_witnessed_receipt_says_so(run, receipt, policy):
    receipt.write_bytes(make_receipt(opening(), witnesses=[WITNESS]))
    code, out, _ = run("verify", receipt, "--key", VKEY, "--policy", policy)
    assert code == 0
    assert out.startswith("GOOD: witnessed.")
    assert "health" in out


def test_a_merely_sealed_receipt_is_not_good_under_a_policy_and_is_told_apart(run, receipt, policy):
    code, out, err = run("verify", receipt, "--key", VKEY, "--policy", policy)
    assert (code, out) == (1, "")
    assert "witnesses" in err
    assert "sealed by the log, but not witnessed" in err


def test_a_receipt_comes_from_the_standard_input_too(run, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(make_receipt(opening()))))
    assert run("verify", "-", "--key", VKEY)[0] == 0


@pytest.mark.parametrize(
    ("spoil", "step"),
    [
        (lambda data: data.replace(b"index 5", b"index 4"), "inclusion"),
        (lambda data: data.replace(b"\n11\n", b"\n12\n"), "signature"),
        (lambda data: data[:-1], "form"),
        (lambda data: data.replace(b"index", b"Index"), "form"),
        (lambda data: b"", "form"),
        (lambda data: bytes(range(256)) * 40, "form"),
        (lambda data: b"\x1f\x8b" + data, "form"),
        (lambda data: data + b"x" * (1 << 21), "form"),
        (lambda data: "— 回执".encode("gb18030"), "form"),
    ],
)
def test_a_receipt_that_is_not_good_names_the_step_that_failed(run, receipt, spoil, step):
    receipt.write_bytes(spoil(receipt.read_bytes()))
    code, out, err = run("verify", receipt, "--key", VKEY)
    assert (code, out) == (1, "")
    assert err.startswith(f"NOT GOOD. Step that failed: {step} (")
    assert err.count("\n") == 1


def test_another_logs_receipt_is_not_good(run, receipt):
    code, _, err = run("verify", receipt, "--key", SigningKey("other", b"o" * 32).verifier_key.format())
    assert code == 1
    assert "signature" in err


def test_keys_come_from_a_file_as_the_log_serves_them(run, receipt, tmp_path):
    keys = tmp_path / "keys"
    other = SigningKey("other", b"o" * 32).verifier_key.format()
    modern = "m+00000000+BgAAAA=="  # of a kind that cannot be checked here
    keys.write_text(f"# keys of the log\n{other}\n\n{modern}\n{WITNESS.verifier_key.format()}\n{VKEY}\n")
    assert run("verify", receipt, "--key", keys)[0] == 0


@pytest.mark.parametrize(
    "key",
    ["nonsense", "", VKEY[:-2], VKEY.replace("one", "two"), WITNESS.verifier_key.format(), "m+00000000+BgAAAA=="],
)
def test_a_key_that_is_none_is_said_in_one_sentence(run, receipt, key):
    code, out, err = run("verify", receipt, "--key", key)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"nonsense\n", b"\xff\x00", b"+" * 2_000_000])
def test_a_file_without_keys_is_said_in_one_sentence(run, receipt, tmp_path, content):
    (tmp_path / "keys").write_bytes(content)
    code, out, err = run("verify", receipt, "--key", tmp_path / "keys")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize("option", ["receipt", "--policy", "--key"])
@pytest.mark.parametrize("name", ["missing", ".", "a\0b", "receipt.tlog-proof/x", "x" * 5000])
def test_a_file_that_cannot_be_read_is_said_in_one_sentence(run, receipt, tmp_path, option, name):
    words = {"receipt": receipt, "--key": VKEY}
    words[option] = tmp_path / name
    code, out, err = run("verify", words.pop("receipt"), *[word for pair in words.items() for word in pair])
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_a_policy_that_is_none_is_said_with_its_line(run, receipt, policy):
    policy.write_text("quorum none\nnonsense\n")
    code, _, err = run("verify", receipt, "--key", VKEY, "--policy", policy)
    assert code == 2
    assert "line 2" in err


def test_what_an_event_says_cannot_move_the_cursor(run, receipt):
    receipt.write_bytes(make_receipt(opening(own={"reason": "\x1b[2J\u202e\n", "detail": {}, "list": [1, True, None]})))
    code, out, _ = run("verify", receipt, "--key", VKEY)
    assert code == 0
    assert "\\u001b[2J\\u202e\\u000a" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("form", ["{}", "https://clinic.example/verify#{}\n", " \n{} \n"])
def test_the_digits_of_a_code_on_paper_are_a_receipt_too(run, receipt, form):
    digits = format_paper(make_receipt(opening().to_show()))
    spaced = " ".join(digits[i : i + 5] for i in range(0, len(digits), 5))
    for typed in (digits, spaced):
        receipt.write_text(form.format(typed))
        code, out, _ = run("verify", receipt, "--key", VKEY)
        assert code == 0
        assert "appointment.checked_in" in out
    receipt.write_text(form.format(digits[:-1]))
    code, _, err = run("verify", receipt, "--key", VKEY)
    assert (code, "reading the receipt" in err) == (1, True)


def test_a_fingerprint_is_printed_as_slips_and_the_wall_have_it(run, tmp_path):
    both = tmp_path / "keys"
    both.write_text(f"{VKEY}\n{WITNESS.verifier_key.format()}\n")
    line = f"{fingerprint(VKEY)}  {LOG.name}\n"
    assert run("fingerprint", VKEY) == (0, line, "")
    assert run("fingerprint", both)[1].splitlines(keepends=True)[0] == line
    assert len(run("fingerprint", both)[1].splitlines()) == 2
    code, out, err = run("fingerprint", VKEY[:-2])
    assert (code, out, "Traceback" in err) == (2, "", False)


@pytest.mark.parametrize("words", [[], ["nonsense"], ["verify"], ["verify", "x"], ["keygen"], ["audit"]])
def test_a_command_line_that_makes_no_sense_ends_with_2(run, words):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert "usage" in err


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_every_command_of_the_table_is_there(run, name):
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"usage: python -m ledger {name}" in out


@pytest.mark.parametrize("words", [["--help"], ["verify", "--help"], ["audit", "-h"], ["keygen", "-h"]])
def test_help_is_there(run, words):
    code, out, _ = run(*words)
    assert code == 0
    assert "usage: python -m ledger" in out


def test_keygen_writes_a_private_key_for_its_owner_only_and_prints_the_public_one(run, tmp_path):
    path = tmp_path / "log.key"
    code, out, err = run("keygen", "医院.example/2026", "--out", path)

    key = SigningKey.parse(path.read_text(encoding="utf-8").removesuffix("\n"))
    assert code == 0
    assert VerifierKey.parse(out.removesuffix("\n")) == key.verifier_key
    assert key.name == "医院.example/2026"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key.format() not in out + err


def test_keygen_overwrites_nothing(run, tmp_path):
    path = tmp_path / "log.key"
    path.write_text("the key of a log that runs")
    code, out, err = run("keygen", "log.example", "--out", path)
    assert (code, out) == (1, "")
    assert "exists already" in err
    assert path.read_text() == "the key of a log that runs"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert run("keygen", "log.example", "--out", tmp_path / "link")[0] == 1


def test_keygen_without_a_file_names_one_after_the_log(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("keygen", "log.example/2026")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["log.example_2026.key"]


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_keygen_refuses_a_name_that_no_key_can_have(run, tmp_path, name):
    assert run("keygen", name, "--out", tmp_path / "key")[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_keygen_says_in_one_sentence_where_it_cannot_write(run, tmp_path):
    code, _, err = run("keygen", "log.example", "--out", tmp_path / "missing" / "key")
    assert code == 1
    assert err.count("\n") == 1


def test_the_module_runs_as_a_program_in_a_terminal_that_knows_ascii_only(receipt):
    """A subprocess, once: for `python -m`, the exit code, and the encoding of a poor terminal."""
    environment = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii"}
    good = subprocess.run(
        [sys.executable, "-m", "ledger", "verify", receipt, "--key", VKEY],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (good.returncode, good.stderr) == (0, b"")
    assert b"\\u5185\\u79d1" in good.stdout


def test_a_verifier_needs_neither_database_nor_web_library():
    """Whoever checks receipts installs two packages."""
    script = (
        "import sys; from ledger.__main__ import main; import ledger.commands.verify, ledger.commands.audit;"
        "print([m for m in ('sqlalchemy', 'flask', 'requests', 'app') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
