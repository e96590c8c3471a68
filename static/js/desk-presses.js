// Presses on the desk's board: kept in the page until the server answered, sent one by one in their order.
// Each keeps its idempotency key, also over a reload (sessionStorage), so that one that is sent twice is done once.

const STORE = "mz-desk-presses";
const ANSWER_WITHIN_MS = 15000;
const SLOWEST_MS = 5000;
const TRIES_OF_A_FAULT = 3; // a server that fails at one press must not hold up those behind it
const SAID_FOR_MS = 8000;
const OLD_MS = 15 * 60 * 1000; // what waited this long is sent only when somebody still wants it

export class Presses {
  // `says(row, kind, text)` and `changed()` tell the page; `token()` is the form token of this page as it is now.
  constructor(who, clinic, token, tell) {
    this.who = who;
    this.clinic = clinic;
    this.token = token;
    this.tell = tell;
    this.stop = ""; // "sign_in" or "old_page": what a person must do before anything can be sent
    this.failures = 0;
    this.going = null;
    this.timer = null;
    this.said = new Map();
    this.all = read();
    window.addEventListener("online", () => {
      if (this.stop === "sign_in") this.stop = ""; // unlocked, which also says so: the server decides anew
      this.soon(0);
    });
    this.soon(0);
  }

  // -- What waits

  mine() {
    return this.all.filter((press) => press.who === this.who && !press.refused);
  }

  others() {
    return this.all.filter((press) => press.who !== this.who && !press.refused);
  }

  refused() {
    return this.all.filter((press) => press.who === this.who && press.refused);
  }

  // What to show at a row: [kind, text, press], the newest first in mind.
  at(row) {
    const waiting = this.mine().filter((press) => press.row === row);
    if (waiting.length) {
      const press = waiting[0];
      return [this.going === press && !this.failures ? "sending" : "waits", waiting.map((one) => one.label).join(", "), press];
    }
    const no = this.refused().filter((press) => press.row === row).pop();
    if (no) return ["refused", `${no.label}: ${no.refused}`, no];
    return this.said.has(row) ? ["done", this.said.get(row), null] : null;
  }

  is_lost() {
    return this.failures > 0 || navigator.onLine === false;
  }

  old() {
    return this.mine().filter((press) => !press.agreed && Date.now() - press.at > OLD_MS);
  }

  agree() {
    for (const press of this.mine()) press.agreed = true;
    this.keep();
    this.soon(0);
  }

  forgetOld() {
    const old = this.old();
    this.all = this.all.filter((press) => old.indexOf(press) < 0);
    this.keep();
    this.soon(0);
  }

  // -- Pressing

  // Returns false for a press that waits already: a second one on the same button is the same one.
  add(url, fields, row, label) {
    const body = JSON.stringify(fields);
    if (this.mine().some((press) => press.url === url && JSON.stringify(press.fields) === body)) return false;
    this.all = this.all.filter((press) => !(press.refused && press.row === row));
    this.said.delete(row);
    this.all.push({ key: newKey(), who: this.who, clinic: this.clinic, url, fields, row, label, at: Date.now(), tries: 0 });
    this.keep();
    this.soon(0);
    return true;
  }

  forget(key) {
    this.all = this.all.filter((press) => press.key !== key || press === this.going);
    this.keep();
  }

  forgetOthers() {
    this.all = this.all.filter((press) => press.who === this.who);
    this.keep();
  }

  keep() {
    try {
      sessionStorage.setItem(STORE, JSON.stringify(this.all));
    } catch (full) {
      // Without room to keep them they still wait in the page.
    }
    this.tell.changed();
  }

  // -- Sending

  soon(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), wait);
  }

  send() {
    const press = this.mine()[0];
    if (this.going || this.stop || !press) return;
    if (this.old().length) {
      this.tell.changed();
      return;
    }
    if (navigator.onLine === false) {
      this.tell.changed();
      this.soon(SLOWEST_MS);
      return;
    }
    this.going = press;
    this.tell.changed();
    post(press, this.token()).then((outcome) => {
      this.going = null;
      this.settle(press, outcome);
      this.keep();
      if (!this.stop && this.mine().length) this.soon(outcome.later ? this.pause(outcome.seconds) : 0);
    });
  }

  settle(press, outcome) {
    if (outcome.stop) {
      this.stop = outcome.stop;
      return;
    }
    if (outcome.fault) {
      press.tries += 1;
      if (press.tries < TRIES_OF_A_FAULT) {
        outcome.later = true;
      } else {
        outcome.refused = this.tell.words.failed;
      }
    }
    if (outcome.later) {
      this.failures += 1;
      return;
    }
    this.failures = 0;
    if (outcome.refused) {
      press.refused = outcome.refused;
    } else {
      this.all = this.all.filter((one) => one.key !== press.key);
      this.said.set(press.row, outcome.said);
      setTimeout(() => {
        if (this.said.get(press.row) === outcome.said) this.said.delete(press.row);
        this.tell.changed();
      }, SAID_FOR_MS);
    }
    this.tell.settled(press, outcome);
  }

  pause(seconds) {
    const wait = seconds ? seconds * 1000 : 500 * Math.pow(2, Math.min(this.failures, 10));
    return Math.min(wait, SLOWEST_MS);
  }
}

// Returns a promise of {said}, {refused}, {later, seconds}, {fault} or {stop}; it never fails.
function post(press, token) {
  const body = new URLSearchParams(press.fields);
  body.set("csrf_token", token);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), ANSWER_WITHIN_MS);
  const headers = { "X-Requested-With": "fetch", Accept: "application/json", "Idempotency-Key": press.key, "X-Desk-Who": press.who };
  return fetch(press.url, { method: "POST", body, headers, credentials: "same-origin", signal: abort.signal, cache: "no-store" })
    .then((answer) => {
      const isJSON = (answer.headers.get("Content-Type") || "").indexOf("json") >= 0;
      if (answer.ok && isJSON) return answer.json().then((told) => ({ said: (told.data && told.data.said) || "" }));
      if (answer.status === 401 || answer.redirected) return { stop: "sign_in" };
      if (isJSON && answer.status >= 400 && answer.status < 500) {
        return answer.json().then((told) => ({ refused: [told.title, told.next].filter(Boolean).join(" ") }));
      }
      if (answer.status === 400) return { stop: "old_page" }; // the form token is another browser session's
      if ([429, 502, 503, 504].indexOf(answer.status) >= 0) {
        return { later: true, seconds: Number(answer.headers.get("Retry-After")) || 0 };
      }
      return { fault: true };
    })
    .catch(() => ({ later: true }))
    .then((outcome) => {
      clearTimeout(timer);
      return outcome;
    });
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORE) || "[]");
    return Array.isArray(kept) ? kept : [];
  } catch (broken) {
    return [];
  }
}
