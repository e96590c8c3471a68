/*
 * Checks in the reader's own browser that what a record says is what was signed: the digest of each version, computed from the
 * text that stands on the page, must be among the objects of a receipt that holds. Nothing leaves the device.
 *
 * Bound to [data-module="unchanged"], which templates/patient/unchanged.html draws. A classic script in ES2015, after js/verify/.
 */
(function (MZ) {
  "use strict";

  /* One name from each script: a check with a hole in it must not run. */
  const NEEDED = [
    "concat", "sha256", "parseJSON", "formatJSON", "isOnCurve", "parseNote", "rootOf", "parsePolicy", "verifyReceipt", "hex"
  ];

  function bytesOfHex(text) {
    const pairs = text.match(/^(?:[0-9a-f]{2}){32}$/) ? text.match(/../g) : [];
    return new Uint8Array(pairs.map(function (pair) {
      return parseInt(pair, 16);
    }));
  }

  /* Returns the digest of a row in hex: SHA-256 of its salt and the RFC 8785 text of its projection. */
  MZ.rowDigest = function (salt, projection) {
    return MZ.hex(MZ.sha256(bytesOfHex(salt), MZ.utf8(MZ.formatJSON(projection))));
  };

  /* Returns what a receipt says of its event's objects: {ok, open, objects by "type id version"}. */
  function read(text, keys) {
    const result = MZ.verifyReceipt(MZ.utf8(text), keys);
    const objects = {};
    ((result.own && result.own.objects) || []).forEach(function (object) {
      objects[object.type + " " + object.id + " " + object.version] = object.digest;
    });
    return { ok: result.ok && Boolean(result.own), open: result.open, objects: objects };
  }

  /* Says of one version "same", "changed", "pending" (its receipt waits for its seal) or "unnamed" (nothing vouches for it). */
  MZ.judgeVersion = function (version, receipts) {
    if (!version.event) {
      return "unnamed";
    }
    const receipt = receipts[version.event];
    if (!receipt) {
      return "pending";
    }
    let projection;
    try {
      projection = JSON.parse(version.text);
      const named = receipt.objects[projection.projection + " " + projection.id + " " + projection.version];
      return receipt.ok && named === MZ.rowDigest(version.salt, projection) ? "same" : "changed";
    } catch (error) {
      return "changed";
    }
  };

  /* `at` is when it was signed, in words; empty where nobody knows. */
  function say(element, verdict, words, at) {
    element.textContent = at && verdict === "same" ? words.same_since.replace("{at}", at) : words[verdict];
    element.className = "ih-same ih-same_" + verdict;
  }

  function checkFile(item, words) {
    const verdict = item.querySelector("[data-file-verdict]");
    if (!verdict) {
      return;
    }
    const request = new XMLHttpRequest();
    request.open("GET", verdict.dataset.fileVerdict);
    request.responseType = "arraybuffer";
    request.onload = function () {
      const same = request.status === 200 &&
        MZ.hex(MZ.sha256(new Uint8Array(request.response))) === verdict.dataset.sha256;
      say(verdict, same ? "file_same" : "file_changed", words);
    };
    request.onerror = function () {
      say(verdict, "file_failed", words);
    };
    request.send();
  }

  function start(root) {
    const words = JSON.parse(root.dataset.words);
    const verdict = root.querySelector("[data-verdict]");
    const isWhole = self.nacl && NEEDED.every(function (name) {
      return name in MZ;
    });
    if (!isWhole) {
      verdict.textContent = words.broken_script;
      return;
    }
    const keys = root.dataset.keys.split("\n");
    const receipts = {};
    Array.prototype.forEach.call(root.querySelectorAll("[data-receipt]"), function (element) {
      receipts[element.dataset.receipt] = read(element.textContent, keys);
    });
    const count = { same: 0, changed: 0, pending: 0, unnamed: 0 };
    Array.prototype.forEach.call(root.querySelectorAll("[data-version]"), function (element) {
      const found = MZ.judgeVersion({
        event: element.dataset.event,
        salt: element.dataset.salt,
        text: element.querySelector("[data-projection]").textContent
      }, receipts);
      count[found] += 1;
      say(element.querySelector("[data-says]"), found, words, element.dataset.at);
    });
    Array.prototype.forEach.call(root.querySelectorAll("[data-item]"), function (item) {
      checkFile(item, words);
    });
    const whole = count.changed + count.unnamed > 0 ? "changed" : count.pending > 0 ? "pending" : "same";
    verdict.textContent = words["all_" + whole].replace("{n}", count.same);
    verdict.className = "ih-same__all ih-same__all_" + whole;
    root.dataset.result = whole;
  }

  if (typeof document !== "undefined") {
    Array.prototype.forEach.call(document.querySelectorAll('[data-module="unchanged"]'), start);
  }
})((self.MZ = self.MZ || {}));
