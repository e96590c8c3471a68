// Who goes on for a log that ended: the same notes are believed here as by the Python package, and read alike.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { MZ } from "./verifier.mjs";

const { successors, key, otherKey } = JSON.parse(readFileSync(process.env.RECEIPTS, "utf8"));

test("exactly the notes that Python believes are believed", () => {
  assert.ok(successors.length > 100);
  for (const { note, size } of successors) {
    const said = MZ.readSuccessor(note, key);
    assert.equal(said && said.size, size, note);
  }
});

test("it says the key that goes on, why, and where if that is said", () => {
  const [here, nowhere] = successors.map(({ note }) => MZ.readSuccessor(note, key));
  assert.deepEqual([here.key.split("+")[0], here.reason, here.address], ["log.example/two", "restored", "https://hospital.example/ledger/"]);
  assert.equal(nowhere.address, "");
});

test("nobody but the last key of the log that ended can say it", () => {
  assert.equal(MZ.readSuccessor(successors[0].note, otherKey), null);
  assert.equal(MZ.readSuccessor(successors[0].note, "no key"), null);
});
