/*
 * Verifies Ed25519 signatures (RFC 8032, 5.1.7) with the field arithmetic of tweetnacl and a quicker way through the curve: both
 * products of the equation at once, two bits of each at a time (Straus). Everything here is public, so its time may depend on it.
 * It answers as tweetnacl does, which tests hold it against, in less than half the time: old phones feel that.
 */
(function (MZ) {
  "use strict";

  const SQRT_MINUS_ONE = [
    0xb0, 0xa0, 0x0e, 0x4a, 0x27, 0x1b, 0xee, 0xc4, 0x78, 0xe4, 0x2f, 0xad, 0x06, 0x18, 0x43, 0x2f, 0xa7, 0xd7, 0xfb, 0x3d, 0x99, 0x00,
    0x4d, 0x2b, 0x0b, 0xdf, 0xc1, 0x4f, 0x80, 0x24, 0x83, 0x2b
  ];
  const BASE_POINT = [0x58].concat(new Array(31).fill(0x66));
  const WINDOWS = 128; // of two bits each
  let base = null; // the negated base point; made when first needed

  function pointOf(field) {
    return [field(), field(), field(), field()];
  }

  function copy(point) {
    return point.map(function (part) {
      return Float64Array.from(part);
    });
  }

  function packed(nacl, value) {
    const bytes = new Uint8Array(32);
    nacl.pack25519(bytes, value);
    return bytes;
  }

  /* Returns the negative of the point that `bytes` encode, as tweetnacl reads it (RFC 8032, 5.1.3), or null for none. */
  function readNegative(nacl, bytes) {
    const point = pointOf(nacl.gf);
    const num = nacl.gf();
    const den = nacl.gf();
    const den2 = nacl.gf();
    const den4 = nacl.gf();
    const t = nacl.gf();
    const check = nacl.gf();
    const root = nacl.gf();
    nacl.set25519(point[2], nacl.gf([1]));
    nacl.unpack25519(point[1], bytes);
    nacl.S(num, point[1]);
    nacl.M(den, num, nacl.D);
    nacl.Z(num, num, point[2]);
    nacl.A(den, point[2], den);
    nacl.S(den2, den);
    nacl.S(den4, den2);
    nacl.M(t, den4, den2);
    nacl.M(t, t, num);
    nacl.M(t, t, den);
    nacl.pow2523(t, t);
    nacl.M(t, t, num);
    nacl.M(t, t, den);
    nacl.M(t, t, den);
    nacl.M(point[0], t, den);
    function isRoot() {
      nacl.S(check, point[0]);
      nacl.M(check, check, den);
      return MZ.equal(packed(nacl, check), packed(nacl, num));
    }
    if (!isRoot()) {
      nacl.unpack25519(root, new Uint8Array(SQRT_MINUS_ONE));
      nacl.M(point[0], point[0], root);
      if (!isRoot()) {
        return null;
      }
    }
    if ((packed(nacl, point[0])[0] & 1) === bytes[31] >> 7) {
      nacl.Z(point[0], nacl.gf(), point[0]);
    }
    nacl.M(point[3], point[0], point[1]);
    return point;
  }

  function negate(nacl, point) {
    nacl.Z(point[0], nacl.gf(), point[0]);
    nacl.Z(point[3], nacl.gf(), point[3]);
    return point;
  }

  /* Doubles `p` in place (RFC 8032, 5.1.4). `f` is room for the parts between. */
  function double(nacl, p, f) {
    nacl.S(f[0], p[0]);
    nacl.S(f[1], p[1]);
    nacl.S(f[2], p[2]);
    nacl.A(f[2], f[2], f[2]);
    nacl.A(f[3], f[0], f[1]); // H
    nacl.A(f[4], p[0], p[1]);
    nacl.S(f[4], f[4]);
    nacl.Z(f[4], f[3], f[4]); // E
    nacl.Z(f[5], f[0], f[1]); // G
    nacl.A(f[2], f[2], f[5]); // F
    nacl.M(p[0], f[4], f[2]);
    nacl.M(p[1], f[5], f[3]);
    nacl.M(p[2], f[2], f[5]);
    nacl.M(p[3], f[4], f[3]);
  }

  /* Returns the 16 sums of 0 to 3 times `a` and 0 to 3 times `b`; the first is null, for nothing to add. */
  function tableOf(nacl, a, b) {
    const table = [null];
    for (let i = 1; i < 16; i += 1) {
      const sum = copy(i >= 4 ? table[i - 4] || a : table[i - 1] || b);
      if (i !== 1 && i !== 4) {
        nacl.add(sum, i >= 4 ? a : b);
      }
      table.push(sum);
    }
    return table;
  }

  function inverse(nacl, value) {
    const result = Float64Array.from(value);
    for (let bit = 253; bit >= 0; bit -= 1) {
      nacl.S(result, result);
      if (bit !== 2 && bit !== 4) {
        nacl.M(result, result, value);
      }
    }
    return result;
  }

  function encode(nacl, point) {
    const z = inverse(nacl, point[2]);
    const x = nacl.gf();
    const y = nacl.gf();
    nacl.M(x, point[0], z);
    nacl.M(y, point[1], z);
    const bytes = packed(nacl, y);
    bytes[31] ^= (packed(nacl, x)[0] & 1) << 7;
    return bytes;
  }

  function windowOf(scalar, i) {
    return (scalar[i >> 2] >> (2 * (i & 3))) & 3;
  }

  /* Tells whether S * B = R + h * A, by computing S * B - h * A and comparing its encoding with R. S has to be below the order. */
  MZ.isOnCurve = function (publicKey, message, signature) {
    const nacl = self.nacl.lowlevel;
    const negative = readNegative(nacl, publicKey);
    if (negative === null) {
      return false;
    }
    base = base || negate(nacl, readNegative(nacl, new Uint8Array(BASE_POINT)));
    const hash = self.nacl.hash(MZ.concat(signature.subarray(0, 32), publicKey, message));
    const h = new Uint8Array(32);
    nacl.modL(h, Float64Array.from(hash));
    const table = tableOf(nacl, negative, base);
    const room = [nacl.gf(), nacl.gf(), nacl.gf(), nacl.gf(), nacl.gf(), nacl.gf()];
    const sum = pointOf(nacl.gf);
    nacl.set25519(sum[1], nacl.gf([1]));
    nacl.set25519(sum[2], nacl.gf([1]));
    for (let i = WINDOWS - 1; i >= 0; i -= 1) {
      double(nacl, sum, room);
      double(nacl, sum, room);
      const step = table[4 * windowOf(h, i) + windowOf(signature.subarray(32), i)];
      if (step) {
        nacl.add(sum, step);
      }
    }
    return MZ.equal(encode(nacl, sum), signature.subarray(0, 32));
  };
})((self.MZ = self.MZ || {}));
