/*
 * What stands on paper: a receipt as digits in a large code, and the fingerprint of a key. docs/log-format.md, "On paper".
 */
(function (MZ) {
  "use strict";

  const VERSION = "1";
  const LARGEST = 1 << 20; // bytes of a receipt
  const DIGITS = [0, 3, 5, 8, 10, 13, 15]; // for so many bytes; fifteen digits fit into a number of JavaScript
  const MOST = 7089; // the largest code there is holds no more (ISO/IEC 18004)
  const FEWEST = 100; // a telephone number is not a receipt

  /* Returns the bytes that a code's digits stand for: six at a time, the higher first, in fifteen digits. */
  function bytesOf(digits) {
    const bytes = [];
    for (let start = 0; start < digits.length; start += 15) {
      const group = digits.slice(start, start + 15);
      const size = DIGITS.indexOf(group.length);
      const value = Number(group);
      if (size < 1 || value >= Math.pow(256, size)) {
        throw new MZ.Malformed("digits");
      }
      for (let i = size - 1; i >= 0; i -= 1) {
        bytes.push(Math.floor(value / Math.pow(256, i)) % 256);
      }
    }
    return new Uint8Array(bytes);
  }

  /*
   * Returns the file of the receipt that `text` holds, or null where it holds none: the digits of a large code, bare or as a
   * scanner gives them, behind the address of a page and a #. People who type digits may put spaces between.
   */
  MZ.receiptOfCode = function (text) {
    const digits = text.trim().replace(/^[a-z]+:\/\/[^#]*#/i, "").replace(/[\s-]+/g, "");
    if (digits.length < FEWEST || digits.length > MOST || !/^[0-9]+$/.test(digits) || digits[0] !== VERSION) {
      return null;
    }
    try {
      return MZ.inflate(bytesOf(digits.slice(1)), LARGEST);
    } catch (error) {
      if (error instanceof MZ.Malformed) {
        return null;
      }
      throw error;
    }
  };

  /* Returns the fingerprint of a verifier key, as it stands on slips and on the wall: six groups of five digits. */
  MZ.fingerprint = function (vkey) {
    const hash = MZ.sha256(MZ.utf8("mingzhen.key.v1\n" + vkey));
    const groups = [];
    for (let i = 0; i < 24; i += 4) {
      const value = ((hash[i] * 256 + hash[i + 1]) * 256 + hash[i + 2]) * 256 + hash[i + 3];
      groups.push(("0000" + (value % 100000)).slice(-5));
    }
    return groups.join(" ");
  };
})((self.MZ = self.MZ || {}));
