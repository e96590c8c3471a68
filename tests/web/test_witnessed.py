"""Receipts on their way from sealed to witnessed, on pages, in files and in the API; and what outsiders are told of witnesses."""

from __future__ import annotations

import pytest

from app import create_app
from app.config import SettingsRefused
from ledger.cosignature import sign_cosignature
from ledger.note import ED25519_COSIGNATURE, SigningKey, parse_note
from ledger.policy import parse_policy
from ledger.receipt import verify_receipt
from ledger.stores.sql import SQLStore
from tests.browsing import Browser
from tests.conftest import settings_in
from tests.web.test_metrics import scrape
from tests.web.test_receipts import ROW, phone, said, sealed  # noqa: F401 (fixtures)

WITNESS = SigningKey("witness.example/w1", bytes(range(32)), ED25519_COSIGNATURE)
OTHER = SigningKey("witness.example/w2", bytes(range(1, 33)), ED25519_COSIGNATURE)
POLICY = (
    "# what the operator notes for himself\n"
    f"witness health {WITNESS.verifier_key.format()} http://10.1.2.3:8100\n"
    f"witness peer {OTHER.verifier_key.format()}\ngroup two any health peer\nquorum two\n"
)


@pytest.fixture
def app(var, clock):
    (var / "policy").write_text(POLICY, "utf-8")
    application = create_app(settings_in(var, WITNESS_POLICY=str(var / "policy")), clock)
    application.testing = False
    yield application
    application.extensions["mingzhen"].close()


def witness(hospital, *, until: int | None = None) -> int:
    """Let the first witness cosign the newest checkpoint, as the sequencer's client would store it; return its size."""
    store = SQLStore(hospital.engine)
    size, note = store.newest_size(), store.newest_checkpoint()
    line = sign_cosignature(parse_note(note.encode()).text, WITNESS, 1_790_000_000)
    store.add_cosignature(size, WITNESS.verifier_key.format(), line.format(), 1_790_000_000)
    store.mark_witnessed(size, 1_790_000_000_000)
    return size


def test_a_receipt_is_sealed_then_witnessed_and_says_which(phone, ward, var, hospital):  # noqa: F811
    li = ward.person("李明")
    mine = phone(li)
    sealed(var, hospital)
    path = ROW.findall(mine.get("/receipts").text)[0]
    page = said(mine.get(path))
    assert "已存证" in page and "见证方一般几秒内也会签名" in page and 'data-policy=""' in page
    key, policy = hospital.log_keys[0], parse_policy(POLICY.encode())
    file = mine.get(f"{path}.tlog-proof").data
    assert verify_receipt(file, key).state == "sealed"

    size = witness(hospital)
    page = said(mine.get(path))
    assert "已见证" in page and "谁也不能只改给您看的这一份" in page and "quorum two" in page
    assert "已见证" in mine.get("/receipts").text
    file = mine.get(f"{path}.tlog-proof").data
    verified = verify_receipt(file, key, policy)
    assert (verified.state, verified.witnesses, verified.size) == ("witnessed", ("health",), size)
    show = mine.get(f"{path}.tlog-proof?form=show").data
    assert verify_receipt(show, key, policy).own is None


def test_a_receipt_stays_under_the_witnessed_checkpoint_while_the_log_grows(phone, ward, var, hospital):  # noqa: F811
    li = ward.person("李明")
    sealed(var, hospital)
    size = witness(hospital)
    mine = phone(li)
    old = ROW.findall(mine.get("/receipts").text)[0]
    ward.booked(li)
    sealed(var, hospital)
    new = ROW.findall(mine.get("/receipts").text)[0]
    key = hospital.log_keys[0]
    assert verify_receipt(mine.get(f"{old}.tlog-proof").data, key).size == size
    assert verify_receipt(mine.get(f"{new}.tlog-proof").data, key).size > size
    listed = mine.get("/receipts").text
    assert "已存证" in listed and "已见证" in listed


def test_in_english_the_words_are_plain_too(phone, ward, var, hospital):  # noqa: F811
    li = ward.person("李明")
    mine = phone(li)
    mine.get("/language/en")
    sealed(var, hospital)
    path = ROW.findall(mine.get("/receipts").text)[0]
    assert "Witnesses outside the hospital usually sign within seconds" in said(mine.get(path))
    witness(hospital)
    assert "Witnessed" in said(mine.get(path)) and "Witnesses outside the hospital have signed" in said(mine.get(path))


def test_anybody_reads_which_witnesses_are_asked_without_addresses_and_notes(app, browser):
    answer = browser.get("/ledger/policy")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "10.1.2.3" not in answer.text and "operator" not in answer.text
    assert parse_policy(answer.data).witnesses == parse_policy(POLICY.encode()).witnesses
    assert parse_policy(answer.data).groups == parse_policy(POLICY.encode()).groups


def test_the_checkpoint_is_served_with_the_cosignatures_it_has(app, browser, ward, var, hospital):
    ward.person("李明")
    sealed(var, hospital)
    assert len(parse_note(browser.get("/ledger/checkpoint").data).signatures) == 1
    witness(hospital)
    assert [s.name for s in parse_note(browser.get("/ledger/checkpoint").data).signatures][1] == WITNESS.name


def test_the_lag_of_the_quorum_and_of_each_witness_is_measured(app, ward, var, hospital):
    ward.person("李明")
    sealed(var, hospital)
    before = scrape(app)
    assert before["mingzhen_witnessed_size"] == 0 and before["mingzhen_witnessing_lag_seconds"] >= 0
    size = witness(hospital)
    found = scrape(app)
    assert found["mingzhen_witnessed_size"] == size and found["mingzhen_witnessing_lag_seconds"] == 0
    assert found['mingzhen_witness_behind_entries{witness="0"}'] == 0
    assert found['mingzhen_witness_behind_entries{witness="1"}'] == size


def test_a_dead_witness_makes_nothing_unready(app, ward, var, hospital):
    ward.person("李明")
    sealed(var, hospital)
    assert "witness" not in Browser(app).get("/readyz").text


@pytest.mark.parametrize("text", [None, "nonsense\n", "quorum none", "witness a b\nquorum a\n"])
def test_a_policy_that_makes_no_sense_stops_the_start_with_a_sentence(var, clock, text):
    if text is not None:
        (var / "policy").write_text(text, "utf-8")
    with pytest.raises(SettingsRefused, match="WITNESS_POLICY"):
        create_app(settings_in(var, WITNESS_POLICY=str(var / "policy")), clock)


def test_the_ledgers_page_shows_each_witness_of_the_policy_and_what_it_cosigned_last(app, ward, var, hospital):
    ward.person("李明")
    sealed(var, hospital)
    before = app.test_client().get("/ledger/")
    assert before.status_code == 200 and "9月21日" not in before.text and "10.1.2.3" not in before.text
    assert WITNESS.name in before.text and OTHER.name in before.text
    witness(hospital)
    assert "9月21日" in app.test_client().get("/ledger/").text  # the instant that `witness` gives its cosignature
