/*
 * Says of a good receipt that its log has ended, and who goes on: an old receipt stays good, but whoever holds it should know.
 * What the page knows of such logs came with it; that the old log itself says who goes on is checked here, by its own key.
 */
(function (MZ) {
  "use strict";

  /* A list of {keys, size, reason, goes_on, note, page}: a log that ended, its keys with the newest first. */
  MZ.ReceiptEnded = function (data, words) {
    this.logs = JSON.parse(data.ended || "[]");
    this.words = words;
  };

  function isAmong(key, vkeys) {
    return vkeys.some(function (vkey) {
      return MZ.sameKey(key, MZ.parseKey(vkey));
    });
  }

  /* Returns the log, of those that ended, whose key signed this receipt; undefined for a log that goes on. */
  MZ.ReceiptEnded.prototype.logOf = function (result) {
    const key = result.isSealed ? result.steps[4].key : null;
    return this.logs.find(function (log) {
      return key !== null && isAmong(key, log.keys);
    });
  };

  /* A tree larger than what the next log binds was signed and then lost; with a key that others may have, it proves nothing. */
  MZ.ReceiptEnded.prototype.say = function (log, size, result) {
    if (result.checkpoint.size > size) {
      return this.words[isStolen(log) ? "ended_stolen" : "ended_outside"];
    }
    return this.words[this.isDoubtful(log, size, result) ? "ended_unsafe" : "ended_inside"];
  };

  function isStolen(log) {
    return log.reason === "key-compromised";
  }

  /* Somebody else may have signed this: what the next log does not bind, and what no witness saw. */
  MZ.ReceiptEnded.prototype.isDoubtful = function (log, size, result) {
    return isStolen(log) && (result.checkpoint.size > size || !result.isWitnessed);
  };

  /* Takes a verdict back to what is left of it: a signature that holds and is not enough. */
  MZ.ReceiptEnded.prototype.doubt = function (verdict) {
    verdict.className = "ih-verify__banner ih-verify__banner_sealed";
    verdict.querySelector(".ih-verify__result").textContent = this.words.ended_doubt;
    verdict.removeChild(verdict.querySelector(".ih-verify__why"));
  };

  /* Returns the element that says so; null where there is nothing to say. */
  MZ.ReceiptEnded.prototype.draw = function (result) {
    const log = this.logOf(result);
    if (!log) {
      return null;
    }
    const make = MZ.ReceiptView.make;
    const fill = MZ.ReceiptView.fill;
    const grouped = MZ.ReceiptView.grouped;
    const said = MZ.readSuccessor(log.note, log.keys[0]);
    const size = said ? said.size : log.size;
    const values = { old: result.checkpoint.origin, size: grouped(size), number: grouped(result.index + 1), signed: grouped(result.checkpoint.size) };
    const parts = [
      make("h3", "ih-verify__title", [this.words.ended_title]),
      make("p", "", [fill(this.say(log, size, result), values)]),
      make("p", "", [fill(this.words.ended_next, { name: said ? said.key.split("+")[0] : log.goes_on })])
    ];
    if (said) {
      parts.push(make("p", "", [this.words.ended_signed]), make("p", "ih-verify__fingerprint", [MZ.fingerprint(said.key)]));
    } else {
      parts.push(make("p", "", [this.words.ended_unsigned]));
    }
    const link = make("a", "", [this.words.ended_page]);
    link.href = log.page;
    parts.push(make("p", "ih-links", [link]));
    const element = make("div", "ih-verify__ended", parts);
    element.dataset.ended = said ? "signed" : "unsigned";
    element.dataset.doubtful = String(this.isDoubtful(log, size, result));
    return element;
  };
})((self.MZ = self.MZ || {}));
