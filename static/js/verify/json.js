/*
 * JSON in the one form of RFC 8785, for the values that events are made of: null, booleans, whole numbers, strings, lists
 * and objects. What is not in that form is refused, because its fingerprint would be another one.
 */
(function (MZ) {
  "use strict";

  const DEEPEST = 32; // our events are four deep; JSON nested without end would exhaust the stack

  /* JSON.stringify escapes exactly what RFC 8785, 3.2.2.2, escapes, but lets half a surrogate pair pass. */
  function quote(text) {
    MZ.utf8(text);
    return JSON.stringify(text);
  }

  /* Array.sort compares UTF-16 code units, as section 3.2.3 asks. */
  function format(value, depth) {
    if (depth > DEEPEST) {
      throw new MZ.Malformed("depth");
    }
    if (Array.isArray(value)) {
      return "[" + value.map(function (item) {
        return format(item, depth + 1);
      }).join(",") + "]";
    }
    if (value !== null && typeof value === "object") {
      const members = Object.keys(value).sort().map(function (key) {
        return quote(key) + ":" + format(value[key], depth + 1);
      });
      return "{" + members.join(",") + "}";
    }
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new MZ.Malformed("number");
    }
    return typeof value === "string" ? quote(value) : String(value);
  }

  /* Returns the RFC 8785 text of `value`. */
  MZ.formatJSON = function (value) {
    return format(value, 0);
  };

  /* Returns the object that `bytes` spell; throws MZ.Malformed unless they spell an object, in RFC 8785 form. */
  MZ.parseJSON = function (bytes) {
    const text = MZ.parseUTF8(bytes);
    let value;
    let again;
    try {
      value = JSON.parse(text);
      again = MZ.formatJSON(value);
    } catch (error) {
      throw new MZ.Malformed("JSON");
    }
    if (again !== text || value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new MZ.Malformed("JSON");
    }
    return value;
  };
})((self.MZ = self.MZ || {}));
