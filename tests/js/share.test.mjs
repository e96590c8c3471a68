// A shared link: what it says, and that only what was sealed for it opens.
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import test from "node:test";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { openSealed, parseDocument, parseLink } from "../../static/js/share-link.js";

if (!globalThis.crypto) globalThis.crypto = webcrypto;

const ORIGIN = "https://hospital.example";
const KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString("base64url");
const SAID = { url: `${ORIGIN}/fhir/shl/${"A".repeat(43)}`, flag: "P", key: KEY, exp: 1795420800, label: "给张医生", v: 1 };
const inflate = (bytes, limit) => inflateRawSync(bytes, { maxOutputLength: limit });

function linkOf(said) {
  return `shlink:/${Buffer.from(JSON.stringify(said)).toString("base64url")}`;
}

async function sealed(text, header = { alg: "dir", enc: "A256GCM", zip: "DEF", cty: "application/fhir+json" }) {
  const first = Buffer.from(JSON.stringify(header)).toString("base64url");
  const key = await crypto.subtle.importKey("raw", Buffer.from(KEY, "base64url"), "AES-GCM", false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const plain = header.zip ? deflateRawSync(Buffer.from(text)) : Buffer.from(text);
  const both = Buffer.from(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: Buffer.from(first) }, key, plain));
  return [first, "", Buffer.from(iv).toString("base64url"), both.subarray(0, -16).toString("base64url"), both.subarray(-16).toString("base64url")].join(".");
}

function why(run) {
  try {
    run();
  } catch (error) {
    return error.why;
  }
  return "nothing";
}

test("a link says what it was made with, before a viewer's address or without one", () => {
  for (const before of ["#", "", "#x&"]) assert.deepEqual(parseLink(before + linkOf(SAID), ORIGIN), { url: SAID.url, key: KEY, flag: "P", exp: 1795420800, label: "给张医生" });
});

test("what is no link of ours is told apart", () => {
  const wrong = {
    "": "no_link", "#": "no_link", "#hello": "bad_link", "#shlink:/": "bad_link", "#shlink:/!!": "bad_link", "#shlink:/AAAA": "bad_link",
    [`#${linkOf(SAID).slice(0, -9)}`]: "bad_link", [`#${linkOf(null)}`]: "bad_link", [`#${linkOf({ ...SAID, v: 2 })}`]: "newer",
    [`#${linkOf({ ...SAID, key: "short" })}`]: "bad_link", [`#${linkOf({ ...SAID, url: "nowhere" })}`]: "bad_link",
    [`#${linkOf({ ...SAID, url: "https://evil.example/x" })}`]: "elsewhere", [`#${linkOf({ ...SAID, url: "javascript:alert(1)" })}`]: "elsewhere",
    [`#${linkOf({ ...SAID, url: `${ORIGIN}.evil.example/x` })}`]: "elsewhere"
  };
  for (const [fragment, word] of Object.entries(wrong)) assert.equal(why(() => parseLink(fragment, ORIGIN)), word, fragment);
});

test("what was sealed opens with the link's key, packed or not", async () => {
  assert.equal(await openSealed(await sealed('{"a":"中"}'), KEY, inflate), '{"a":"中"}');
  assert.equal(await openSealed(await sealed("plain", { alg: "dir", enc: "A256GCM" }), KEY, inflate), "plain");
});

test("one changed character anywhere is refused, and so are another key and another way of sealing", async () => {
  const good = await sealed("content of a person");
  for (let place = 0; place < good.length; place += 3) {
    const other = good[place] === "A" ? "B" : "A";
    await assert.rejects(openSealed(good.slice(0, place) + other + good.slice(place + 1), KEY, inflate), (e) => e.why === "unreadable" || e.why === "bad_link", String(place));
  }
  await assert.rejects(openSealed(good, "B".repeat(43), inflate), { why: "unreadable" });
  for (const header of [{ alg: "none", enc: "A256GCM" }, { alg: "dir", enc: "A128GCM" }, { alg: "dir", enc: "A256GCM", zip: "GZ" }]) {
    await assert.rejects(openSealed(await sealed("x", header), KEY, inflate), { why: "unreadable" });
  }
  for (const text of ["", "a.b.c", "....", "x".repeat(99)]) await assert.rejects(openSealed(text, KEY, inflate), { why: "unreadable" });
});

test("a document that would unpack to more than there is room for is refused", async () => {
  await assert.rejects(openSealed(await sealed("0".repeat(5 * 1024 * 1024)), KEY, inflate), { why: "unreadable" });
});

test("numbers keep the places that they were measured to, and texts with numbers in them stay as they are", () => {
  assert.deepEqual(parseDocument('{"value":6.10,"low":-3.9e+1,"t":"a 6.10 \\" 7","l":[1,2.50,"3"],"b":true,"n":null}'), { value: "6.10", low: "-3.9e+1", t: 'a 6.10 " 7', l: ["1", "2.50", "3"], b: true, n: null });
});
