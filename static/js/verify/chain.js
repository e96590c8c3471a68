/*
 * Completeness for one person: whether anything is missing, doubled or out of order between receipts. The rules are those of
 * docs/log-format.md, "The chain of one person", and of ledger/chain.py, against which this is tested.
 */
(function (MZ) {
  "use strict";

  const CHAIN_LABEL = "mingzhen.chain.v1\n";
  const NO_PREV = new Array(65).join("0");
  const HEALED = "log.healed";

  /*
   * Returns the place that a good receipt states, {name, origin, index, entry, subject, seq, prev, nextPrev}, or null where it
   * states none: a receipt to show has no place. `result` is of MZ.verifyReceipt, `name` what to call the receipt.
   */
  MZ.linkOf = function (name, result, bytes) {
    const own = result.own;
    const isPlace =
      own && (own.subject === null || typeof own.subject === "string") && Number.isSafeInteger(own.seq) && own.seq >= 1 &&
      typeof own.prev === "string" && own.prev.length === NO_PREV.length;
    if (!isPlace) {
      return null;
    }
    const opening = MZ.parseExtra(MZ.parseReceipt(bytes).extra);
    return {
      name: name,
      origin: result.checkpoint.origin,
      index: result.index,
      entry: MZ.hex(result.entry),
      subject: own.subject,
      seq: own.seq,
      prev: own.prev,
      nextPrev: MZ.hex(MZ.sha256(MZ.utf8(CHAIN_LABEL), opening.ownSalt, result.entry))
    };
  };

  /* Returns what the receipt of a notice says about a restore, {origin, start, end}, or null for any other receipt. */
  MZ.healingOf = function (result) {
    const detail = (result.open && result.open.type === HEALED && result.own && result.own.detail) || {};
    const isRange = Number.isSafeInteger(detail.from) && Number.isSafeInteger(detail.to);
    if (!isRange || detail.from < 0 || detail.from > detail.to || detail.to > result.index) {
      return null;
    }
    return { origin: result.checkpoint.origin, start: detail.from, end: detail.to };
  };

  /* One stands among leaves that a restore lost, and the other was recorded after it. */
  function isExplained(a, b, healings) {
    const low = a.index <= b.index ? a : b;
    const high = low === a ? b : a;
    return healings.some(function (healing) {
      const isSame = low.origin === healing.origin && high.origin === healing.origin;
      return isSame && healing.start <= low.index && low.index < healing.end && healing.end <= high.index;
    });
  }

  function finding(kind, first, last, names) {
    return { kind: kind, first: first, last: last, names: names };
  }

  /* Judges those that say the same number. */
  function checkNumber(seq, links, healings) {
    const found = [];
    links.forEach(function (link, i) {
      if ((seq === 1) !== (link.prev === NO_PREV)) {
        found.push(finding("broken", seq, seq, [link.name]));
      }
      if (i > 0) {
        const kind = isExplained(links[i - 1], link, healings) ? "restored" : "doubled";
        found.push(finding(kind, seq, seq, [links[i - 1].name, link.name]));
      }
    });
    return found;
  }

  /* Judges one receipt against those of the number before it that is held. */
  function checkStep(before, link, healings) {
    const known = before.filter(function (other) {
      return other.seq === link.seq - 1;
    });
    const parents = known.filter(function (other) {
      return other.nextPrev === link.prev;
    });
    const found = [];
    if (known.length > 0 && parents.length === 0) {
      const other = known[known.length - 1];
      const isRestored = known.some(function (one) {
        return isExplained(one, link, healings);
      });
      found.push(finding(isRestored ? "restored" : "broken", other.seq, link.seq, [other.name, link.name]));
    }
    (parents.length > 0 ? parents : known.length > 0 ? [] : before).forEach(function (other) {
      if (other.origin === link.origin && other.index > link.index) {
        found.push(finding("reordered", other.seq, link.seq, [other.name, link.name]));
      }
    });
    return found;
  }

  function checkOne(links, healings) {
    const numbers = {};
    links.sort(function (a, b) {
      return a.seq - b.seq || a.index - b.index;
    });
    links.forEach(function (link) {
      numbers[link.seq] = (numbers[link.seq] || []).concat(link);
    });
    const seqs = Object.keys(numbers).map(Number).sort(function (a, b) {
      return a - b;
    });
    let found = [];
    seqs.forEach(function (seq) {
      found = found.concat(checkNumber(seq, numbers[seq], healings));
    });
    seqs.slice(1).forEach(function (after, i) {
      const before = seqs[i];
      if (after - before > 1) {
        found.push(finding("missing", before + 1, after - 1, []));
      }
      numbers[after].forEach(function (link) {
        found = found.concat(checkStep(numbers[before], link, healings));
      });
    });
    return {
      subject: links[0].subject,
      first: seqs[0],
      last: seqs[seqs.length - 1],
      held: links.length,
      findings: found,
      isComplete: found.every(function (one) {
        return one.kind === "restored";
      })
    };
  }

  /* Returns what these receipts show, one chain for each subject; the same receipt twice counts once. */
  MZ.checkChains = function (links, healings) {
    const subjects = [];
    const seen = {};
    links.forEach(function (link) {
      const name = JSON.stringify([link.subject, link.entry]);
      const chain = subjects.find(function (other) {
        return other[0].subject === link.subject;
      });
      if (Object.prototype.hasOwnProperty.call(seen, name)) {
        return;
      }
      seen[name] = true;
      if (chain) {
        chain.push(link);
      } else {
        subjects.push([link]);
      }
    });
    return subjects.map(function (chain) {
      return checkOne(chain, healings);
    });
  };
})((self.MZ = self.MZ || {}));
