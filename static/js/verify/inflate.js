/* Unpacks what a large code on paper holds: raw DEFLATE (RFC 1951), by its tables, a bit at a time as zlib's `puff` does. */
(function (MZ) {
  "use strict";

  const LONGEST_CODE = 15; // bits of a Huffman code
  const LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
  const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
  const DISTANCES = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289,
    16385, 24577
  ];
  const DISTANCE_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
  const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]; // section 3.2.7

  function refuse() {
    throw new MZ.Malformed("deflate");
  }

  function Reader(bytes, limit) {
    this.bytes = bytes;
    this.limit = limit;
    this.place = 0; // in bits
    this.out = [];
  }

  Reader.prototype.bits = function (count) {
    let value = 0;
    if (this.place + count > this.bytes.length * 8) {
      refuse();
    }
    for (let i = 0; i < count; i += 1, this.place += 1) {
      value |= ((this.bytes[this.place >> 3] >> (this.place & 7)) & 1) << i;
    }
    return value;
  };

  Reader.prototype.put = function (byte) {
    if (this.out.length >= this.limit) {
      refuse(); // a few bytes may say that they unpack to gigabytes
    }
    this.out.push(byte);
  };

  /*
   * Returns the code of section 3.2.2 for these lengths: how many codes have each length, and their symbols in order. As in
   * zlib, a code uses all the room there is, or has no symbol at all, or `mayBeSingle` and it has one of a single bit.
   */
  function makeCode(lengths, mayBeSingle) {
    const counts = new Array(LONGEST_CODE + 1).fill(0);
    const symbols = [];
    let left = 1;
    lengths.forEach(function (length) {
      counts[length] += 1;
    });
    for (let length = 1; length <= LONGEST_CODE; length += 1) {
      left = left * 2 - counts[length];
      if (left < 0) {
        refuse(); // more codes than there is room for
      }
      lengths.forEach(function (own, symbol) {
        if (own === length) {
          symbols.push(symbol);
        }
      });
    }
    if (left > 0 && symbols.length > 0 && !(mayBeSingle && symbols.length === 1 && counts[1] === 1)) {
      refuse();
    }
    return { counts: counts, symbols: symbols };
  }

  Reader.prototype.symbol = function (code) {
    let value = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= LONGEST_CODE; length += 1) {
      value |= this.bits(1);
      const count = code.counts[length];
      if (value - count < first) {
        return code.symbols[index + value - first];
      }
      index += count;
      first = (first + count) << 1;
      value <<= 1;
    }
    return refuse();
  };

  Reader.prototype.readStored = function () {
    this.place = (this.place + 7) & ~7;
    const size = this.bits(16);
    if ((this.bits(16) ^ 0xffff) !== size) {
      refuse();
    }
    for (let i = 0; i < size; i += 1) {
      this.put(this.bits(8));
    }
  };

  Reader.prototype.readCoded = function (lengthCode, distanceCode) {
    for (let symbol = this.symbol(lengthCode); symbol !== 256; symbol = this.symbol(lengthCode)) {
      if (symbol < 256) {
        this.put(symbol);
        continue;
      }
      if (symbol - 257 >= LENGTHS.length) {
        refuse();
      }
      const length = LENGTHS[symbol - 257] + this.bits(LENGTH_BITS[symbol - 257]);
      const far = this.symbol(distanceCode);
      if (far >= DISTANCES.length) {
        refuse();
      }
      const start = this.out.length - DISTANCES[far] - this.bits(DISTANCE_BITS[far]);
      if (start < 0) {
        refuse();
      }
      for (let i = 0; i < length; i += 1) {
        this.put(this.out[start + i]);
      }
    }
  };

  function fixedCodes() {
    const lengths = Array.from({ length: 288 }, function (unused, symbol) {
      return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
    });
    return [makeCode(lengths, false), makeCode(new Array(32).fill(5), false)]; // the last two of which nothing may use
  }

  Reader.prototype.readCodes = function () {
    const lengthCount = this.bits(5) + 257;
    const distanceCount = this.bits(5) + 1;
    const orderCount = this.bits(4) + 4;
    const orderLengths = new Array(19).fill(0);
    if (lengthCount > 286 || distanceCount > 30) {
      refuse();
    }
    for (let i = 0; i < orderCount; i += 1) {
      orderLengths[ORDER[i]] = this.bits(3);
    }
    const code = makeCode(orderLengths, false);
    const lengths = [];
    while (lengths.length < lengthCount + distanceCount) {
      const symbol = this.symbol(code);
      if (symbol < 16) {
        lengths.push(symbol);
        continue;
      }
      if (symbol === 16 && lengths.length === 0) {
        refuse();
      }
      const value = symbol === 16 ? lengths[lengths.length - 1] : 0;
      const times = symbol === 16 ? 3 + this.bits(2) : symbol === 17 ? 3 + this.bits(3) : 11 + this.bits(7);
      for (let i = 0; i < times; i += 1) {
        lengths.push(value);
      }
    }
    if (lengths.length > lengthCount + distanceCount || !lengths[256]) {
      refuse();
    }
    return [makeCode(lengths.slice(0, lengthCount), true), makeCode(lengths.slice(lengthCount), true)];
  };

  /* Returns what `bytes` unpack to, at most `limit` bytes of it; throws MZ.Malformed for anything else than one whole stream. */
  MZ.inflate = function (bytes, limit) {
    const reader = new Reader(bytes, limit);
    let isLast = 0;
    while (!isLast) {
      isLast = reader.bits(1);
      const kind = reader.bits(2);
      if (kind === 0) {
        reader.readStored();
      } else if (kind === 3) {
        refuse();
      } else {
        const codes = kind === 1 ? fixedCodes() : reader.readCodes();
        reader.readCoded(codes[0], codes[1]);
      }
    }
    if (reader.place <= (bytes.length - 1) * 8) {
      refuse(); // something follows
    }
    return new Uint8Array(reader.out);
  };
})((self.MZ = self.MZ || {}));
