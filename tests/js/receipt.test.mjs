// Receipts made by the Python package, good and bad, with its verdict on each: tests/test_javascript.py writes the file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { MZ } from "./verifier.mjs";

const cases = JSON.parse(readFileSync(process.env.RECEIPTS, "utf8"));
const unbase64 = (text) => new Uint8Array(Buffer.from(text, "base64"));

function stepsOf(result) {
  return Object.fromEntries(result.steps.map((step) => [step.name, step.ok]));
}

test("every receipt that Python accepts is accepted here, and says the same", () => {
  assert.ok(cases.good.length > 0);
  for (const { receipt, open, own, index, size, entry } of cases.good) {
    const result = MZ.verifyReceipt(unbase64(receipt), [cases.key]);
    assert.ok(result.ok, JSON.stringify(stepsOf(result)));
    assert.deepEqual(result.open, open);
    assert.deepEqual(result.own, own);
    assert.equal(MZ.hex(result.entry), entry);
    assert.equal(result.index, index);
    assert.equal(result.checkpoint.size, size);
  }
});

test("every receipt that Python refuses is refused here", () => {
  assert.ok(cases.bad.length > 0);
  for (const { why, receipt } of cases.bad) {
    assert.ok(!MZ.verifyReceipt(unbase64(receipt), [cases.key]).ok, why);
  }
});

for (const { name, receipt, accepted } of cases.flips) {
  test(`of all receipts with one bit flipped, ${name}, exactly those pass that Python passes`, () => {
    const original = unbase64(receipt);
    const passed = [];
    for (let bit = 0; bit < 8 * original.length; bit += 1) {
      original[bit >> 3] ^= 1 << (bit & 7);
      if (MZ.verifyReceipt(original, [cases.key]).ok) passed.push(bit);
      original[bit >> 3] ^= 1 << (bit & 7);
    }
    assert.deepEqual(passed, accepted);
  });
}

test("a receipt passes with any of several keys of its log, and with none but another's it does not", () => {
  const receipt = unbase64(cases.good[0].receipt);
  assert.ok(MZ.verifyReceipt(receipt, [cases.otherKey, cases.key]).ok);
  const result = MZ.verifyReceipt(receipt, [cases.otherKey]);
  assert.deepEqual(stepsOf(result), { form: true, event: true, fingerprint: true, path: true, signature: false });
  assert.equal(result.steps[4].key, null);
  assert.ok(!MZ.verifyReceipt(receipt, []).ok);
});

test("a witness beside the log is counted when its key is given, and its forged line refuses the receipt", () => {
  const { receipt, forged, witnessKey } = cases.witnessed;
  const alone = MZ.verifyReceipt(unbase64(receipt), [cases.key]);
  assert.deepEqual([alone.ok, alone.steps[4].witnesses, alone.steps[4].unknown], [true, 0, 1]);
  const both = MZ.verifyReceipt(unbase64(receipt), [cases.key, witnessKey]);
  assert.deepEqual([both.ok, both.steps[4].witnesses, both.steps[4].unknown], [true, 1, 0]);
  assert.ok(MZ.verifyReceipt(unbase64(forged), [cases.key]).ok);
  assert.ok(!MZ.verifyReceipt(unbase64(forged), [cases.key, witnessKey]).ok);
  assert.ok(!MZ.verifyReceipt(unbase64(receipt), [witnessKey]).ok, "a witness is not the log");
});

test("changing one byte fails at the step that this byte is for, wherever the change falls", () => {
  const failing = { event: "path", own: "path", salt: "path", path: "path", root: "path", signature: "signature" };
  for (const { receipt } of cases.good.filter((_, i) => i % 5 === 0)) {
    const bytes = unbase64(receipt);
    const seen = new Set();
    for (let turn = 0; turn < 12; turn += 1) {
      const change = MZ.tamper(bytes, turn, (turn * 0.37) % 1);
      const result = MZ.verifyReceipt(change.bytes, [cases.key]);
      const failed = result.steps.find((step) => !step.ok && step.name !== "fingerprint");
      assert.equal(failed && failed.name, failing[change.part], `${change.part} ${change.place}`);
      assert.equal(result.steps[4].ok, !["root", "signature"].includes(change.part));
      assert.notEqual(change.before, change.after);
      seen.add(change.part);
    }
    const wanted = ["event", "salt", "root", "signature"];
    const result = MZ.verifyReceipt(bytes, [cases.key]);
    if (result.own) wanted.push("own");
    if (result.steps[3].steps > 0) wanted.push("path");
    assert.deepEqual([...seen].sort(), wanted.sort());
    assert.deepEqual(bytes, unbase64(receipt), "the receipt itself stays as it was");
  }
});

test("the first change moves the time of the event by one minute", () => {
  const { receipt, open } = cases.good[0];
  const change = MZ.tamper(unbase64(receipt), 0, 0.99);
  const changed = MZ.verifyReceipt(change.bytes, [cases.key]).open.at;
  assert.equal(Math.abs(Date.parse(changed) - Date.parse(open.at)), 60000);
  assert.equal(`${change.left}${change.before}${change.right}`.includes(open.at.slice(5, 16)), true);
});
