/* Ed25519 (RFC 8032): what is asked of a signature before curve.js computes, unless native.js has asked the browser before. */
(function (MZ) {
  "use strict";

  /* The order of the base point, little-endian. */
  const ORDER = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10
  ];

  /* RFC 8032, 5.1.7: S lies below the order. The curve does not look, so each signature would have a twin, S + order. */
  function isReduced(scalar) {
    for (let i = 31; i >= 0; i -= 1) {
      if (scalar[i] !== ORDER[i]) {
        return scalar[i] < ORDER[i];
      }
    }
    return false;
  }

  /* The y of the points whose order divides eight: with such a key everybody can sign. */
  const WEAK = [
    "00".repeat(32),
    "01" + "00".repeat(31),
    "ec" + "ff".repeat(30) + "7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
  ];

  /* Tells whether 32 bytes can be a key: y in its one spelling (RFC 8032, 5.1.3), and no key of everybody's. */
  MZ.isPublicKey = function (bytes) {
    const y = Uint8Array.from(bytes);
    y[31] &= 0x7f;
    const text = MZ.hex(y);
    const isBelowPrime = !/^(ed|ee|ef|f.)(ff){30}7f$/.test(text);
    return bytes.length === 32 && isBelowPrime && WEAK.indexOf(text) < 0;
  };

  const foreseen = {}; // question -> answer, the browser's own or ours

  function nameOf(publicKey, message, signature) {
    return [publicKey, signature, message].map(MZ.hex).join(" ");
  }

  /* Remembers the browser's own answer for a signature. */
  MZ.foreseeEd25519 = function (publicKey, message, signature, isGood) {
    foreseen[nameOf(publicKey, message, signature)] = isGood;
  };

  MZ.isEd25519 = function (publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64 || !isReduced(signature.subarray(32))) {
      return false;
    }
    const name = nameOf(publicKey, message, signature);
    if (foreseen[name] === undefined) {
      foreseen[name] = MZ.isOnCurve(publicKey, message, signature); // many receipts share a checkpoint
    }
    return foreseen[name];
  };
})((self.MZ = self.MZ || {}));
