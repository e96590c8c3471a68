// The verifier as a page loads it: classic scripts, in the order of templates/components/receipt_check.html.
import { readFileSync } from "node:fs";
import vm from "node:vm";

export const root = new URL("../../", import.meta.url);

globalThis.self = globalThis;

export function filesOfTheCheck() {
  const template = readFileSync(new URL("templates/components/receipt_check.html", root), "utf8");
  return [...template.matchAll(/"((?:vendor|js)\/[\w./-]+\.js)"/g)].map((match) => match[1]);
}

for (const file of filesOfTheCheck().filter((name) => !name.startsWith("js/receipt-"))) {
  vm.runInThisContext(readFileSync(new URL(`static/${file}`, root), "utf8"), { filename: file });
}

export const MZ = globalThis.MZ;
export const bytes = (text) => new TextEncoder().encode(text);
export const hex = (text) => new Uint8Array(Buffer.from(text, "hex"));
