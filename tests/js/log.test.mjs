import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { MZ, bytes, hex, root } from "./verifier.mjs";

const vectors = JSON.parse(readFileSync(new URL("tests/vectors/ledger.json", root), "utf8"));

function treeOf(leaves) {
  if (leaves.length === 1) return MZ.leafHash(leaves[0]);
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return MZ.nodeHash(treeOf(leaves.slice(0, half)), treeOf(leaves.slice(half)));
}

function pathOf(index, leaves) {
  if (leaves.length === 1) return [];
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return index < half
    ? [...pathOf(index, leaves.slice(0, half)), treeOf(leaves.slice(half))]
    : [...pathOf(index - half, leaves.slice(half)), treeOf(leaves.slice(0, half))];
}

function keyPair(name, type) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-32));
  const typeAndKey = MZ.concat(new Uint8Array([type]), raw);
  const id = MZ.hex(MZ.sha256(bytes(`${name}\n`), typeAndKey).subarray(0, 4));
  return { vkey: `${name}+${id}+${MZ.formatBase64(typeAndKey)}`, id, name, privateKey, raw };
}

test("notes signed by others are accepted, and refused with a bit of any byte of the signature flipped", () => {
  for (const { vkey, text, signature_line: line } of vectors.signed_note) {
    const key = MZ.parseKey(vkey);
    const note = MZ.parseNote(`${text}\n${line}`);
    assert.equal(note.text, text);
    assert.deepEqual(MZ.checkSignatures(note, [key]), { good: [key], bad: [], unknown: 0 });
    const { bytes: signature } = note.signatures[0];
    for (let i = 0; i < signature.length; i += 1) {
      signature[i] ^= 1 << i % 8;
      assert.deepEqual(MZ.checkSignatures(note, [key]), { good: [], bad: [key], unknown: 0 });
      signature[i] ^= 1 << i % 8;
    }
  }
});

test("a note has one spelling of its lines", () => {
  const { text, signature_line: line } = vectors.signed_note[0];
  const good = `${text}\n${line}`;
  const bad = [
    text, `${text}${line}`, good.slice(0, -1), `${good}\n`, good.replace("— ", "- "), good.replace("— ", "—\u00a0"),
    good.replace(" x08", "  x08"), good.replace("PeterNeumann", ""), good.replace("PeterNeumann", "a+b"),
    good.replace("PeterNeumann", "a\u2003b"), good.replace("\n", "\r\n"), good.replace("\n", "\u000b"), good.replace("=\n", "\n"),
    good.replace(/ x08.*\n$/, " AAAA\n")
  ];
  assert.doesNotThrow(() => MZ.parseNote(good));
  for (const note of bad) {
    assert.throws(() => MZ.parseNote(note), MZ.Malformed, JSON.stringify(note));
  }
  assert.throws(() => MZ.parseNote(good + line.repeat(100)), MZ.Malformed);
});

test("a verifier key that lost or changed a character is refused", () => {
  const { vkey } = vectors.signed_note[1];
  assert.equal(MZ.parseKey(vkey).name, "example.com/foo");
  for (const { vkey: other, type } of vectors.key_ids) {
    assert.equal(MZ.parseKey(other).type, type);
  }
  for (let i = 0; i < vkey.length; i += 1) {
    assert.throws(() => MZ.parseKey(vkey.slice(0, i) + vkey.slice(i + 1)), MZ.Malformed);
    const other = vkey[i] === "A" ? "B" : "A";
    assert.throws(() => MZ.parseKey(vkey.slice(0, i) + other + vkey.slice(i + 1)), MZ.Malformed);
  }
});

test("a signature has no twin with S above the order of the group (RFC 8032, 5.1.7)", () => {
  const key = keyPair("log", 1);
  const signature = new Uint8Array(sign(null, bytes("m"), key.privateKey));
  assert.ok(MZ.isEd25519(key.raw, bytes("m"), signature));
  const order = (1n << 252n) + 27742317777372353535851937790883648493n;
  let s = BigInt(`0x${MZ.hex(signature.slice(32).reverse())}`) + order;
  const twin = Uint8Array.from(signature);
  for (let i = 32; i < 64; i += 1, s >>= 8n) twin[i] = Number(s & 255n);
  assert.ok(self.nacl.sign.detached.verify(bytes("m"), twin, key.raw), "tweetnacl alone would take it");
  assert.ok(!MZ.isEd25519(key.raw, bytes("m"), twin));
});

test("the cosignature of a witness is checked with its time", () => {
  const [known] = vectors.cosignature_v1;
  const line = `— ${MZ.parseKey(known.vkey).name} ${known.signature_base64}\n`;
  const key = MZ.parseKey(known.vkey);
  const note = MZ.parseNote(`${known.checkpoint_text}\n${line}`);
  assert.deepEqual(MZ.checkSignatures(note, [key]).good, [key]);
  note.signatures[0].bytes[7] ^= 1; // the time
  assert.deepEqual(MZ.checkSignatures(note, [key]).bad, [key]);
});

test("roots are those of the certificate-transparency reference tree", () => {
  const leaves = vectors.merkle.leaves_hex.map(hex);
  for (let size = 1; size <= leaves.length; size += 1) {
    const wanted = vectors.merkle.roots_hex_by_size[size];
    for (let index = 0; index < size; index += 1) {
      const path = pathOf(index, leaves.slice(0, size));
      assert.equal(MZ.hex(MZ.rootOf(index, size, MZ.leafHash(leaves[index]), path)), wanted);
    }
  }
});

test("every wrong path leads elsewhere: a flipped hash, one too few, one too many, another place or size", () => {
  const leaves = Array.from({ length: 13 }, (_, i) => bytes(`entry ${i}`));
  const wanted = MZ.hex(treeOf(leaves));
  const rootOf = (index, size, leaf, path) => {
    const found = MZ.rootOf(index, size, MZ.leafHash(leaf), path);
    return found && MZ.hex(found);
  };
  leaves.forEach((leaf, index) => {
    const path = pathOf(index, leaves);
    assert.equal(rootOf(index, 13, leaf, path), wanted);
    path.forEach((hash, i) => {
      const changed = path.map((other) => Uint8Array.from(other));
      changed[i][31] ^= 1;
      assert.notEqual(rootOf(index, 13, leaf, changed), wanted);
      assert.notEqual(rootOf(index, 13, leaf, path.filter((_, k) => k !== i)), wanted);
      assert.notEqual(rootOf(index, 13, leaf, [...path.slice(0, i), hash, ...path.slice(i)]), wanted);
    });
    for (let other = 0; other < 20; other += 1) {
      if (other !== index) assert.notEqual(rootOf(other, 13, leaf, path), wanted);
    }
    assert.equal(rootOf(index, index, leaf, path), null);
    assert.notEqual(rootOf(index, 13, bytes("another entry"), path), wanted);
  });
});

test("places beyond 2^32 are folded as the specification says, checked with whole numbers of any size", () => {
  const bigRoot = (index, size, leaf, path) => {
    let [fn, sn, r] = [BigInt(index), BigInt(size) - 1n, leaf];
    for (const p of path) {
      if (sn === 0n) return null;
      if (fn & 1n || fn === sn) {
        r = MZ.nodeHash(p, r);
        while (!(fn & 1n) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
      } else {
        r = MZ.nodeHash(r, p);
      }
      [fn, sn] = [fn >> 1n, sn >> 1n];
    }
    return sn === 0n ? r : null;
  };
  const leaf = MZ.leafHash(bytes("x"));
  const places = [[2 ** 33 + 5, 2 ** 33 + 9], [2 ** 32, 2 ** 32 + 1], [2 ** 52 + 12345, 2 ** 53 - 1], [7, 2 ** 53 - 1]];
  for (const [index, size] of places) {
    let found = 0;
    for (let length = 0; length <= 63; length += 1) {
      const path = Array.from({ length }, (_, i) => MZ.sha256(bytes(`${i}`)));
      const wanted = bigRoot(index, size, leaf, path);
      assert.deepEqual(MZ.rootOf(index, size, leaf, path), wanted);
      found += wanted ? 1 : 0;
    }
    assert.equal(found, 1);
  }
});

test("a checkpoint has three lines and no empty one", () => {
  const good = "log.example\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
  assert.equal(MZ.parseCheckpoint(good).size, 7);
  assert.equal(MZ.parseCheckpoint(`${good}extension\n`).origin, "log.example");
  for (const text of [good.slice(0, -1), `${good}\n`, good.replace("7", "07"), good.replace("log.example", ""), "a\n1\n", good.replace("=", "")]) {
    assert.throws(() => MZ.parseCheckpoint(text), MZ.Malformed, text);
  }
});
