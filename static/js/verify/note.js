/* Signed notes and verifier keys (c2sp.org/signed-note), and the cosignatures of witnesses (c2sp.org/tlog-cosignature). */
(function (MZ) {
  "use strict";

  const ED25519 = 0x01;
  const COSIGNATURE = 0x04;
  const MARK = "\u2014 ";
  const MOST_SIGNATURES = 100;
  const LONGEST_NOTE = 1000000;

  /* A name has no Unicode space and no plus; parseNote has refused the control characters before. */
  function isName(name) {
    return name !== "" && !/[+\u0000-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/.test(name);
  }

  function keyID(name, typeAndKey) {
    return MZ.hex(MZ.sha256(MZ.utf8(name + "\n"), typeAndKey).subarray(0, 4));
  }

  /* Returns {name, id, typeAndKey} of what is written `<name>+<id>+<base64>`, of whatever kind; the id is hexadecimal. */
  MZ.splitKey = function (text) {
    const parts = text.split("+");
    const typeAndKey = MZ.parseBase64(parts.slice(2).join("+"));
    if (!isName(parts[0]) || !/^[0-9a-f]{8}$/.test(parts[1]) || typeAndKey.length === 0) {
      throw new MZ.Malformed("key");
    }
    return { name: parts[0], id: parts[1], typeAndKey: typeAndKey };
  };

  /* Returns {name, id, type, publicKey} of a verifier key. */
  MZ.parseKey = function (text) {
    const split = MZ.splitKey(text);
    const name = split.name;
    const id = split.id;
    const typeAndKey = split.typeAndKey;
    const type = typeAndKey[0];
    if (typeAndKey.length !== 33 || (type !== ED25519 && type !== COSIGNATURE)) {
      throw new MZ.Malformed("key");
    }
    if (keyID(name, typeAndKey) !== id || !MZ.isPublicKey(typeAndKey.subarray(1))) {
      throw new MZ.Malformed("key");
    }
    return { name: name, id: id, type: type, publicKey: typeAndKey.subarray(1) };
  };

  /* The four bytes of an ID are too few to tell keys apart: whoever tries long enough makes a second key with the same. */
  MZ.sameKey = function (key, other) {
    return key.name === other.name && key.type === other.type && MZ.equal(key.publicKey, other.publicKey);
  };

  function parseSignature(line) {
    const parts = line.split(" ");
    if (parts.length !== 3 || parts[0] + " " !== MARK || !isName(parts[1])) {
      throw new MZ.Malformed("signature");
    }
    const blob = MZ.parseBase64(parts[2]);
    if (blob.length < 5) {
      throw new MZ.Malformed("signature");
    }
    return { name: parts[1], id: MZ.hex(blob.subarray(0, 4)), bytes: blob.subarray(4) };
  }

  /* Returns {text, signatures}; `text` ends in a newline and is what was signed. */
  MZ.parseNote = function (note) {
    const cut = note.lastIndexOf("\n\n");
    if (cut < 0 || !note.endsWith("\n") || /[\u0000-\u0009\u000b-\u001f]/.test(note)) {
      throw new MZ.Malformed("note");
    }
    const lines = note.slice(cut + 2, -1).split("\n");
    if (lines.length > MOST_SIGNATURES || MZ.utf8(note).length > LONGEST_NOTE) {
      throw new MZ.Malformed("note");
    }
    return { text: note.slice(0, cut + 1), signatures: lines.map(parseSignature) };
  };

  /* Returns the time in Unix seconds that a witness's line states, or null for one that no JavaScript number holds. */
  function timeOf(signature) {
    const view = new DataView(signature.buffer, signature.byteOffset, 8);
    const seconds = view.getUint32(0) * 0x100000000 + view.getUint32(4);
    return Number.isSafeInteger(seconds) ? seconds : null;
  }

  /* Returns {publicKey, message, signature}: what has to hold if `bytes` are the signature of `key` under `text`; or null. */
  function questionOf(key, text, bytes) {
    if (key.type === ED25519) {
      return { publicKey: key.publicKey, message: MZ.utf8(text), signature: bytes };
    }
    const seconds = bytes.length === 72 ? timeOf(bytes) : null;
    if (seconds === null) {
      return null;
    }
    const message = MZ.utf8("cosignature/v1\ntime " + seconds + "\n" + text);
    return { publicKey: key.publicKey, message: message, signature: bytes.subarray(8) };
  }

  function isGood(key, text, signature) {
    const question = questionOf(key, text, signature);
    return question !== null && MZ.isEd25519(question.publicKey, question.message, question.signature);
  }

  function keysOf(signature, keys) {
    return keys.filter(function (known) {
      return known.name === signature.name && known.id === signature.id;
    });
  }

  /* Returns what the signatures of a note by these keys ask about, for a browser that answers by itself. */
  MZ.questionsOfNote = function (note, keys) {
    return note.signatures.reduce(function (questions, signature) {
      return questions.concat(
        keysOf(signature, keys)
          .map(function (key) {
            return questionOf(key, note.text, signature.bytes);
          })
          .filter(Boolean)
      );
    }, []);
  };

  /* Returns when a witness says that it cosigned, in Unix seconds: the newest of its lines. */
  MZ.cosignedAt = function (note, key) {
    return Math.max.apply(null, note.signatures
      .filter(function (signature) {
        return keysOf(signature, [key]).length > 0 && signature.bytes.length === 72;
      })
      .map(function (signature) {
        return timeOf(signature.bytes) || 0;
      }));
  };

  /*
   * Returns {good, bad, unknown}: the keys whose signatures stand, the keys whose signatures do not, and how many lines are
   * by signers we do not know. The caller refuses a note with a bad one (signed-note, "Verification").
   */
  MZ.checkSignatures = function (note, keys) {
    const found = { good: [], bad: [], unknown: 0 };
    note.signatures.forEach(function (signature) {
      const named = keysOf(signature, keys);
      found.unknown += named.length === 0 ? 1 : 0;
      named.forEach(function (key) {
        (isGood(key, note.text, signature.bytes) ? found.good : found.bad).push(key);
      });
    });
    return found;
  };
  MZ.ED25519 = ED25519;
})((self.MZ = self.MZ || {}));
