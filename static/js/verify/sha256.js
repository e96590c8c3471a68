/*
 * SHA-256 (FIPS 180-4), written out because `crypto.subtle` does not exist on a page served over plain HTTP.
 *
 * These files are classic scripts under one name, MZ, and not modules: a page saved to disk must go on checking receipts,
 * and a browser loads no module from a file. They keep to ES2015, for the web views of old phones.
 */
(function (MZ) {
  "use strict";

  const ROUND = new Uint32Array([
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
  ]);

  const START = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
  ];

  function rotate(word, count) {
    return (word >>> count) | (word << (32 - count));
  }

  /* The message, one bit, zeroes, and the length in bits as 64-bit big-endian (FIPS 180-4, 5.1.1). */
  function pad(message) {
    const padded = new Uint8Array(64 * Math.ceil((message.length + 9) / 64));
    padded.set(message);
    padded[message.length] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(message.length / 0x20000000));
    view.setUint32(padded.length - 4, (message.length << 3) >>> 0);
    return view;
  }

  /* Mixes one block of 64 bytes into `state` (FIPS 180-4, 6.2.2). */
  function compress(state, view, offset, words) {
    for (let t = 0; t < 16; t += 1) {
      words[t] = view.getUint32(offset + 4 * t);
    }
    for (let t = 16; t < 64; t += 1) {
      const early = words[t - 15];
      const late = words[t - 2];
      const small0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
      const small1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
      words[t] = small1 + words[t - 7] + small0 + words[t - 16];
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let t = 0; t < 64; t += 1) {
      const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const first = (h + big1 + ((e & f) ^ (~e & g)) + ROUND[t] + words[t]) | 0;
      const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach(function (word, i) {
      state[i] += word;
    });
  }

  /* Returns the 32-byte digest of `parts`, each a Uint8Array, taken one after the other. */
  MZ.sha256 = function () {
    const view = pad(MZ.concat.apply(null, arguments));
    const state = new Uint32Array(START);
    const words = new Uint32Array(64);
    for (let offset = 0; offset < view.byteLength; offset += 64) {
      compress(state, view, offset, words);
    }
    const digest = new DataView(new ArrayBuffer(32));
    state.forEach(function (word, i) {
      digest.setUint32(4 * i, word);
    });
    return new Uint8Array(digest.buffer);
  };
})((self.MZ = self.MZ || {}));
