// What is read back from paper, and what a policy asks for, held against the Python package (tests/test_javascript.py).
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import zlib from "node:zlib";
import { MZ, bytes } from "./verifier.mjs";

const cases = JSON.parse(readFileSync(process.env.RECEIPTS, "utf8"));
const unbase64 = (text) => new Uint8Array(Buffer.from(text, "base64"));
const LIMIT = 1 << 20;

test("what zlib packed is unpacked, at every level and strategy, stored, fixed and dynamic", () => {
  const texts = ["", "a", "abcabcabcabc".repeat(50), "0".repeat(70000), Buffer.from(randomBytes(3000)).toString("base64")];
  for (const text of [...texts.map(bytes), new Uint8Array(randomBytes(70000))]) {
    for (const level of [0, 1, 6, 9]) {
      for (const strategy of [zlib.constants.Z_DEFAULT_STRATEGY, zlib.constants.Z_HUFFMAN_ONLY, zlib.constants.Z_FIXED]) {
        const packed = new Uint8Array(zlib.deflateRawSync(text, { level, strategy }));
        assert.deepEqual(MZ.inflate(packed, LIMIT), new Uint8Array(text));
      }
    }
  }
});

test("what is cut off, goes on, or was damaged is refused, and never takes more than its limit", () => {
  const packed = new Uint8Array(zlib.deflateRawSync(bytes("abcabcabcabc".repeat(50) + "xyz".repeat(9))));
  for (let size = 0; size < packed.length; size += 1) {
    assert.throws(() => MZ.inflate(packed.subarray(0, size), LIMIT), MZ.Malformed);
  }
  assert.throws(() => MZ.inflate(MZ.concat(packed, bytes("x")), LIMIT), MZ.Malformed);
  assert.throws(() => MZ.inflate(packed, 100), MZ.Malformed);
  for (let round = 0; round < 3000; round += 1) {
    const damaged = Uint8Array.from(packed);
    damaged[Math.floor(Math.random() * packed.length)] ^= 1 << Math.floor(Math.random() * 8);
    try {
      MZ.inflate(damaged, 5000);
    } catch (error) {
      assert.ok(error instanceof MZ.Malformed, String(error));
    }
  }
});

test("the digits that Python prints are the receipt again, bare, behind an address, and typed with spaces", () => {
  for (const { receipt, digits } of cases.paper.receipts) {
    const typed = digits.replace(/(.{5})/g, "$1 ");
    for (const text of [digits, `${digits}\n`, `https://hospital.example/verify#${digits}`, typed]) {
      assert.deepEqual(MZ.receiptOfCode(text), unbase64(receipt));
    }
  }
});

test("other texts are no receipts: a telephone number, an address, digits with one missing or changed", () => {
  const { digits, receipt } = cases.paper.receipts[0];
  const others = ["", "13800138000", "https://hospital.example/slips/abc", "c2sp.org/tlog-proof@v1\n", "2" + digits.slice(1), digits + "0"];
  for (const text of [...others, digits.slice(0, -1), "1".repeat(200), "9".repeat(200), "1" + "9".repeat(150)]) {
    assert.equal(MZ.receiptOfCode(text), null, text.slice(0, 50));
  }
  for (let place = 1; place < digits.length; place += 7) {
    const changed = digits.slice(0, place) + ((Number(digits[place]) + 1) % 10) + digits.slice(place + 1);
    const found = MZ.receiptOfCode(changed);
    if (found !== null && !MZ.equal(found, unbase64(receipt))) assert.ok(!MZ.verifyReceipt(found, [cases.key]).ok, String(place));
  }
});

test("a key has the fingerprint here that Python prints on the slip", () => {
  for (const [key, fingerprint] of Object.entries(cases.paper.fingerprints)) {
    assert.equal(MZ.fingerprint(key), fingerprint);
    assert.match(fingerprint, /^([0-9]{5} ){5}[0-9]{5}$/);
  }
});

function verdict(text, receipt) {
  let policy;
  try {
    policy = MZ.parsePolicy(text);
  } catch (error) {
    assert.ok(error instanceof MZ.Malformed, String(error));
    return "malformed";
  }
  const result = MZ.verifyReceipt(receipt, [cases.key], { policy });
  assert.ok(result.isSealed);
  if (result.ok) return result.isWitnessed ? "witnessed" : "sealed";
  const [last] = result.steps.slice(-1);
  assert.equal(last.name, "witnesses");
  return last.isAccepted ? "witnesses" : "policy";
}

test("policies are read, refused, met and not met as in Python", () => {
  for (const { text, receipt, state } of cases.policies) {
    assert.equal(verdict(text, unbase64(receipt)), state, text);
  }
});

test("when a witness cosigned is read from its line", () => {
  const { receipt, witnessKey } = cases.witnessed;
  const [cosigner] = MZ.verifyReceipt(unbase64(receipt), [cases.key, witnessKey]).steps[4].cosigners;
  assert.deepEqual([cosigner.name, cosigner.at], ["w.example", 1767139200]);
});

test("a proof of somebody else's log is checked against the record it is of, and says so without one", () => {
  const record = bytes("go.sum of example.com/module v1.0.0\n");
  const mine = unbase64(cases.good[0].receipt);
  const proof = MZ.parseReceipt(mine);
  for (const extra of [new Uint8Array(0), bytes("something of theirs")]) {
    const theirs = MZ.utf8(MZ.formatReceipt({ ...proof, extra }));
    assert.ok(MZ.isProofOfOthers(theirs));
    assert.ok(!MZ.verifyReceipt(theirs, [cases.key]).ok);
    const entry = MZ.verifyReceipt(mine, [cases.key]).entry;
    assert.ok(MZ.verifyReceipt(theirs, [cases.key], { record: entry }).ok);
    const failed = MZ.verifyReceipt(theirs, [cases.key], { record }).steps.filter((step) => !step.ok);
    assert.deepEqual(failed.map((step) => step.name), ["fingerprint", "path"]);
  }
  assert.ok(!MZ.isProofOfOthers(mine));
  assert.ok(!MZ.isProofOfOthers(bytes("hello\n")));
});

test("the browser's own answers are taken where it gives them, good and bad, and asked for once each", async () => {
  const { receipt, forged, witnessKey } = cases.witnessed;
  globalThis.isSecureContext = true;
  for (const [data, ok] of [[receipt, true], [forged, false]]) {
    const keys = MZ.keysFor([cases.key, witnessKey], null);
    assert.equal(MZ.questionsOf(unbase64(data), keys).length, 2);
    await new Promise((done) => MZ.foresee(unbase64(data), keys, done));
    const compute = MZ.isOnCurve;
    MZ.isOnCurve = () => assert.fail("the browser had answered");
    try {
      assert.equal(MZ.verifyReceipt(unbase64(data), [cases.key, witnessKey]).ok, ok);
    } finally {
      MZ.isOnCurve = compute;
    }
  }
});

test("without an answer of the browser's the check goes on at once", () => {
  globalThis.isSecureContext = false;
  let calls = 0;
  MZ.foresee(unbase64(cases.good[0].receipt), MZ.keysFor([cases.key], null), () => (calls += 1));
  assert.equal(calls, 1);
});
