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
