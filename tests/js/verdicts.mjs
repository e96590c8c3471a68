// Answers, line by line, what the scripts of the page say of a receipt: for tests/test_verdicts.py, which asks the ledger too.
import readline from "node:readline";
import { MZ } from "./verifier.mjs";

const decoded = (text) => new Uint8Array(Buffer.from(text, "base64"));

// What people hand in and is malformed is refused; anything else that is thrown is a fault of ours, and is said.
function attempt(step) {
  try {
    return step();
  } catch (error) {
    if (error instanceof MZ.Malformed) return null;
    throw error;
  }
}

function verdict(question) {
  if (question.digits !== undefined) {
    const file = MZ.receiptOfCode(question.digits);
    return file ? Buffer.from(file).toString("base64") : null;
  }
  const given = question.policy === undefined ? null : attempt(() => MZ.parsePolicy(question.policy));
  if (question.policy !== undefined && given === null) return "malformed policy";
  const result = attempt(() => MZ.verifyReceipt(decoded(question.receipt), question.keys, { policy: given }));
  if (result === null) return "malformed key";
  return result.ok ? (result.isWitnessed ? "witnessed" : "sealed") : "refused";
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  let answer;
  try {
    answer = { verdict: verdict(JSON.parse(line)) };
  } catch (error) {
    answer = { fault: String(error.stack) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
