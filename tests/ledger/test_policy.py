"""Policies: the example of the specification, and what may not stand in one."""

import base64
import itertools

import pytest

from ledger.errors import MalformedPolicy
from ledger.note import ED25519_COSIGNATURE, SigningKey
from ledger.policy import is_met, parse_policy

LOG = SigningKey("log.example", bytes(32)).verifier_key
KEYS = {
    name: SigningKey(f"w.example/{name}", bytes([i]) * 32, ED25519_COSIGNATURE).verifier_key
    for i, name in enumerate(["X1", "X2", "X3", "Y1", "Y2", "Y3"], start=1)
}
X1, X2 = KEYS["X1"].format(), KEYS["X2"].format()
WITNESSES = "".join(f"witness {name} {key.format()}\n" for name, key in KEYS.items())
EXAMPLE = (  # c2sp.org/tlog-policy, "Example policy"
    f"log {LOG.format()}\n\n{WITNESSES}"
    "group X-witnesses 2 X1 X2 X3\n"
    "group Y-witnesses any Y1 Y2 Y3\n\n"
    "group X-and-Y all X-witnesses Y-witnesses\n"
    "quorum X-and-Y\n"
)


def test_the_example_of_the_specification_asks_for_two_of_x_and_one_of_y():
    policy = parse_policy(EXAMPLE.encode())
    assert policy.logs == (LOG,)
    assert policy.asks_for_witnesses
    for count in range(7):
        for names in itertools.combinations(KEYS, count):
            enough = sum(name[0] == "X" for name in names) >= 2 and any(name[0] == "Y" for name in names)
            assert is_met(policy, {KEYS[name] for name in names}) is enough


def test_a_quorum_may_be_one_witness_or_none():
    assert is_met(parse_policy(b"quorum none\n"), set())
    assert not parse_policy(b"quorum none\n").asks_for_witnesses
    one = parse_policy(f"witness X1 {X1}\nquorum X1\n".encode())
    assert is_met(one, {KEYS["X1"]})
    assert not is_met(one, {KEYS["X2"]})
    assert not is_met(one, set())


def test_comments_spaces_addresses_and_names_in_any_encoding_are_read():
    text = (
        "# a comment\r\n".replace("\r", "")
        + f" \t\n\t#\n  witness\t\u536b\u5065\u59d4  {X1}\thttps://w.example/ \nquorum \u536b\u5065\u59d4\n"
    )
    assert is_met(parse_policy(text.encode()), {KEYS["X1"]})
    assert is_met(parse_policy(f"witness \xff {X1}\nquorum \xff\n".encode("latin-1")), {KEYS["X1"]})


def test_a_witness_whose_kind_of_key_we_cannot_check_never_counts():
    modern = f"m.example+00000000+{base64.b64encode(bytes([6]) + bytes(1312)).decode()}"
    policy = parse_policy(f"witness M {modern}\nwitness X1 {X1}\ngroup both all M X1\nquorum both\n".encode())
    assert not is_met(policy, set(KEYS.values()))


def test_many_logs_witnesses_and_groups_are_read():
    keys = [SigningKey.generate(f"w{i}", ED25519_COSIGNATURE).verifier_key for i in range(32)]
    lines = [f"log {SigningKey.generate(f'l{i}').verifier_key.format()}" for i in range(32)]
    lines += [f"witness w{i} {key.format()}" for i, key in enumerate(keys)]
    lines += [f"group g{i} all w{i}" for i in range(32)]
    lines += [f"group top 32 {' '.join(f'g{i}' for i in range(32))}", "quorum top"]
    policy = parse_policy(("\n".join(lines) + "\n").encode())
    assert is_met(policy, set(keys))
    assert not is_met(policy, set(keys[1:]))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no quorum"),
        ("# nothing\n", "no quorum"),
        ("quorum none", "does not end"),
        ("quorum none\nquorum none\n", "line 2: a second quorum"),
        ("quorum X1\n", "defines 'X1'"),
        (f"quorum X1\nwitness X1 {X1}\n", "line 1: no line above"),
        (f"witness X1 {X1}\nwitness X1 {X2}\nquorum none\n", "line 2: the name 'X1' is taken"),
        (f"witness none {X1}\nquorum none\n", "taken"),
        (f"witness X1 {X1}\nwitness X2 {X1}\nquorum none\n", "line 2: the same key"),
        (f"log {LOG.format()}\nlog {LOG.format()}\nquorum none\n", "the same key"),
        (f"log {X1}\nquorum none\n", "kind 0x04"),
        (f"witness X1 {LOG.format()}\nquorum none\n", "kind 0x01"),
        ("log nonsense\nquorum none\n", "line 1: a key reads"),
        (f"witness X1 {X1}\ngroup g any\nquorum none\n", "0 members"),
        (f"witness X1 {X1}\ngroup g all\nquorum none\n", "0 of 0"),
        (f"witness X1 {X1}\ngroup g 0 X1\nquorum none\n", "a group needs"),
        (f"witness X1 {X1}\ngroup g 2 X1\nquorum none\n", "2 of 1"),
        (f"witness X1 {X1}\ngroup g 01 X1\nquorum none\n", "a group needs"),
        (f"witness X1 {X1}\ngroup g any X1 X1\nquorum none\n", "a member already"),
        (f"witness X1 {X1}\ngroup g any X1\ngroup h any X1\nquorum none\n", "a member already"),
        (f"witness X1 {X1}\ngroup g any none\nquorum none\n", "defines 'none'"),
        (f"witness X1 {X1}\ngroup g any g\nquorum none\n", "defines 'g'"),
        (f"witness X1 {X1}\ngroup X1 any X1\nquorum none\n", "taken"),
        ("group g\nquorum none\n", "not a log"),
        ("quorum\n", "not a log"),
        ("Quorum none\n", "not a log"),
        ("quorum none \x00\n", "control character"),
        ("quorum none\r\n", "control character"),
        (f"witness X1 {X1} https://a https://b\nquorum none\n", "not a log"),
        ("#" * 1_000_001, "longer"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_line(text, why):
    with pytest.raises(MalformedPolicy, match=why):
        parse_policy(text.encode())
