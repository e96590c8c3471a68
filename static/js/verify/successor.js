/* Who goes on for a log that ended, signed by the log that ended (docs/log-format.md, "Successor"). */
(function (MZ) {
  "use strict";

  const TEXT = /^mingzhen\.successor\.v1\nold ([^\n]+)\nsize (0|[1-9][0-9]*)\nroot ([^\n]+)\nnew ([^\n]+)\nreason ([a-z][a-z-]{0,63})\n(?:address (https?:\/\/[!-~]{1,2000})\n)?$/;

  /*
   * Returns {size, root, key, reason, address} of a note that `vkey`, the last key of the log that ended, has signed; `key` is the
   * verifier key of the log that goes on, `address` "" where it is not said. Returns null for anything else.
   */
  MZ.readSuccessor = function (text, vkey) {
    try {
      const note = MZ.parseNote(text);
      const key = MZ.parseKey(vkey);
      const said = TEXT.exec(note.text);
      const signed = MZ.checkSignatures(note, [key]);
      if (!said || said[1] !== key.name || signed.good.length === 0 || signed.bad.length > 0) {
        return null;
      }
      const root = MZ.parseBase64(said[3]);
      MZ.parseKey(said[4]);
      return root.length === 32 ? { size: MZ.parseDecimal(said[2]), root: root, key: said[4], reason: said[5], address: said[6] || "" } : null;
    } catch (error) {
      if (error instanceof MZ.Malformed) {
        return null;
      }
      throw error;
    }
  };
})((self.MZ = self.MZ || {}));
