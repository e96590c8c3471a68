/*
 * Bytes and their spellings: UTF-8, base64 (RFC 4648, section 4), hexadecimal, decimal. Every reader is strict: it takes one
 * spelling of a value and throws MZ.Malformed for any other, so that no two receipts say the same.
 */
(function (MZ) {
  "use strict";

  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  /* What is read came from outside and is not well formed. `what` names the part, for people who look closer. */
  MZ.Malformed = function (what) {
    this.name = "Malformed";
    this.message = what;
  };
  MZ.Malformed.prototype = Object.create(Error.prototype);

  /* Returns the given Uint8Arrays as one. */
  MZ.concat = function () {
    const parts = Array.prototype.slice.call(arguments);
    const whole = new Uint8Array(
      parts.reduce(function (size, part) {
        return size + part.length;
      }, 0)
    );
    let offset = 0;
    parts.forEach(function (part) {
      whole.set(part, offset);
      offset += part.length;
    });
    return whole;
  };

  MZ.equal = function (a, b) {
    return a.length === b.length && a.every(function (byte, i) {
      return byte === b[i];
    });
  };

  MZ.hex = function (bytes) {
    return Array.from(bytes, function (byte) {
      return (byte < 16 ? "0" : "") + byte.toString(16);
    }).join("");
  };

  MZ.formatBase64 = function (bytes) {
    let text = "";
    for (let i = 0; i < bytes.length; i += 3) {
      const group = (bytes[i] << 16) | ((bytes[i + 1] || 0) << 8) | (bytes[i + 2] || 0);
      text += ALPHABET[group >> 18] + ALPHABET[(group >> 12) & 63];
      text += i + 1 < bytes.length ? ALPHABET[(group >> 6) & 63] : "=";
      text += i + 2 < bytes.length ? ALPHABET[group & 63] : "=";
    }
    return text;
  };

  MZ.parseBase64 = function (text) {
    const bare = text.replace(/=+$/, "");
    const bytes = new Uint8Array(Math.floor((bare.length * 3) / 4));
    let held = 0;
    let bits = 0;
    let size = 0;
    for (let i = 0; i < bare.length; i += 1) {
      const value = ALPHABET.indexOf(bare[i]);
      if (value < 0) {
        throw new MZ.Malformed("base64");
      }
      held = ((held << 6) | value) & 0xffff;
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        bytes[size] = (held >> bits) & 0xff;
        size += 1;
      }
    }
    if (MZ.formatBase64(bytes) !== text) {
      throw new MZ.Malformed("base64"); // a second spelling: spare bits set, padding missing or too much
    }
    return bytes;
  };

  /* Returns a whole number written in decimal digits, at most 2^53 - 1, without leading zeroes. */
  MZ.parseDecimal = function (text) {
    const value = Number(text);
    if (!/^(0|[1-9][0-9]*)$/.test(text) || value > Number.MAX_SAFE_INTEGER) {
      throw new MZ.Malformed("number");
    }
    return value;
  };

  function isLoneSurrogate(text, i) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) {
      return false;
    }
    const pair = unit < 0xdc00 ? text.charCodeAt(i + 1) : text.charCodeAt(i - 1);
    return !(unit < 0xdc00 ? pair >= 0xdc00 && pair <= 0xdfff : pair >= 0xd800 && pair <= 0xdbff);
  }

  /* Returns the UTF-8 of `text`; throws MZ.Malformed for half a surrogate pair, which UTF-8 cannot say. */
  MZ.utf8 = function (text) {
    for (let i = 0; i < text.length; i += 1) {
      if (isLoneSurrogate(text, i)) {
        throw new MZ.Malformed("surrogate");
      }
    }
    const escaped = encodeURIComponent(text);
    const bytes = [];
    for (let i = 0; i < escaped.length; i += 1) {
      if (escaped[i] === "%") {
        bytes.push(parseInt(escaped.substr(i + 1, 2), 16));
        i += 2;
      } else {
        bytes.push(escaped.charCodeAt(i));
      }
    }
    return new Uint8Array(bytes);
  };

  /* Returns the text of UTF-8 `bytes`; decodeURIComponent refuses overlong forms, surrogates and cut-off sequences. */
  MZ.parseUTF8 = function (bytes) {
    let escaped = "";
    bytes.forEach(function (byte) {
      escaped += "%" + (byte < 16 ? "0" : "") + byte.toString(16);
    });
    try {
      return decodeURIComponent(escaped);
    } catch (error) {
      throw new MZ.Malformed("UTF-8");
    }
  };
})((self.MZ = self.MZ || {}));
