// Completeness between receipts, held against ledger/chain.py on chains that were damaged at random (tests/test_javascript.py).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { MZ, bytes } from "./verifier.mjs";

const cases = JSON.parse(readFileSync(process.env.RECEIPTS, "utf8"));
const unbase64 = (text) => new Uint8Array(Buffer.from(text, "base64"));

test("what is removed, doubled, reordered or changed is named here as in Python", () => {
  assert.ok(cases.chains.length > 100);
  for (const { links, healings, found } of cases.chains) {
    const here = MZ.checkChains(links, healings).map(({ subject, first, last, held, isComplete, findings }) => ({
      subject, first, last, held, isComplete, findings: findings.map((one) => [one.kind, one.first, one.last])
    }));
    assert.deepEqual(here, found, JSON.stringify(links));
  }
});

test("a receipt says its place, and what the next one has to say: SHA-256 of label, own salt and entry", () => {
  const { receipt, own } = cases.good.find((one) => one.own);
  const data = unbase64(receipt);
  const result = MZ.verifyReceipt(data, [cases.key]);
  assert.equal(MZ.linkOf("r", result, data), null, "this event of the tests states no subject");
  const whole = { ...result, own: { ...own, subject: "Li", prev: "0".repeat(64), seq: 1 } };
  const link = MZ.linkOf("r", whole, data);
  const { ownSalt } = MZ.parseExtra(MZ.parseReceipt(data).extra);
  assert.equal(link.nextPrev, MZ.hex(MZ.sha256(bytes("mingzhen.chain.v1\n"), ownSalt, result.entry)));
  assert.deepEqual([link.subject, link.seq, link.index], ["Li", 1, result.index]);
});

test("a notice of a restore is read, and nothing else passes for one", () => {
  const origin = "log.example";
  const notice = (detail, type = "log.healed") => ({ open: { type }, own: { detail }, index: 90, checkpoint: { origin } });
  assert.deepEqual(MZ.healingOf(notice({ from: 3, to: 9 })), { origin, start: 3, end: 9 });
  const others = [notice({ from: 3, to: 9 }, "log.succeeded"), notice({ from: 9, to: 3 }), notice({ from: 3, to: 91 }), notice({}), notice({ from: "3", to: 9 })];
  for (const other of others) assert.equal(MZ.healingOf(other), null);
});
