/* The tree (RFC 9162, section 2.1) and the statement about it that a log signs (c2sp.org/tlog-checkpoint). */
(function (MZ) {
  "use strict";

  const LEAF = new Uint8Array([0]);
  const NODE = new Uint8Array([1]);

  MZ.leafHash = function (entry) {
    return MZ.sha256(LEAF, entry);
  };

  MZ.nodeHash = function (left, right) {
    return MZ.sha256(NODE, left, right);
  };

  /*
   * Returns the root that `path` leads to from the leaf, or null when no tree of `size` entries has a path of that length at
   * `index` (RFC 9162, 2.1.3.2). Halves by division: JavaScript's shifts cut a number to 32 bits, and a log is larger.
   */
  MZ.rootOf = function (index, size, leafHash, path) {
    if (index >= size) {
      return null;
    }
    let node = index;
    let last = size - 1;
    let hash = leafHash;
    for (let i = 0; i < path.length; i += 1) {
      if (last === 0) {
        return null;
      }
      if (node % 2 === 1 || node === last) {
        hash = MZ.nodeHash(path[i], hash);
        while (node % 2 === 0 && node !== 0) {
          node = node / 2;
          last = Math.floor(last / 2);
        }
      } else {
        hash = MZ.nodeHash(hash, path[i]);
      }
      node = Math.floor(node / 2);
      last = Math.floor(last / 2);
    }
    return last === 0 ? hash : null;
  };

  /* Returns a hash written in base64. */
  MZ.parseHash = function (text) {
    const hash = MZ.parseBase64(text);
    if (hash.length !== 32) {
      throw new MZ.Malformed("hash");
    }
    return hash;
  };

  /* Returns {origin, size, root} of a checkpoint's text; lines after the third are extensions, and may not be empty. */
  MZ.parseCheckpoint = function (text) {
    const lines = text.slice(0, -1).split("\n");
    if (!text.endsWith("\n") || lines.length < 3 || lines.indexOf("") >= 0) {
      throw new MZ.Malformed("checkpoint");
    }
    return { origin: lines[0], size: MZ.parseDecimal(lines[1]), root: MZ.parseHash(lines[2]) };
  };
})((self.MZ = self.MZ || {}));
