import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import test from "node:test";
import { MZ, bytes, hex } from "./verifier.mjs";

test("SHA-256 gives the values of NIST (FIPS 180-4 examples)", () => {
  const known = {
    "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    abc: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq:
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ["a".repeat(1000000)]: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
  };
  for (const [text, digest] of Object.entries(known)) {
    assert.equal(MZ.hex(MZ.sha256(bytes(text))), digest);
  }
});

test("SHA-256 agrees with OpenSSL at every length around its blocks", () => {
  for (let size = 0; size <= 200; size += 1) {
    const message = new Uint8Array(randomBytes(size));
    assert.equal(MZ.hex(MZ.sha256(message)), createHash("sha256").update(message).digest("hex"));
  }
});

test("SHA-256 of several parts is that of the whole", () => {
  assert.deepEqual(MZ.sha256(bytes("ab"), bytes(""), bytes("c")), MZ.sha256(bytes("abc")));
});

test("base64 is read back as it was written, at every length", () => {
  for (let size = 0; size <= 100; size += 1) {
    const value = new Uint8Array(randomBytes(size));
    const text = Buffer.from(value).toString("base64");
    assert.equal(MZ.formatBase64(value), text);
    assert.deepEqual(MZ.parseBase64(text), value);
  }
});

test("base64 has one spelling", () => {
  for (const text of ["YWJ=", "YWI", "YWI==", "YW I=", "YWI=\n", "YWI-", "=", "A", "YWJj=", "====", "YQ=="]) {
    const canonical = text === "YQ==";
    assert[canonical ? "doesNotThrow" : "throws"](() => MZ.parseBase64(text), MZ.Malformed, text);
  }
});

test("numbers are plain decimal up to 2^53 - 1", () => {
  assert.equal(MZ.parseDecimal("0"), 0);
  assert.equal(MZ.parseDecimal("9007199254740991"), Number.MAX_SAFE_INTEGER);
  for (const text of ["", "007", "-5", "+5", "1e3", " 1", "1_0", "٣", "9007199254740992", "0x10", "1.0"]) {
    assert.throws(() => MZ.parseDecimal(text), MZ.Malformed, text);
  }
});

test("UTF-8 is read strictly", () => {
  for (const text of ["", "abc", "签到 — é 𠮷", "\u0000\u007f\u0080\u07ff\u0800\uffff\u{10ffff}"]) {
    assert.deepEqual(MZ.utf8(text), bytes(text));
    assert.equal(MZ.parseUTF8(bytes(text)), text);
  }
  for (const bad of ["80", "c0af", "e0809f", "eda080", "f08080af", "f4908080", "e4b8", "ff", "c3"]) {
    assert.throws(() => MZ.parseUTF8(hex(bad)), MZ.Malformed, bad);
  }
  for (const lone of ["\ud800", "a\udc00b", "\ud800\ud800"]) {
    assert.throws(() => MZ.utf8(lone), MZ.Malformed);
  }
});

test("JSON is read in the one form of RFC 8785", () => {
  const good = [
    "{}",
    '{"":0,"a":[1,-2,true,false,null],"b":"签到 𠮷 \\n\\u0001\\"\\\\/\u007f"}',
    '{"\\r":1,"1":2,"\u0080":3,"ö":4,"€":5,"😀":6,"\ufb33":7}', // the sorting example of RFC 8785, 3.2.3
    '{"10":1,"9":2,"__proto__":{"a":1}}',
    '{"n":9007199254740991}'
  ];
  for (const text of good) {
    assert.equal(MZ.formatJSON(MZ.parseJSON(bytes(text))), text);
  }
  const bad = [
    "", "{", "null", "[]", '"a"', "1", '{ }', '{"a":1 }', '{"b":1,"a":2}', '{"a":1,"a":1}', '{"a":1.0}', '{"a":1.5}',
    '{"a":-0}', '{"a":1e2}', '{"a":01}', '{"a":1e+21}', '{"a":9007199254740992}', '{"a":"\\u0041"}', '{"a":"\\/"}',
    '{"a":"\\ud800"}', '{"a":"\\u001F"}', '\ufeff{}', '{"😀":6,"\ufb33":7,"€":5}', '{"a":NaN}',
    `{"a":${"[".repeat(33)}${"]".repeat(33)}}`, `{"a":${"[".repeat(9999)}${"]".repeat(9999)}}`
  ];
  for (const text of bad) {
    assert.throws(() => MZ.parseJSON(bytes(text)), MZ.Malformed, text.slice(0, 50));
  }
});
