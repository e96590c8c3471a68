/*
 * Checks several receipts, one after the other: a line for each, those that want a look first, and how many held. A line opens
 * its receipt in the check above. Judges nothing itself: receipt-check.js does.
 */
(function (MZ) {
  "use strict";

  const BEGINS = "c2sp.org/tlog-proof@"; // a file that begins otherwise is none, and did not fail
  const ORDER = ["refused", "other", "sealed", "passed"];

  /* Draws into `root`; `check` judges, and shows the one that is opened. */
  MZ.ReceiptMany = function (root, check) {
    this.root = root;
    this.check = check;
    this.words = check.words;
    this.turn = 0; // of the choice that is being checked: a newer one ends it
  };
  const Many = MZ.ReceiptMany;

  Many.prototype.clear = function () {
    this.turn += 1;
    this.draw([]);
  };

  Many.prototype.draw = function (parts) {
    this.root.textContent = "";
    parts.forEach(function (part) {
      this.root.appendChild(part);
    }, this);
    this.root.hidden = parts.length === 0;
  };

  function startsLikeOne(bytes) {
    return MZ.equal(bytes.subarray(0, BEGINS.length), MZ.utf8(BEGINS));
  }

  function readBytes(file, done) {
    const reader = new FileReader();
    reader.onload = function () {
      done(new Uint8Array(reader.result));
    };
    reader.onerror = function () {
      done(new Uint8Array(0));
    };
    reader.readAsArrayBuffer(file);
  }

  /* Checks `files`, of `largest` bytes at most, against `against`; draws when the last is done. */
  Many.prototype.run = function (files, against, largest) {
    const many = this;
    const found = [];
    const turn = (this.turn += 1);
    this.check.setAgainst(against);

    function keep(file, bytes, judged) {
      found.push({ name: file.name, bytes: bytes, state: judged ? judged.state : "other", result: judged && judged.result });
      next();
    }

    function look(file, bytes) {
      if (!startsLikeOne(bytes)) {
        keep(file, bytes, null);
        return;
      }
      many.check.foresee(bytes, function () {
        keep(file, bytes, many.check.judge(bytes));
      });
    }

    function next() {
      if (turn !== many.turn) {
        return;
      }
      if (found.length === files.length) {
        many.finish(found, turn);
        return;
      }
      many.check.say(MZ.ReceiptView.fill(many.words.many_checking, { number: found.length + 1, count: files.length }));
      const file = files[found.length];
      if (file.size > largest) {
        setTimeout(keep, 0, file, new Uint8Array(0), null);
      } else {
        readBytes(file, function (bytes) {
          look(file, bytes);
        });
      }
    }
    next();
  };

  /* Waits for the known answers: a browser that computes wrongly says nothing good of any receipt. */
  Many.prototype.finish = function (found, turn) {
    const many = this;
    this.check.whenRehearsed(function () {
      if (turn === many.turn && many.check.isTrusted) {
        found.sort(function (a, b) {
          return ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || (timeOf(a) < timeOf(b) ? 1 : -1);
        });
        many.check.answer([many.drawSum(found)]);
        many.draw(many.drawList(found));
        many.check.root.dataset.result = many.stateOfAll(found);
        many.check.scrollIntoView();
      } else if (turn === many.turn) {
        many.check.say(many.words.wrong_script);
      }
    });
  };

  function timeOf(one) {
    return one.result && one.result.open ? String(one.result.open.at) : "";
  }

  function countOf(found, state) {
    return found.filter(function (one) {
      return one.state === state;
    }).length;
  }

  /* All are as good as the worst of them; files that are no receipts say nothing of those that are. */
  Many.prototype.stateOfAll = function (found) {
    if (countOf(found, "refused") > 0) {
      return "refused";
    }
    return countOf(found, "sealed") > 0 || countOf(found, "passed") === 0 ? "sealed" : "passed";
  };

  Many.prototype.drawSum = function (found) {
    const make = MZ.ReceiptView.make;
    const counts = { passed: countOf(found, "passed"), refused: countOf(found, "refused"), sealed: countOf(found, "sealed"), other: countOf(found, "other") };
    const lines = ["refused", "sealed", "other"]
      .filter(function (state) {
        return counts[state] > 0;
      })
      .map(function (state) {
        return make("p", "ih-verify__why", [MZ.ReceiptView.fill(this.words["many_" + state], counts)]);
      }, this);
    const title = counts.refused + counts.sealed > 0 ? this.words.many_some : this.words.many_all;
    const head = counts.passed > 0 ? MZ.ReceiptView.fill(title, counts) : this.words.many_none;
    const parts = [make("p", "ih-verify__result", [head])].concat(lines);
    return make("div", "ih-verify__banner ih-verify__banner_" + this.stateOfAll(found), parts);
  };

  Many.prototype.drawList = function (found) {
    const make = MZ.ReceiptView.make;
    const lines = found.map(function (one) {
      return make("li", "ih-verify__one ih-verify__one_" + one.state, [this.drawLine(one)]);
    }, this);
    return [make("p", "ih-verify__hint", [this.words.many_open]), make("ol", "ih-verify__list", lines)];
  };

  Many.prototype.drawLine = function (one) {
    const make = MZ.ReceiptView.make;
    const check = this.check;
    const state = make("span", "ih-verify__state", [this.words["many_is_" + one.state]]);
    const says = one.state === "passed" || one.state === "sealed" ? check.view.sayEvent(one.result) : one.name;
    const button = make("button", "", [make("span", "", [says]), " ", state]);
    button.type = "button";
    button.addEventListener("click", function () {
      check.check(one.bytes);
      check.scrollIntoView();
    });
    return button;
  };
})((self.MZ = self.MZ || {}));
