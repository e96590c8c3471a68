/*
 * Checks a receipt in the reader's own browser; receipt-view.js says what held and what did not. Nothing leaves the device.
 *
 * Bound to [data-module="receipt-check"], which templates/components/receipt_check.html draws: all words come from there.
 * A classic script in ES2015, so that a saved page and an old phone check receipts too.
 */
(function (MZ) {
  "use strict";

  const LARGEST_FILE = 2000000; // bytes

  /* One name from each script; a script can get lost on the way, and a check with a hole in it must not run. */
  const NEEDED = [
    "concat", "sha256", "parseJSON", "isEd25519", "parseNote", "rootOf", "verifyReceipt", "tamper", "ReceiptView"
  ];

  function refill(element, children) {
    element.textContent = "";
    children.forEach(function (child) {
      element.appendChild(child);
    });
    element.hidden = children.length === 0;
  }

  /* The check in one element of the page. `keys` and `view` come once all scripts are found to be there. */
  function Check(root) {
    this.root = root;
    this.words = JSON.parse(root.dataset.words);
    this.verdict = root.querySelector("[data-verdict]");
    this.steps = root.querySelector("[data-steps]");
    this.tries = root.querySelector("[data-try]");
    this.technical = root.querySelector("[data-technical]");
    this.bytes = null; // the receipt as it came
    this.turn = 0; // how often a byte was changed
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

  /* Draws the result for the receipt as it came, or for `change`, what MZ.tamper made of it. */
  Check.prototype.show = function (change) {
    const hadFocus = this.tries.contains(document.activeElement);
    const original = MZ.verifyReceipt(this.bytes, this.keys);
    const result = change ? MZ.verifyReceipt(change.bytes, this.keys) : original;
    const isReceipt = result.steps[0].ok;
    this.answer([this.view.drawVerdict(result, change)]);
    refill(this.steps, isReceipt ? this.view.drawSteps(result, change ? original : null) : []);
    refill(this.tries, original.ok ? this.drawTries(change) : []);
    refill(this.technical, isReceipt ? this.view.drawTechnical(result) : []);
    this.root.dataset.result = result.ok ? "passed" : "refused";
    if (hadFocus) {
      this.tries.querySelector("button").focus(); // the pressed button was drawn anew
    }
  };

  Check.prototype.check = function (bytes) {
    this.bytes = bytes;
    this.turn = 0;
    this.show(null);
  };

  /* -- Where receipts come from -- */

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

  Check.prototype.readFile = function (file) {
    const check = this;
    const reader = new FileReader();
    reader.onload = function () {
      check.check(new Uint8Array(reader.result));
      check.verdict.scrollIntoView();
    };
    reader.readAsArrayBuffer(file);
  };

  /* A clipboard may bring other line ends and lose the last one; a file is taken byte for byte. */
  function bytesOfPaste(text) {
    const whole = text.replace(/\r\n?/g, "\n").replace(/[\ud800-\udfff]/gu, "?").trim();
    return MZ.utf8(whole + "\n");
  }

  Check.prototype.choose = function (form) {
    const file = form.querySelector("[data-file]").files[0];
    const text = form.querySelector("[data-paste]").value;
    let complaint = "";
    if (!file && text.trim() === "") {
      complaint = this.words.nothing_chosen;
    } else if ((file ? file.size : text.length) > LARGEST_FILE) {
      complaint = this.words.too_large;
    }
    form.querySelector("[data-complaint]").textContent = complaint;
    if (complaint) {
      this.say("");
    } else if (file) {
      this.readFile(file);
    } else {
      this.check(bytesOfPaste(text));
      this.verdict.scrollIntoView();
    }
  };

  Check.prototype.offerChoice = function (form) {
    const check = this;
    const file = form.querySelector("[data-file]");
    const paste = form.querySelector("[data-paste]");
    form.hidden = false;
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      check.choose(form);
    });
    file.addEventListener("change", function () {
      paste.value = ""; // the newest choice counts
      check.choose(form);
    });
    paste.addEventListener("input", function () {
      file.value = "";
    });
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

  function start(root) {
    const check = new Check(root);
    const isWhole = self.nacl && NEEDED.every(function (name) {
      return name in MZ;
    });
    if (!isWhole) {
      check.say(check.words.broken_script);
      return;
    }
    check.keys = usableKeys(root.dataset.keys);
    check.view = new MZ.ReceiptView(root.dataset, check.keys);
    const embedded = root.querySelector("[data-receipt]");
    const chooser = root.querySelector("[data-chooser]");
    if (chooser) {
      check.offerChoice(chooser);
    }
    if (embedded) {
      check.check(MZ.utf8(embedded.textContent));
    } else if (root.dataset.receiptUrl) {
      check.load(root.dataset.receiptUrl);
    } else {
      check.say(""); // a page saved after a check holds the old answer
    }
  }

  Array.prototype.forEach.call(document.querySelectorAll('[data-module="receipt-check"]'), start);
})((self.MZ = self.MZ || {}));
