/*
 * Puts what MZ.verifyReceipt found into plain words and elements, for receipt-check.js. A view is made of the words that
 * templates/components/receipt_check.html gives, and knows nothing of the page around it.
 */
(function (MZ) {
  "use strict";

  const SHOWN_STEPS = ["event", "fingerprint", "path", "signature", "witnesses"];
  const SHOWN_RECORD = 400; // bytes of what somebody else's log holds

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

  function twoDigits(number) {
    return (number < 10 ? "0" : "") + number;
  }

  function isInstant(value) {
    return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z$/.test(value);
  }

  /* `data` is the dataset of the check's element, `against` what receipts are held against: {keys, policy, isStrict}. */
  MZ.ReceiptView = function (data, against) {
    this.words = JSON.parse(data.words);
    this.events = JSON.parse(data.events);
    this.fields = JSON.parse(data.fields);
    this.offset = Number(data.utcOffsetMinutes);
    this.setAgainst(against);
  };
  const View = MZ.ReceiptView;
  View.make = make;
  View.fill = fill;
  View.grouped = grouped;

  View.prototype.setAgainst = function (against) {
    this.keys = against.keys;
    this.isStrict = against.isStrict;
  };

  /*
   * Returns "passed", "sealed" or "refused". Sealed is a receipt that the log signed and too few witnesses cosigned, where the
   * reader's own policy asked for them; under the page's own it has passed, and its last line says that it waits.
   */
  View.prototype.stateOf = function (result) {
    if (result.ok || (result.isSealed && !this.isStrict)) {
      return "passed";
    }
    return result.isSealed ? "sealed" : "refused";
  };

  /* -- Words -- */

  View.prototype.formatTime = function (instant) {
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

  View.prototype.sayValue = function (field, value) {
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

  /* Returns one line for an event that held: what happened, and when. */
  View.prototype.sayEvent = function (result) {
    const at = result.open && this.formatTime(result.open.at);
    return result.open ? (this.events[result.open.type] || String(result.open.type)) + " · " + at : this.words.event;
  };

  /* Returns [[label, value]]: what a person wants to read of an event. */
  View.prototype.factsOf = function (result) {
    const view = this;
    const facts = [[this.words.when, this.sayValue("at", result.open.at)]];
    const own = result.own || {};
    const actor = own.actor || {};

    function add(field, value) {
      if (value !== undefined && value !== null && value !== "") {
        facts.push([view.fields[field] || field, view.sayValue(field, value)]);
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

  View.prototype.drawEvent = function (result, step, state) {
    if (!step.ok) {
      return [line(this.words.event_refused)];
    }
    if (result.record) {
      return this.drawRecord(result.record);
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

  /* What a log of others holds is anything; its beginning is shown where it is text. */
  View.prototype.drawRecord = function (record) {
    const parts = [line(fill(this.words.record, { size: grouped(record.length) }))];
    const text = Array.prototype.map.call(record.subarray(0, SHOWN_RECORD), function (byte) {
      return byte === 0x0a || (byte >= 0x20 && byte < 0x7f) ? String.fromCharCode(byte) : "·";
    });
    return parts.concat(code(text.join("") + (record.length > SHOWN_RECORD ? "…" : "")));
  };

  /* `original` is the result for the receipt as it came, when one of its bytes has been changed since. */
  View.prototype.drawFingerprint = function (result, step, state, original) {
    const parts = [code(MZ.hex(result.record ? MZ.leafHash(result.entry) : result.entry))];
    if (original && !MZ.equal(original.entry, result.entry)) {
      parts.push(line(this.words.fingerprint_changed), make("s", "ih-verify__code", [MZ.hex(original.entry)]));
    } else {
      parts.push(line(step.ok ? this.words.fingerprint_passed : this.words.fingerprint_unproven));
    }
    return parts;
  };

  View.prototype.drawPath = function (result, step) {
    if (!step.ok) {
      return [line(this.words.path_refused)];
    }
    const text = [this.words.path_passed_first, this.words.path_passed_one][step.steps] || this.words.path_passed;
    const size = grouped(result.checkpoint.size);
    return [line(fill(text, { steps: step.steps, size: size, number: grouped(result.index + 1) }))];
  };

  View.prototype.drawSignature = function (result, step) {
    const parts = [line(this.saySignature(result, step))];
    const vkey = step.key && step.ok ? this.textOf(step.key) : null;
    if (vkey) {
      parts.push(line(this.words.key_fingerprint), make("p", "ih-verify__fingerprint", [MZ.fingerprint(vkey)]));
    }
    return parts;
  };

  View.prototype.textOf = function (key) {
    return this.keys.find(function (text) {
      return text.indexOf(key.name + "+" + key.id + "+") === 0;
    });
  };

  View.prototype.drawWitnesses = function (result, step) {
    if (!step.isAccepted) {
      return [line(this.words.policy_refused)];
    }
    const view = this;
    const names = result.steps[4].cosigners.map(function (cosigner) {
      const at = view.formatTime(new Date(cosigner.at * 1000).toISOString());
      return make("li", "", [fill(view.words.cosigner, { name: cosigner.name, at: at })]);
    });
    const counts = { count: step.names.length };
    let words = step.ok ? this.words.witnesses_passed : this.words.witnesses_too_few;
    if (names.length === 0) {
      words = step.ok ? this.words.witnesses_not_asked : this.words.witnesses_none;
    }
    return [line(fill(words, counts))].concat(names.length > 0 ? make("ul", "ih-verify__cosigners", names) : []);
  };

  View.prototype.saySignature = function (result, step) {
    if (this.keys.length === 0) {
      return this.words.no_key;
    }
    if (!step.key) {
      return fill(this.words.signature_missing, { name: this.logNames() });
    }
    return step.ok ? fill(this.words.signature_passed, { name: step.key.name }) : this.words.signature_refused;
  };

  View.prototype.logNames = function () {
    return this.keys
      .map(function (key) {
        return key.split("+")[0];
      })
      .filter(function (name, i, names) {
        return names.indexOf(name) === i;
      })
      .join(", ");
  };

  /* What an event says is only worth believing when everything below it held. Witnesses may still come. */
  function stateOf(step, result) {
    if ((step.name === "event" && step.ok && !result.isSealed) || (step.name === "fingerprint" && !step.ok)) {
      return "unproven";
    }
    if (step.name === "witnesses" && !step.ok && step.isAccepted) {
      return "unproven";
    }
    return step.ok ? "passed" : "refused";
  }

  View.prototype.drawSteps = function (result, original) {
    const view = this;
    const draw = {
      event: view.drawEvent,
      fingerprint: view.drawFingerprint,
      path: view.drawPath,
      signature: view.drawSignature,
      witnesses: view.drawWitnesses
    };
    return result.steps
      .filter(function (step) {
        return SHOWN_STEPS.indexOf(step.name) >= 0;
      })
      .map(function (step) {
        const state = stateOf(step, result);
        const heading = make("h3", "ih-verify__title", [
          view.words[step.name],
          make("span", "ih-hidden", [" – " + view.words["state_" + state]])
        ]);
        const item = make("li", "ih-verify__step ih-verify__step_" + state, [heading]);
        draw[step.name].call(view, result, step, state, original).forEach(function (part) {
          item.appendChild(part);
        });
        item.dataset.step = step.name;
        item.dataset.state = state;
        return item;
      });
  };

  /* -- The verdict -- */

  View.prototype.sayWhy = function (result, isOfOthers) {
    if (result.ok) {
      return result.isWitnessed ? this.words.witnessed_because : this.words.passed_because;
    }
    if (result.isSealed && result.steps[5].isAccepted) {
      return this.words[this.isStrict ? "sealed_because" : "waits_because"];
    }
    if (isOfOthers) {
      return this.words.others_receipt;
    }
    const failed = result.steps.find(function (step) {
      return !step.ok && step.name !== "fingerprint";
    });
    if (failed.name === "signature") {
      return this.saySignature(result, failed);
    }
    return this.words[failed.name === "witnesses" ? "policy_refused" : failed.name + "_refused"];
  };

  View.prototype.sayState = function (result) {
    const state = this.stateOf(result);
    if (state !== "passed") {
      return this.words[state === "sealed" ? "only_sealed" : "failed"];
    }
    return this.words[result.isWitnessed ? "passed_witnessed" : "passed"];
  };

  View.prototype.drawVerdict = function (result, change, isOfOthers) {
    const state = this.stateOf(result);
    const parts = [make("p", "ih-verify__result", [this.sayState(result)])];
    if (change) {
      const where = { part: this.words["part_" + change.part], place: grouped(change.place) };
      parts.push(make("p", "ih-verify__changed", [fill(this.words.changed, where)]));
    }
    parts.push(make("p", "ih-verify__why", [this.sayWhy(result, isOfOthers)]));
    if (state === "refused" && !isOfOthers) {
      parts.push(make("p", "ih-verify__next", [change ? this.words.what_to_do_changed : this.words.what_to_do]));
    }
    return make("div", "ih-verify__banner ih-verify__banner_" + state, parts);
  };

  /* -- Technical details -- */

  View.prototype.drawTechnical = function (result) {
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
      [words.tech_witnesses, fill(words.tech_counts, counts)]
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

  /* Returns what `change`, from MZ.tamper, did: a few characters around, the old one and the new. */
  View.prototype.drawChange = function (change) {
    return make("p", "ih-verify__diff", [
      change.left,
      make("del", "", [change.before]),
      make("ins", "", [change.after]),
      change.right
    ]);
  };
})((self.MZ = self.MZ || {}));
