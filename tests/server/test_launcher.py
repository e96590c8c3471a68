"""The launcher with real processes: what it starts, what it starts again, and that nothing outlives it."""

import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable

from tests.server.launched import PATIENCE_SECONDS, ROOT, Site, wait_until

MakeSite = Callable[..., Site]


def test_ctrl_c_ends_every_process_and_frees_port_and_folder(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    assert len(site.processes()) >= 5, "launcher, sequencer, pretend WeChat, gunicorn and a worker at least"
    assert site.end(signal.SIGINT) == 0
    wait_until(lambda: site.processes() == {})
    assert site.start().ready().status() == 200


def test_a_warm_start_and_its_end_take_less_than_ten_seconds_of_computing(new_site: MakeSite) -> None:
    """Of all its processes together, for other tests run beside, which makes computing itself slower: 4.5 alone here, 6.1
    seen beside others. What wants noticing is a start that does something twice, not a busy machine."""

    def spent_seconds() -> float:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    before = spent_seconds()
    assert new_site().start().ready().end() == 0
    assert spent_seconds() - before < 10


def test_all_processes_together_take_less_than_350_megabytes(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    for page in ("/", "/sign-in", "/verify", "/ledger/", "/staff/sign-in", "/healthz") * 6:
        site.status(page)
    assert site.memory_kb() < 350_000


def test_sigterm_and_a_closed_terminal_end_it_as_well(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    assert site.end(signal.SIGTERM) == 0
    assert site.start().ready().end(signal.SIGHUP) == 0
    wait_until(lambda: site.processes() == {})


def test_a_killed_launcher_leaves_no_process_behind(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    site.end(signal.SIGKILL)
    wait_until(lambda: site.processes() == {})


def test_a_killed_sequencer_is_started_again_while_the_site_answers(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    before = site.one("ledger sequencer")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: site.status() == 200)
    wait_until(lambda: "ledger ended (killed by SIGKILL); it is started again" in site.said())
    wait_until(lambda: any(" ledger sequencer " in command for command in site.processes().values()))
    assert site.one("ledger sequencer") != before
    assert site.status() == 200


def test_a_killed_web_server_is_started_again_and_its_workers_with_it(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    before = set(site.processes())
    os.kill(site.one("gunicorn"), signal.SIGKILL)
    wait_until(lambda: "web ended" in site.said())
    wait_until(lambda: any("gunicorn" in command for command in site.processes().values()))
    wait_until(lambda: site.one("gunicorn") not in before)  # no worker of the old one is left
    wait_until(lambda: site.status() == 200)


def test_a_killed_pretend_wechat_is_started_again_at_the_same_address(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    before = site.one("app.wechat_mock")
    command = site.processes()[before]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: before not in site.processes())
    wait_until(lambda: any("app.wechat_mock" in one for one in site.processes().values()))
    again = site.processes()[site.one("app.wechat_mock")]
    assert again.split("--port ")[1] == command.split("--port ")[1]


def test_two_sites_run_side_by_side(new_site: MakeSite) -> None:
    one, other = new_site("one").start(), new_site("other").start()
    assert one.ready().status() == other.ready().status() == 200
    assert one.end() == 0
    assert other.status() == 200


def test_a_second_start_in_the_same_folder_says_who_runs_there(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    second = subprocess.run(
        [sys.executable, "-m", "app.server"],
        cwd=ROOT,
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"already runs from this folder at http://127.0.0.1:{site.port}" in second.stderr
    assert site.status() == 200


def test_a_folder_too_deep_for_a_unix_socket_works_all_the_same(new_site: MakeSite) -> None:
    site = new_site("deep" * 30).start().ready()
    assert site.status() == 200
    assert "/mingzhen-" in site.processes()[site.one("ledger sequencer")]


def test_a_site_that_listens_everywhere_shows_its_address_on_the_network_as_a_qr_code(new_site: MakeSite) -> None:
    site = new_site(HOST="0.0.0.0").start().ready()  # noqa: S104 -- what is tested
    wait_until(lambda: "Ctrl-C ends it" in site.said())
    assert "On a phone in the same network: http://" in site.said()
    assert site.said().count("\x1b[97;40m") > 12


def test_a_web_server_that_cannot_start_ends_the_site_with_a_sentence(new_site: MakeSite) -> None:
    site = new_site()
    (site.folder / "keys" / "secret.key").unlink()
    assert site.start().launcher is not None
    assert site.launcher.wait(timeout=PATIENCE_SECONDS) == 1
    assert "The site cannot run: the process web ended 3 times in a row" in site.said()
    wait_until(lambda: site.processes() == {})


def test_settings_that_are_refused_are_one_sentence(new_site: MakeSite) -> None:
    site = new_site(APP_ENV="production").start()
    assert site.launcher is not None and site.launcher.wait(timeout=PATIENCE_SECONDS) == 1
    assert site.said().count("\n") == 1
    assert "PUBLIC_URL" in site.said()


def test_a_ledger_that_refuses_to_sign_is_told_plainly_and_the_site_goes_on(new_site: MakeSite) -> None:
    site = new_site()
    with (site.folder / "head.sequencer").open("w") as another_sequencer:
        fcntl.flock(another_sequencer, fcntl.LOCK_EX)
        site.start().ready()
    wait_until(lambda: "sequencer.refused: another sequencer is running" in site.said())
    wait_until(lambda: "The ledger refuses to sign" in site.said())
    assert "started again" not in site.said()
    assert site.status("/healthz") == 200


def test_the_next_start_waits_for_the_children_of_a_killed_launcher(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    site.end(signal.SIGKILL)
    assert site.start().ready().status() == 200
    assert "refuse" not in site.said()


def test_reset_ends_what_runs_and_removes_what_was_done(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    reset = [sys.executable, ".ci/prepare.py", "reset"]
    done = subprocess.run(
        reset, cwd=ROOT, env=site.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "The demo is reset: the next make run starts fresh.\n")
    assert not site.folder.exists()
    wait_until(lambda: site.processes() == {})
    again = subprocess.run(
        reset, cwd=ROOT, env=site.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert (again.returncode, again.stdout.split(":")[0]) == (0, "There is nothing to throw away")


def test_a_hospitals_own_data_is_never_reset(new_site: MakeSite) -> None:
    site = new_site(APP_ENV="production")
    reset = [sys.executable, ".ci/prepare.py", "reset"]
    done = subprocess.run(
        reset, cwd=ROOT, env=site.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "for the demo only" in done.stderr
    assert (site.folder / "mingzhen.db").exists()


def test_the_first_start_of_a_demo_fills_it_once_and_its_log_passes_an_audit(new_site: MakeSite) -> None:
    site = new_site()
    (site.folder / "demo-data").unlink()
    site.start().ready()
    assert "demo data" in site.said()
    verify = [sys.executable, ".ci/verify.py"]
    audit = subprocess.run(verify, cwd=ROOT, env=site.environment, capture_output=True, text=True, check=False)
    assert audit.returncode == 0, audit.stdout + audit.stderr
    site.end()
    assert "demo data" not in site.start().ready().said()


def test_verifying_what_does_not_run_says_so(new_site: MakeSite) -> None:
    site = new_site()
    audit = subprocess.run(
        [sys.executable, ".ci/verify.py"], cwd=ROOT, env=site.environment, capture_output=True, text=True, check=False
    )
    assert (audit.returncode, audit.stdout.split(":")[0]) == (1, "Nothing runs from this folder to be verified")
