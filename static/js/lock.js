// Covers the page of staff when nobody touched it for a while, and tells the server of touches so that it knows the same.
// The server decides: a locked sitting gets no page and no part of one. This only makes it look so in time, and lets the PIN be
// typed where one is, so that what was half written is still there afterwards.

const LOOKS_EVERY_MS = 1000;
const TRIES_AGAIN_MS = 3000;

export function start(element) {
  const given = element.dataset;
  const place = `mz-touched-${given.sitting}`; // shared with other tabs of this sitting: a touch in one is a touch
  let touchedAt = Date.now();
  let toldAt = Date.now();
  let cover = null;

  function touched() {
    if (cover) return;
    touchedAt = Date.now();
    try {
      localStorage.setItem(place, String(touchedAt));
    } catch (full) {
      // Then each tab counts for itself.
    }
    if (touchedAt - toldAt >= given.every * 1000) {
      toldAt = touchedAt;
      send(given.active, {}).catch(() => {});
    }
  }

  function lastTouch() {
    let elsewhere = 0;
    try {
      elsewhere = Number(localStorage.getItem(place)) || 0;
    } catch (closed) {
      elsewhere = 0;
    }
    return Math.max(touchedAt, Math.min(elsewhere, Date.now()));
  }

  function send(url, fields) {
    const headers = { "X-CSRF-Token": given.token, "X-Requested-With": "fetch" };
    const body = new URLSearchParams(fields);
    return fetch(url, { method: "POST", headers, body, credentials: "same-origin", redirect: "manual", cache: "no-store" });
  }

  function look() {
    if (!cover && Date.now() - lastTouch() >= given.seconds * 1000) lock();
  }

  // 1. Cover at once, network or not. 2. Tell the server. 3. Fetch the question and put it on the cover.
  function lock() {
    document.documentElement.classList.add("ih-covered");
    cover = document.createElement("div");
    cover.className = "ih-cover";
    cover.setAttribute("role", "dialog");
    cover.setAttribute("aria-modal", "true");
    cover.setAttribute("aria-label", given.title);
    cover.tabIndex = -1;
    for (const part of document.body.children) part.inert = true;
    document.body.appendChild(cover);
    say(given.wait);
    cover.focus();
    tell();
  }

  function say(text) {
    const line = document.createElement("p");
    line.setAttribute("role", "status");
    line.textContent = text;
    cover.replaceChildren(line);
  }

  function tell() {
    send(given.lock, { cause: "idle" })
      .then(() => fetch(given.page, { credentials: "same-origin", cache: "no-store" }))
      .then((answer) => {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.text().then((text) => ask(text, answer.url));
      })
      .catch(() => {
        say(given.lost);
        setTimeout(tell, TRIES_AGAIN_MS);
      });
  }

  function ask(text, url) {
    const question = new DOMParser().parseFromString(text, "text/html").querySelector("#unlock");
    if (!question) {
      window.location.assign(url); // the sitting is over: the sign-in knows the way back
      return;
    }
    const title = document.createElement("h1");
    title.textContent = given.title;
    const box = document.createElement("div");
    box.className = "ih-cover__box ih-work";
    box.append(title, question);
    cover.replaceChildren(box);
    const form = box.querySelector("form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      open(form);
    });
    const field = box.querySelector("#secret");
    (field || cover).focus();
  }

  function open(form) {
    const owner = form.querySelector("[name=who]:checked, [name=who][type=hidden]");
    if (owner && owner.value !== given.owner) {
      form.submit(); // somebody else goes on: their own page, not this one
      return;
    }
    fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), credentials: "same-origin" })
      .then((answer) => {
        if (answer.ok && answer.redirected) return uncover();
        return answer.text().then((text) => ask(text, answer.url));
      })
      .catch(() => {
        say(given.lost);
        setTimeout(tell, TRIES_AGAIN_MS);
      });
  }

  function uncover() {
    const isHalfWritten = Array.from(document.querySelectorAll("main input:not([type=hidden]), main textarea")).some(
      (field) => field.value !== field.defaultValue
    );
    if (!isHalfWritten) {
      window.location.reload(); // the board as it is now, at the place where it was
      return;
    }
    cover.remove();
    cover = null;
    touchedAt = toldAt = Date.now();
    for (const part of document.body.children) part.inert = false;
    document.documentElement.classList.remove("ih-covered");
    window.dispatchEvent(new Event("online")); // pages that rested look again
  }

  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) {
    document.addEventListener(kind, touched, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload(); // a page kept by the back button may be from before the lock
  });
  setInterval(look, LOOKS_EVERY_MS);
}
