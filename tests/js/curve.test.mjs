// Our way through the curve answers as tweetnacl does, on good signatures, changed ones and whatever else looks like one.
import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import test from "node:test";
import { MZ, bytes, hex } from "./verifier.mjs";

const theirs = (key, message, signature) => self.nacl.sign.detached.verify(message, signature, key);

function signed(size) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-32));
  const message = new Uint8Array(randomBytes(size));
  return [key, message, new Uint8Array(sign(null, message, privateKey))];
}

test("signatures of OpenSSL's are good, at every length around a block, and bad with any part changed", () => {
  for (const size of [0, 1, 63, 64, 65, 127, 200, 1000]) {
    const parts = signed(size);
    assert.ok(MZ.isOnCurve(...parts));
    parts.forEach((part, which) => {
      if (part.length === 0) return;
      for (let turn = 0; turn < 4; turn += 1) {
        const changed = parts.map((other) => Uint8Array.from(other));
        changed[which][Math.floor(Math.random() * part.length)] ^= 1 << Math.floor(Math.random() * 8);
        if (MZ.hex(changed[2].subarray(32)) !== MZ.hex(parts[2].subarray(32)) && changed[2][63] > 0x10) continue;
        assert.equal(MZ.isOnCurve(...changed), theirs(...changed));
        assert.ok(!MZ.isOnCurve(...changed));
      }
    });
  }
});

test("on random bytes, on points of small order and on encodings that no point has, it answers as tweetnacl", () => {
  const odd = [
    "00".repeat(32), "01" + "00".repeat(31), "ec" + "ff".repeat(30) + "7f", "ee" + "ff".repeat(30) + "7f", "ff".repeat(32),
    "0100000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "58" + "66".repeat(31)
  ].map(hex);
  const scalars = [new Uint8Array(32), hex("01" + "00".repeat(31)), new Uint8Array(randomBytes(31).toString("hex").match(/../g).map((b) => parseInt(b, 16)).concat(0x0f))];
  for (const key of [...odd, new Uint8Array(randomBytes(32))]) {
    for (const r of odd.slice(0, 8)) {
      for (const s of scalars) {
        const signature = MZ.concat(r, s);
        assert.equal(MZ.isOnCurve(key, bytes("m"), signature), theirs(key, bytes("m"), signature), MZ.hex(MZ.concat(key, signature)));
      }
    }
  }
});

test("the vectors of RFC 8032, 7.1, hold", () => {
  const vectors = [
    ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "", "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"],
    ["3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72", "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"],
    ["fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82", "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"]
  ];
  for (const [key, message, signature] of vectors) {
    assert.ok(MZ.isOnCurve(hex(key), hex(message), hex(signature)));
  }
});
