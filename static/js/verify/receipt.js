/*
 * A receipt: a proof (c2sp.org/tlog-proof) whose `extra` opens one entry of the hospital's log, either `for me`, with
 * everything the event says, or `to show`, without what would betray its owner. docs/log-format.md has both forms.
 */
(function (MZ) {
  "use strict";

  const FIRST_LINE = "c2sp.org/tlog-proof@v1";
  const LARGEST = 1 << 20; // bytes
  const LONGEST_LINE = 1 << 16; // bytes; where the readers of others stop too
  const LONGEST_PATH = 63;
  const FOR_ME = 0x01;
  const TO_SHOW = 0x02;
  const OWN_LABEL = "mingzhen.own.v1\n";
  const EVENT_LABEL = "mingzhen.event.v1\n";

  /* What every event's open part says (docs/log-format.md): exactly these, spelled like this. */
  const OPEN = {
    v: /^1$/,
    id: /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    at: /^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$/,
    type: /^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$/
  };

  MZ.formatReceipt = function (receipt) {
    const extra = receipt.extra.length > 0 ? ["extra " + MZ.formatBase64(receipt.extra)] : [];
    const lines = [FIRST_LINE].concat(extra, "index " + receipt.index);
    return lines.concat(receipt.path.map(MZ.formatBase64)).join("\n") + "\n\n" + receipt.checkpoint;
  };

  function hasLongLine(bytes) {
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      if (end - start > LONGEST_LINE) {
        return true;
      }
      start = end + 1;
    }
    return bytes.length - start > LONGEST_LINE;
  }

  /* Returns {extra, index, path, checkpoint}; the checkpoint is text, its signatures below it. Logs of others may have no extra. */
  MZ.parseReceipt = function (bytes) {
    if (bytes.length > LARGEST || hasLongLine(bytes)) {
      throw new MZ.Malformed("receipt");
    }
    const text = MZ.parseUTF8(bytes);
    const cut = text.indexOf("\n\n");
    const lines = text.slice(0, cut).split("\n").slice(1);
    const hasExtra = (lines[0] || "").slice(0, 6) === "extra ";
    const receipt = {
      extra: hasExtra ? MZ.parseBase64(lines.shift().slice(6)) : new Uint8Array(0),
      index: MZ.parseDecimal((lines[0] || "").slice(6)),
      path: lines.slice(1).map(MZ.parseHash),
      checkpoint: text.slice(cut + 2)
    };
    if (receipt.path.length > LONGEST_PATH || MZ.formatReceipt(receipt) !== text) {
      throw new MZ.Malformed("receipt");
    }
    return receipt;
  };

  /* Puts the opening of an entry back into bytes. */
  MZ.formatExtra = function (opening) {
    const size = new Uint8Array([opening.open.length >> 8, opening.open.length & 0xff]);
    const head = MZ.concat(new Uint8Array([opening.form]), opening.openSalt, size, opening.open);
    return opening.form === FOR_ME
      ? MZ.concat(head, opening.ownSalt, opening.own)
      : MZ.concat(head, opening.ownHash);
  };

  /* Returns {form, openSalt, open, ownSalt, own} of a receipt for me, {form, openSalt, open, ownHash} of one to show. */
  MZ.parseExtra = function (extra) {
    const form = extra[0];
    const end = 35 + extra[33] * 256 + extra[34];
    const opening = { form: form, openSalt: extra.subarray(1, 33), open: extra.subarray(35, end) };
    const rest = extra.subarray(end);
    if (form === FOR_ME && rest.length > 32) {
      opening.ownSalt = rest.subarray(0, 32);
      opening.own = rest.subarray(32);
    } else if (form === TO_SHOW && rest.length === 32) {
      opening.ownHash = rest;
    } else {
      throw new MZ.Malformed("extra");
    }
    if (!MZ.equal(MZ.formatExtra(opening), extra)) {
      throw new MZ.Malformed("extra");
    }
    return opening;
  };

  /* Returns the 33 bytes that the log holds for this opening. */
  MZ.entryOf = function (opening) {
    const ownHash = opening.ownHash || MZ.sha256(MZ.utf8(OWN_LABEL), opening.ownSalt, opening.own);
    const digest = MZ.sha256(MZ.utf8(EVENT_LABEL), opening.openSalt, ownHash, opening.open);
    return MZ.concat(new Uint8Array([0x01]), digest);
  };

  /* Returns what `step` returns, or null when what it read was malformed; other errors are ours and go up. */
  function attempt(step) {
    try {
      return step();
    } catch (error) {
      if (error instanceof MZ.Malformed) {
        return null;
      }
      throw error;
    }
  }

  function parseProof(bytes) {
    const receipt = MZ.parseReceipt(bytes);
    const note = MZ.parseNote(receipt.checkpoint);
    return { receipt: receipt, note: note, checkpoint: MZ.parseCheckpoint(note.text) };
  }

  /* Tells whether `bytes` are a proof in the public form that does not open an event: of a log that holds something else. */
  MZ.isProofOfOthers = function (bytes) {
    const parts = attempt(function () {
      return parseProof(bytes);
    });
    return parts !== null && attempt(function () {
      return MZ.parseExtra(parts.receipt.extra);
    }) === null;
  };

  /* Returns [{publicKey, message, signature}] of a receipt's signatures by these keys; none for what is no receipt. */
  MZ.questionsOf = function (bytes, keys) {
    const parts = attempt(function () {
      return parseProof(bytes);
    });
    return parts ? MZ.questionsOfNote(parts.note, keys) : [];
  };

  /* With a `record`, the bytes of what some other log holds, `extra` says nothing to us. */
  function parseParts(bytes, record) {
    const parts = parseProof(bytes);
    parts.opening = record ? null : MZ.parseExtra(parts.receipt.extra);
    return parts;
  }

  function readEvent(opening) {
    const event = { open: MZ.parseJSON(opening.open), own: opening.own ? MZ.parseJSON(opening.own) : null };
    const isOurs = Object.keys(OPEN).every(function (name) {
      const value = event.open[name];
      return typeof value === (name === "v" ? "number" : "string") && OPEN[name].test(String(value));
    });
    if (!isOurs || Object.keys(event.open).length !== 4) {
      throw new MZ.Malformed("open");
    }
    return event;
  }

  function checkPath(parts, entry) {
    const receipt = parts.receipt;
    const root = MZ.rootOf(receipt.index, parts.checkpoint.size, MZ.leafHash(entry), receipt.path);
    return { name: "path", ok: root !== null && MZ.equal(root, parts.checkpoint.root), steps: receipt.path.length };
  }

  /* The signer is the log itself: the key whose name is the checkpoint's origin. A known witness may sign beside it. */
  function checkSignature(parts, keys) {
    const found = MZ.checkSignatures(parts.note, keys);
    const key = found.good.concat(found.bad).find(function (known) {
      return known.type === MZ.ED25519 && known.name === parts.checkpoint.origin;
    });
    const witnesses = found.good.filter(function (known, i, all) {
      return known.type !== MZ.ED25519 && all.indexOf(known) === i;
    });
    return {
      name: "signature",
      ok: Boolean(key) && found.bad.length === 0,
      key: key || null,
      witnesses: witnesses.length,
      cosigners: witnesses.map(function (known) {
        return { name: known.name, id: known.id, key: known, at: MZ.cosignedAt(parts.note, known) };
      }),
      unknown: found.unknown
    };
  }

  /* Enough of the policy's witnesses, and a log that the policy accepts. */
  function checkWitnesses(policy, signature) {
    const names = MZ.namesOf(policy, signature.cosigners.map(function (cosigner) {
      return cosigner.key;
    }));
    const isAccepted = policy.logs.length === 0 || (signature.key !== null && policy.logs.filter(Boolean).some(MZ.sameKey.bind(null, signature.key)));
    return { name: "witnesses", ok: isAccepted && MZ.isMet(policy, names), isAccepted: isAccepted, names: names };
  }

  /* Returns the keys that a check asks about: the log's, and with a policy its witnesses'. */
  MZ.keysFor = function (vkeys, policy) {
    const witnesses = Object.keys(policy ? policy.witnesses : {}).map(function (name) {
      return policy.witnesses[name];
    });
    return vkeys.map(MZ.parseKey).concat(witnesses.filter(Boolean)).reduce(function (keys, key) {
      return keys.some(MZ.sameKey.bind(null, key)) ? keys : keys.concat(key);
    }, []);
  };

  function allHeld(steps) {
    return steps.every(function (step) {
      return step.ok;
    });
  }

  /*
   * Checks a receipt, `bytes`, against the verifier keys of the log (and of witnesses, if wanted), each a string. `more` may
   * hold `policy`, of MZ.parsePolicy, and `record`, the bytes that a log of others holds at that place.
   *
   * Returns {ok, isSealed, isWitnessed, steps, ...}. A step is {name, ok, ...}, in this order:
   *   1. form: the file is a receipt and each part of it is spelled in the one way there is. When it is not, nothing follows;
   *   2. event: what happened reads as JSON in its one form (`open`, and `own` or null);
   *   3. fingerprint: `entry`, computed from the event; it stands or falls with the path;
   *   4. path: its hashes lead from the entry to the root of the checkpoint, in `steps` steps;
   *   5. signature: a given key of the log signed that root (`key`, or null when none did), `witnesses` known ones beside it;
   *   6. witnesses, only with a policy that asks for some, or for logs: enough of them, `names`, cosigned that root.
   * The first five make it sealed, all six witnessed; `ok` is what was asked for.
   */
  MZ.verifyReceipt = function (bytes, vkeys, more) {
    const policy = (more && more.policy) || null;
    const record = (more && more.record) || null;
    const keys = MZ.keysFor(vkeys, policy);
    const parts = attempt(function () {
      return parseParts(bytes, record);
    });
    if (!parts) {
      return { ok: false, isSealed: false, isWitnessed: false, steps: [{ name: "form", ok: false }] };
    }
    const event = record ? {} : attempt(function () {
      return readEvent(parts.opening);
    });
    const entry = record || MZ.entryOf(parts.opening);
    const path = checkPath(parts, entry);
    const signature = checkSignature(parts, keys);
    const sealed = [
      { name: "form", ok: true },
      { name: "event", ok: event !== null },
      { name: "fingerprint", ok: path.ok },
      path,
      signature
    ];
    const asksForWitnesses = policy !== null && MZ.asksForWitnesses(policy);
    const asked = policy && (asksForWitnesses || policy.logs.length > 0) ? [checkWitnesses(policy, signature)] : [];
    const isSealed = allHeld(sealed);
    return {
      ok: isSealed && allHeld(asked),
      isSealed: isSealed,
      isWitnessed: isSealed && asksForWitnesses && allHeld(asked),
      steps: sealed.concat(asked),
      isForMe: parts.opening !== null && parts.opening.form === FOR_ME,
      record: record,
      open: event && event.open ? event.open : null,
      own: event && event.own ? event.own : null,
      entry: entry,
      index: parts.receipt.index,
      checkpoint: parts.checkpoint
    };
  };
})((self.MZ = self.MZ || {}));
