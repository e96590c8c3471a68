/*
 * Checks a receipt in the reader's own browser and says in plain words what held and what did not. Nothing leaves the device.
 *
 * Bound to [data-module="receipt-check"], which templates/components/receipt_check.html draws: all words come from there.
 * A classic script in ES2015, so that a saved page and an old phone check receipts too.
 */
(function (MZ) {
  "use strict";

  const LARGEST_FILE = 2000000; // bytes
  const SHOWN_STEPS = ["event", "fingerprint", "path", "signature"];

  /* Returns `text` with each {name} replaced by `values[name]`. */
  function fill(text, values) {
    return text.replace(/\{([a-z]+)\}/g, function (whole, name) {
      return name in values ? values[name] : whole;
    });
  }

  function grouped(number) {
    return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
  }

  /* Returns a new element; `children` are elements and texts. */
  function make(tag, className, children) {
    const element = document.createElement(tag);
    if (className) {
      element.className = className;
    }
    (children || []).forEach(function (child) {
      element.appendChild(typeof child === "object" ? child : document.createTextNode(child));
    });
    return element;
  }

  function refill(element, children) {
    element.textContent = "";
    children.forEach(function (child) {
      element.appendChild(child);
    });
    element.hidden = children.length === 0;
  }

  function twoDigits(number) {
    return (number < 10 ? "0" : "") + number;
  }

  function isInstant(value) {
    return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z$/.test(value);
  }

  /* What a receipt-check element knows: its words, and the keys that can be used. */
  function Check(root) {
    this.root = root;
    this.words = JSON.parse(root.dataset.words);
    this.events = JSON.parse(root.dataset.events);
    this.fields = JSON.parse(root.dataset.fields);
    this.offset = Number(root.dataset.utcOffsetMinutes);
    this.verdict = root.querySelector("[data-verdict]");
    this.steps = root.querySelector("[data-steps]");
    this.tries = root.querySelector("[data-try]");
    this.technical = root.querySelector("[data-technical]");
    this.bytes = null; // the receipt as it came
    this.turn = 0; // how often a byte was changed
  }

  /* -- Words -- */

  Check.prototype.formatTime = function (instant) {
    const clock = new Date(Date.parse(instant) + this.offset * 60000);
    const month = clock.getUTCMonth() + 1;
    return fill(this.words.time, {
      year: clock.getUTCFullYear(),
      month: month,
      day: clock.getUTCDate(),
      mm: twoDigits(month),
      dd: twoDigits(clock.getUTCDate()),
      clock: [clock.getUTCHours(), clock.getUTCMinutes(), clock.getUTCSeconds()].map(twoDigits).join(":")
    });
  };

  Check.prototype.sayValue = function (field, value) {
    if (isInstant(value)) {
      return this.formatTime(value);
    }
    if (typeof value === "boolean") {
      return this.fields[value ? "yes" : "no"];
    }
    const known = this.fields[field + "=" + value];
    if (known) {
      return known;
    }
    return value !== null && typeof value === "object" ? MZ.formatJSON(value) : String(value);
  };

  /* Returns [[label, value]]: what a person wants to read of an event. */
  Check.prototype.factsOf = function (result) {
    const check = this;
    const facts = [[this.words.when, this.sayValue("at", result.open.at)]];
    const own = result.own || {};
    const actor = own.actor || {};

    function add(field, value) {
      if (value !== undefined && value !== null && value !== "") {
        facts.push([check.fields[field] || field, check.sayValue(field, value)]);
      }
    }
    const detail = own.detail || {};
    Object.keys(detail).forEach(function (field) {
      add(field, detail[field]);
    });
    add("actor", actor.kind);
    if (actor.role !== actor.kind) {
      add("role", actor.role);
    }
    ["purpose", "reason", "consent"].forEach(function (field) {
      add(field, own[field]);
    });
    return facts;
  };

  /* -- The four lines -- */

  function code(text) {
    return make("code", "ih-verify__code", [text]);
  }

  function line(text) {
    return make("p", "ih-verify__words", [text]);
  }

  Check.prototype.drawEvent = function (result, step, state) {
    if (!step.ok) {
      return [line(this.words.event_refused)];
    }
    const type = result.open.type;
    const parts = [make("p", "ih-verify__type", [this.events[type] || String(type)])];
    const facts = this.factsOf(result).map(function (fact) {
      return make("div", "", [make("dt", "", [fact[0]]), make("dd", "", [fact[1]])]);
    });
    parts.push(make("dl", "ih-verify__facts", facts));
    if (state === "unproven") {
      parts.push(line(this.words.event_unproven));
    } else if (!result.isForMe) {
      parts.push(line(this.words.event_rest_hidden));
    }
    return parts;
  };

  /* `original` is the result for the receipt as it came, when one of its bytes has been changed since. */
  Check.prototype.drawFingerprint = function (result, step, state, original) {
    const parts = [code(MZ.hex(result.entry))];
    if (original && !MZ.equal(original.entry, result.entry)) {
      parts.push(line(this.words.fingerprint_changed), make("s", "ih-verify__code", [MZ.hex(original.entry)]));
    } else {
      parts.push(line(step.ok ? this.words.fingerprint_passed : this.words.fingerprint_unproven));
    }
    return parts;
  };

  Check.prototype.drawPath = function (result, step) {
    if (!step.ok) {
      return [line(this.words.path_refused)];
    }
    const text = [this.words.path_passed_first, this.words.path_passed_one][step.steps] || this.words.path_passed;
    const size = grouped(result.checkpoint.size);
    return [line(fill(text, { steps: step.steps, size: size, number: grouped(result.index + 1) }))];
  };

  Check.prototype.drawSignature = function (result, step) {
    return [line(this.saySignature(result, step))];
  };

  Check.prototype.saySignature = function (result, step) {
    if (this.keys.length === 0) {
      return this.words.no_key;
    }
    if (!step.key) {
      return fill(this.words.signature_missing, { name: this.logNames() });
    }
    return step.ok ? fill(this.words.signature_passed, { name: step.key.name }) : this.words.signature_refused;
  };

  Check.prototype.logNames = function () {
    return this.keys
      .map(function (key) {
        return key.split("+")[0];
      })
      .filter(function (name, i, names) {
        return names.indexOf(name) === i;
      })
      .join(", ");
  };

  /* What an event says is only worth believing when everything below it held. */
  function stateOf(step, result) {
    if ((step.name === "event" && step.ok && !result.ok) || (step.name === "fingerprint" && !step.ok)) {
      return "unproven";
    }
    return step.ok ? "passed" : "refused";
  }

  Check.prototype.drawSteps = function (result, original) {
    const check = this;
    const draw = {
      event: check.drawEvent,
      fingerprint: check.drawFingerprint,
      path: check.drawPath,
      signature: check.drawSignature
    };
    return result.steps
      .filter(function (step) {
        return SHOWN_STEPS.indexOf(step.name) >= 0;
      })
      .map(function (step) {
        const state = stateOf(step, result);
        const heading = make("h3", "ih-verify__title", [
          check.words[step.name],
          make("span", "ih-hidden", [" – " + check.words["state_" + state]])
        ]);
        const item = make("li", "ih-verify__step ih-verify__step_" + state, [heading]);
        draw[step.name].call(check, result, step, state, original).forEach(function (part) {
          item.appendChild(part);
        });
        item.dataset.step = step.name;
        item.dataset.state = state;
        return item;
      });
  };

  /* -- The verdict -- */

  Check.prototype.sayWhy = function (result) {
    const failed = result.steps.find(function (step) {
      return !step.ok && step.name !== "fingerprint";
    });
    return failed.name === "signature" ? this.saySignature(result, failed) : this.words[failed.name + "_refused"];
  };

  Check.prototype.drawVerdict = function (result, change) {
    const parts = [make("p", "ih-verify__result", [result.ok ? this.words.passed : this.words.failed])];
    if (change) {
      const where = { part: this.words["part_" + change.part], place: grouped(change.place) };
      parts.push(make("p", "ih-verify__changed", [fill(this.words.changed, where)]));
    }
    parts.push(make("p", "ih-verify__why", [result.ok ? this.words.passed_because : this.sayWhy(result)]));
    if (!result.ok) {
      parts.push(make("p", "ih-verify__next", [change ? this.words.what_to_do_changed : this.words.what_to_do]));
    }
    return make("div", "ih-verify__banner ih-verify__banner_" + (result.ok ? "passed" : "refused"), parts);
  };

  /* The verdict is a live region: it stays in the page while empty, or its next words would not be read out. */
  Check.prototype.answer = function (children) {
    refill(this.verdict, children);
    this.verdict.hidden = false;
  };

  Check.prototype.say = function (text) {
    this.answer(text ? [make("p", "ih-verify__says", [text])] : []);
    [this.steps, this.tries, this.technical].forEach(function (element) {
      refill(element, []);
    });
  };

  /* -- Technical details -- */

  Check.prototype.drawTechnical = function (result) {
    const words = this.words;
    const signature = result.steps[4];
    const counts = { good: signature.witnesses, unknown: signature.unknown };
    const rows = [
      [words.tech_entry, MZ.hex(result.entry)],
      [words.tech_index, String(result.index)],
      [words.tech_origin, result.checkpoint.origin],
      [words.tech_size, String(result.checkpoint.size)],
      [words.tech_root, MZ.formatBase64(result.checkpoint.root)],
      [words.tech_key, signature.key ? signature.key.name : "–"],
      [words.tech_key_id, signature.key ? signature.key.id : "–"],
      [words.tech_witnesses, fill(words.witnesses, counts)]
    ];
    [["open", words.tech_open], ["own", words.tech_own]].forEach(function (half) {
      if (result[half[0]]) {
        rows.push([half[1], JSON.stringify(result[half[0]], null, 2)]);
      }
    });
    const list = rows.map(function (row) {
      return make("div", "", [make("dt", "", [row[0]]), make("dd", "", [row[1]])]);
    });
    return [make("summary", "", [words.technical]), make("dl", "ih-verify__rows", list)];
  };

  /* -- Changing a byte -- */

  function button(kind, text, press) {
    const element = make("button", "ih-btn ih-btn_" + kind, [text]);
    element.type = "button";
    element.addEventListener("click", press);
    return element;
  }

  function drawChange(change) {
    return make("p", "ih-verify__diff", [
      change.left,
      make("del", "", [change.before]),
      make("ins", "", [change.after]),
      change.right
    ]);
  }

  Check.prototype.drawTries = function (change) {
    const check = this;
    const parts = change ? [drawChange(change)] : [];
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
    this.answer([this.drawVerdict(result, change)]);
    refill(this.steps, isReceipt ? this.drawSteps(result, change ? original : null) : []);
    refill(this.tries, original.ok ? this.drawTries(change) : []);
    refill(this.technical, isReceipt ? this.drawTechnical(result) : []);
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
    if (!self.nacl || !MZ.verifyReceipt || !MZ.tamper) {
      check.say(check.words.broken_script);
      return;
    }
    check.keys = usableKeys(root.dataset.keys);
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
