"""The demo's own witness, a process beside the site: it cosigns, is started again, and is missed by nobody who does without."""

import os
import shutil
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ledger.cosignature import verify_cosignatures
from ledger.note import VerifierKey, parse_note
from ledger.policy import is_met, parse_policy
from tests.server.launched import Site, wait_until

MakeSite = Callable[..., Site]
WITNESS = " ledger witness "


def read(site: Site, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{site.port}{path}", timeout=90) as answer:
        return bytes(answer.read())


def cosigned(site: Site) -> bool:
    """Tell whether the newest checkpoint has the quorum of the policy, as a stranger sees both."""
    policy = parse_policy(read(site, "/ledger/policy"))
    keys = [key for key in policy.witnesses.values() if key is not None]
    return policy.asks_for_witnesses and is_met(
        policy, verify_cosignatures(parse_note(read(site, "/ledger/checkpoint")), keys)
    )


def witness_of(site: Site) -> int:
    return min((pid for pid, command in site.processes().items() if WITNESS in f"{command} "), default=0)


def pss_kb(pid: int) -> int:
    lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def test_the_demo_is_witnessed_and_goes_on_without_its_witness(new_site: MakeSite) -> None:
    site = new_site().start().ready()
    wait_until(lambda: cosigned(site))
    before = site.said()  # on a slow machine the witness may have come late
    first = witness_of(site)
    assert pss_kb(first) < 40_000
    key = VerifierKey.parse((site.folder / "witness" / "witness.vkey").read_text().strip())
    assert key.name == "witness.mingzhen.demo"
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: site.status("/readyz") == 200)
    wait_until(lambda: witness_of(site) not in (0, first))
    wait_until(lambda: site.status("/readyz") == 200)
    assert site.end() == 0
    wait_until(lambda: site.processes() == {})
    assert "witness.away" not in site.said().removeprefix(before) and "refus" not in site.said()


def test_a_demo_whose_witness_lost_its_state_goes_on_sealed_by_the_hospital_alone(new_site: MakeSite) -> None:
    site = new_site()
    (site.folder / "witness" / "state").unlink()
    site.start().ready()
    wait_until(lambda: "The demo's witness does not cosign any more" in site.said())
    said = site.said()
    assert said.index("retire it") < said.index("does not cosign any more")  # the reason is above, as it says
    wait_until(lambda: site.status("/readyz") == 200)
    wait_until(lambda: site.status("/readyz") == 200 and site.status("/ledger/checkpoint") == 200)
    assert not cosigned(site)


def test_a_demo_that_was_prepared_before_there_were_witnesses_starts_as_well(new_site: MakeSite) -> None:
    site = new_site()
    shutil.rmtree(site.folder / "witness")
    site.start().ready()
    assert witness_of(site) == 0 and site.status("/ledger/policy") == 404
