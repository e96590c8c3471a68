/*
 * "My receipts complete": fetches the holder's receipts, checks each, and says whether anything is missing, doubled or out of
 * order between them. Receipts that were kept before are added from files: against those nobody can renumber.
 *
 * Bound to [data-module="receipts-complete"]; all words come from templates/patient/receipts_complete.html.
 */
(function (MZ) {
  "use strict";

  const LARGEST_FILE = 2000000; // bytes
  const SHOWN_NAME = 60; // characters of a file's name

  function fill(text, values) {
    return text.replace(/\{([a-z]+)\}/g, function (whole, name) {
      return name in values ? values[name] : whole;
    });
  }

  function make(tag, className, children) {
    const element = document.createElement(tag);
    element.className = className;
    children.forEach(function (child) {
      element.appendChild(typeof child === "object" ? child : document.createTextNode(child));
    });
    return element;
  }

  function Complete(root) {
    this.root = root;
    this.words = JSON.parse(root.dataset.words);
    this.people = JSON.parse(root.dataset.people);
    this.keys = root.dataset.keys.split("\n").filter(Boolean);
    this.answer = root.querySelector("[data-answer]");
    this.button = root.querySelector("[data-start]");
    this.files = root.querySelector("[data-kept]");
    this.fresh();
  }

  Complete.prototype.fresh = function () {
    this.links = [];
    this.healings = [];
    this.bad = [];
    this.pending = 0;
    this.checked = 0;
  };

  Complete.prototype.say = function (text) {
    this.answer.textContent = text;
  };

  /* Takes the file of one receipt; one that is not good is named and left out. */
  Complete.prototype.take = function (name, bytes) {
    const result = MZ.verifyReceipt(bytes, this.keys);
    const healing = result.ok ? MZ.healingOf(result) : null;
    const link = result.ok && !healing ? MZ.linkOf(name || "", result, bytes) : null;
    this.checked += 1;
    if (healing) {
      this.healings.push(healing);
    } else if (link) {
      link.name = name || fill(this.words.number, { number: link.seq });
      this.links.push(link);
    } else {
      this.bad.push({ name: (name || "").slice(0, SHOWN_NAME), isGood: result.ok });
    }
  };

  Complete.prototype.fetch = function (before, done) {
    const complete = this;
    const request = new XMLHttpRequest();
    request.open("GET", this.root.dataset.url + (before ? "?before=" + encodeURIComponent(before) : ""));
    request.onload = function () {
      if (request.status !== 200) {
        complete.say(complete.words.lost);
        complete.button.disabled = false;
        return;
      }
      const part = JSON.parse(request.responseText);
      part.receipts.forEach(function (text) {
        complete.take("", MZ.utf8(text));
      });
      complete.pending += part.pending;
      complete.say(fill(complete.words.checking, { count: complete.checked }));
      if (part.earlier) {
        complete.fetch(part.earlier, done);
      } else {
        done();
      }
    };
    request.onerror = function () {
      complete.say(complete.words.lost);
      complete.button.disabled = false;
    };
    request.send();
  };

  Complete.prototype.readKept = function (done) {
    const complete = this;
    const files = Array.prototype.filter.call(this.files.files, function (file) {
      return file.size <= LARGEST_FILE;
    });
    let left = files.length;
    if (left === 0) {
      done();
    }
    files.forEach(function (file) {
      const reader = new FileReader();
      reader.onloadend = function () {
        complete.take(file.name, new Uint8Array(reader.result || 0));
        left -= 1;
        if (left === 0) {
          done();
        }
      };
      reader.readAsArrayBuffer(file);
    });
  };

  /* -- Words -- */

  Complete.prototype.nameOf = function (subject) {
    return this.people[subject] || this.words.account;
  };

  Complete.prototype.sayFinding = function (one) {
    const isOne = one.kind === "missing" && one.first === one.last;
    const values = { first: one.first, last: one.last, a: one.names[0] || "", b: one.names[1] || "" };
    return make("li", "", [fill(this.words[isOne ? "missing_one" : one.kind], values)]);
  };

  Complete.prototype.drawChain = function (chain) {
    const words = this.words;
    const values = { first: chain.first, last: chain.last, held: chain.held };
    const title = make("h3", "ih-verify__title", [this.nameOf(chain.subject)]);
    const verdict = make("p", "ih-chain__verdict", [fill(chain.isComplete ? words.complete : words.incomplete, values)]);
    const parts = [title, verdict];
    if (chain.findings.length > 0) {
      parts.push(make("ul", "ih-chain__findings", chain.findings.map(this.sayFinding, this)));
    }
    if (chain.first > 1) {
      parts.push(make("p", "ih-quiet", [fill(words.begins, { first: chain.first })]));
    }
    const section = make("section", "ih-card ih-chain_" + (chain.isComplete ? "complete" : "incomplete"), parts);
    section.dataset.complete = String(chain.isComplete);
    return section;
  };

  Complete.prototype.draw = function () {
    const complete = this;
    const chains = MZ.checkChains(this.links, this.healings);
    this.answer.textContent = "";
    chains.forEach(function (chain) {
      complete.answer.appendChild(complete.drawChain(chain));
    });
    this.bad.forEach(function (one) {
      const words = one.isGood ? complete.words.to_show : complete.words.not_good;
      complete.answer.appendChild(make("p", "ih-panel ih-panel_warning", [fill(words, { name: one.name })]));
    });
    if (this.pending > 0) {
      this.answer.appendChild(make("p", "ih-quiet", [fill(this.words.pending, { count: this.pending })]));
    }
    if (chains.length === 0 && this.bad.length === 0) {
      this.say(this.words.none);
    }
    this.button.disabled = false;
    this.root.dataset.done = String(this.checked);
  };

  Complete.prototype.run = function () {
    const complete = this;
    this.fresh();
    delete this.root.dataset.done;
    this.button.disabled = true;
    this.say(fill(this.words.checking, { count: 0 }));
    this.fetch("", function () {
      complete.readKept(function () {
        complete.draw();
      });
    });
  };

  function start(root) {
    const complete = new Complete(root);
    if (!MZ.checkChains || !MZ.verifyReceipt || !self.nacl) {
      complete.say(complete.words.broken_script);
      return;
    }
    root.querySelector("[data-form]").hidden = false;
    complete.button.addEventListener("click", function () {
      complete.run();
    });
  }

  Array.prototype.forEach.call(document.querySelectorAll('[data-module="receipts-complete"]'), start);
})((self.MZ = self.MZ || {}));
