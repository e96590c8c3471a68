/*
 * Checks a receipt in the reader's own browser; receipt-view.js says what held and what did not. Nothing leaves the device.
 *
 * Bound to [data-module="receipt-check"], which templates/components/receipt_check.html draws: all words come from there.
 * A classic script in ES2015, so that a saved page and an old phone check receipts too.
 */
(function (MZ) {
  "use strict";

  /* One name from each script; a script can get lost on the way, and a check with a hole in it must not run. */
  const NEEDED = [
    "concat", "sha256", "parseJSON", "isOnCurve", "isEd25519", "parseNote", "rootOf", "parsePolicy", "verifyReceipt", "inflate", "receiptOfCode",
    "checkChains", "readSuccessor", "tamper", "checkKnown", "ReceiptView", "ReceiptEnded", "ReceiptMany", "ReceiptInput"
  ];

  function refill(element, children) {
    element.textContent = "";
    children.forEach(function (child) {
      element.appendChild(child);
    });
    element.hidden = children.length === 0;
  }

  /*
   * The check in one element of the page. `view` comes once all scripts are found to be there. What a receipt is held against
   * is `against`: {keys, policy, record, isStrict}; the reader may put other keys in the place of the page's own.
   */
  function Check(root) {
    this.root = root;
    this.words = JSON.parse(root.dataset.words);
    this.verdict = root.querySelector("[data-verdict]");
    this.steps = root.querySelector("[data-steps]");
    this.tries = root.querySelector("[data-try]");
    this.technical = root.querySelector("[data-technical]");
    this.bytes = null; // the receipt as it came
    this.turn = 0; // how often a byte was changed
    this.asked = 0; // how often something was checked, for answers that come late
    this.waiting = []; // for the known answers
    this.isTrusted = true; // until this browser gives a known answer wrongly
  }

  /* The verdict is a live region: it stays in the page while empty, or its next words would not be read out. */
  Check.prototype.answer = function (children) {
    refill(this.verdict, children);
    this.verdict.hidden = false;
  };

  Check.prototype.say = function (text) {
    const words = document.createElement("p");
    words.className = "ih-verify__says";
    words.textContent = text;
    this.answer(text ? [words] : []);
    [this.steps, this.tries, this.technical].forEach(function (element) {
      refill(element, []);
    });
  };

  /* -- Changing a byte -- */

  function button(kind, text, press) {
    const element = document.createElement("button");
    element.className = "ih-btn ih-btn_" + kind;
    element.textContent = text;
    element.type = "button";
    element.addEventListener("click", press);
    return element;
  }

  Check.prototype.drawTries = function (change) {
    const check = this;
    const parts = change ? [this.view.drawChange(change)] : [];
    const text = change ? this.words.change_again : this.words.change;
    parts.push(button("secondary", text, function () {
      const next = MZ.tamper(check.bytes, check.turn, Math.random());
      check.turn += 1;
      check.show(next);
    }));
    if (change) {
      parts.push(button("primary", this.words.restore, function () {
        check.show(null);
      }));
    }
    return parts;
  };

  /* -- All together -- */

  Check.prototype.verify = function (bytes) {
    return MZ.verifyReceipt(bytes, this.against.keys, this.against);
  };

  /* Returns {result, state, ended, isDoubtful}: what view.stateOf says, and what is to be said of a log that ended. */
  Check.prototype.judge = function (bytes) {
    const result = this.verify(bytes);
    const ended = this.ended.draw(result);
    const isDoubtful = ended !== null && ended.dataset.doubtful === "true";
    return { result: result, state: isDoubtful ? "sealed" : this.view.stateOf(result), ended: ended, isDoubtful: isDoubtful };
  };

  /* Draws the result for the receipt as it came, or for `change`, what MZ.tamper made of it. */
  Check.prototype.draw = function (change) {
    if (!this.isTrusted) {
      this.say(this.words.wrong_script);
      return;
    }
    const hadFocus = this.tries.contains(document.activeElement);
    const judged = this.judge(this.bytes);
    const original = judged.result;
    const result = change ? this.verify(change.bytes) : original;
    const isReceipt = result.steps[0].ok;
    const isOfOthers = !isReceipt && !change && MZ.isProofOfOthers(this.bytes);
    const verdict = this.view.drawVerdict(result, change, isOfOthers);
    if (judged.isDoubtful && !change) {
      this.ended.doubt(verdict);
    }
    this.answer([verdict].concat((!change && judged.ended) || []));
    refill(this.steps, isReceipt ? this.view.drawSteps(result, change ? original : null) : []);
    refill(this.tries, original.isSealed ? this.drawTries(change) : []);
    refill(this.technical, isReceipt ? this.view.drawTechnical(result) : []);
    this.root.dataset.result = change ? this.view.stateOf(result) : judged.state;
    if (hadFocus) {
      this.tries.querySelector("button").focus(); // the pressed button was drawn anew
    }
  };

  /* Draws the receipt as it came, or what `change` made of it. */
  Check.prototype.show = function (change) {
    const check = this;
    const turn = (this.asked += 1);
    const bytes = change ? change.bytes : this.bytes;
    function draw() {
      if (turn === check.asked) {
        check.draw(change);
      }
    }
    this.foresee(bytes, draw);
  };

  /* Calls `done` when the browser has had its chance to check the signatures by itself. */
  Check.prototype.foresee = function (bytes, done) {
    if (MZ.foresee) {
      MZ.foresee(bytes, MZ.keysFor(this.against.keys, this.against.policy), done);
    } else {
      done();
    }
  };

  /*
   * Has the known answers judged while the reader is still looking for a receipt. What a browser has computed and drawn before it
   * does faster, too: the verdict on the first receipt comes in half the time.
   */
  Check.prototype.rehearse = function () {
    const check = this;
    MZ.checkKnown(later, function (result) {
      check.isTrusted = result !== null;
      if (result) {
        check.view.drawVerdict(result, null, false); // into nothing
        check.view.drawSteps(result, null);
        check.view.drawTechnical(result);
      } else {
        check.say(check.words.wrong_script);
      }
      check.root.dataset.rehearsed = "";
      check.waiting.forEach(function (done) {
        done();
      });
    });
  };

  /* Calls `done` once the known answers have been judged, and isTrusted says how. */
  Check.prototype.whenRehearsed = function (done) {
    if ("rehearsed" in this.root.dataset) {
      done();
    } else {
      this.waiting.push(done);
    }
  };

  Check.prototype.setAgainst = function (against) {
    this.against = against;
    this.view.setAgainst(against);
  };

  /* Checks the file of a receipt; `against`, if given, says by what from now on. */
  Check.prototype.check = function (bytes, against) {
    if (against) {
      this.setAgainst(against);
    }
    this.bytes = bytes;
    this.turn = 0;
    this.show(null);
  };

  /* When the browser has nothing else to do. */
  function later(step) {
    if (self.requestIdleCallback) {
      self.requestIdleCallback(step, { timeout: 2000 });
    } else {
      setTimeout(step, 100);
    }
  }

  /* With the next picture: asked for at once, the page would be laid out twice, and the verdict come later. */
  Check.prototype.scrollIntoView = function () {
    const verdict = this.verdict;
    self.requestAnimationFrame(function () {
      verdict.scrollIntoView();
    });
  };

  Check.prototype.load = function (url) {
    const check = this;
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "arraybuffer";
    request.onload = function () {
      if (request.status === 200) {
        check.check(new Uint8Array(request.response));
      } else {
        check.say(check.words.fetch_failed);
      }
    };
    request.onerror = function () {
      check.say(check.words.fetch_failed);
    };
    this.say(this.words.checking);
    request.send();
  };

  /* Keys of a kind that cannot be checked here are passed over. */
  function usableKeys(text) {
    return text.split("\n").filter(function (key) {
      try {
        return Boolean(MZ.parseKey(key));
      } catch (error) {
        return false;
      }
    });
  }

  /* What this page holds receipts against. A receipt that waits for its witnesses is good here, and says that it waits. */
  function pagesOwn(data) {
    return {
      keys: usableKeys(data.keys),
      policy: data.policy ? MZ.parsePolicy(data.policy) : null,
      record: null,
      isStrict: false
    };
  }

  function start(root) {
    const check = new Check(root);
    const isWhole = self.nacl && NEEDED.every(function (name) {
      return name in MZ;
    });
    if (!isWhole) {
      check.say(check.words.broken_script);
      return;
    }
    try {
      check.against = pagesOwn(root.dataset);
    } catch (error) {
      check.say(check.words.wrong_script); // the hospital's own keys do not read
      return;
    }
    check.view = new MZ.ReceiptView(root.dataset, check.against);
    check.ended = new MZ.ReceiptEnded(root.dataset, check.words);
    const embedded = root.querySelector("[data-receipt]");
    const chooser = root.querySelector("[data-chooser]");
    check.many = new MZ.ReceiptMany(root.querySelector("[data-many]"), check);
    const input = chooser ? new MZ.ReceiptInput(chooser, check, check.against) : null;
    if (embedded) {
      check.check(MZ.utf8(embedded.textContent));
    } else if (root.dataset.receiptUrl) {
      check.load(root.dataset.receiptUrl);
    } else if (!input || !input.takeAddress()) {
      check.say(""); // a page saved after a check holds the old answer
    }
    check.rehearse();
  }

  Array.prototype.forEach.call(document.querySelectorAll('[data-module="receipt-check"]'), start);
})((self.MZ = self.MZ || {}));
