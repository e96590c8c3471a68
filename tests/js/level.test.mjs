import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import test from "node:test";
import { filesOfTheCheck, root } from "./verifier.mjs";

const acorn = createRequire(import.meta.url)("acorn");

function parse(file, ecmaVersion, sourceType) {
  acorn.parse(readFileSync(new URL(file, root), "utf8"), { ecmaVersion, sourceType });
}

function scriptsBelow(folder) {
  return readdirSync(new URL(folder, root), { recursive: true })
    .filter((name) => name.endsWith(".js"))
    .map((name) => folder + name);
}

function scriptsOfTheCheck() {
  const around = ["check", "ended", "input", "many", "view"].map((name) => `static/js/receipt-${name}.js`);
  return [...scriptsBelow("static/js/verify/"), ...around];
}

test("the check of receipts is ES2015 in classic scripts: old phones read it, and pages saved to disk run it", () => {
  const files = filesOfTheCheck().map((name) => `static/${name}`);
  const ours = scriptsOfTheCheck();
  assert.ok(ours.length >= 9);
  for (const file of ours) {
    assert.ok(files.includes(file), `${file} is loaded by no page`);
  }
  for (const file of files) {
    assert.ok(existsSync(new URL(file, root)), file);
    assert.doesNotThrow(() => parse(file, 2015, "script"), file);
  }
});

test("every other script of ours is ES2018, what the web views of 2019 read", () => {
  for (const file of scriptsBelow("static/js/")) {
    assert.doesNotThrow(() => parse(file, 2018, "module"), file);
  }
});

test("a page in a browser without crypto.subtle, BigInt or TextDecoder can check receipts", () => {
  const mayBeMissing = "static/js/verify/native.js"; // it asks what is there, and nothing needs its answer
  for (const file of scriptsOfTheCheck()) {
    if (file === mayBeMissing) continue;
    const code = readFileSync(new URL(file, root), "utf8").replace(/\/\*[^]*?\*\//g, "");
    assert.doesNotMatch(code, /\b(subtle|BigInt|TextDecoder|TextEncoder|globalThis|fetch\(|innerHTML)\b/, file);
  }
});
