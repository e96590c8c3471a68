// Keeps a part of the page as it is on the server: fetches an HTML fragment and replaces the old one when it changed.
// Rests while the page is hidden, looks at once when it is seen again, slows down while the network is lost.

const SLOWEST_SECONDS = 30;
const LONGEST_ANSWER_SECONDS = 15; // a request that a sleeping phone left behind is never answered, and never fails

export function start(element, startWithin) {
  const body = element.querySelector("[data-poll-body]");
  const lost = element.querySelector("[data-poll-lost]");
  const says = element.querySelector("[data-poll-says]");
  const seconds = Number(element.dataset.seconds) || 2;
  let tag = null;
  let shown = null;
  let failures = 0;
  let timer = null;
  let askedAt = 0; // 0: nothing is asked
  let turn = 0;

  function later() {
    clearTimeout(timer);
    const wait = Math.min(seconds * Math.pow(2, failures), Math.max(SLOWEST_SECONDS, seconds));
    if (!document.hidden && element.isConnected) timer = setTimeout(look, wait * 1000);
  }

  function look() {
    if (!element.isConnected || (askedAt && Date.now() - askedAt < LONGEST_ANSWER_SECONDS * 1000)) return;
    if (document.documentElement.classList.contains("ih-covered")) return later(); // locked: nothing is shown, nothing asked
    askedAt = Date.now();
    turn += 1;
    const mine = turn;
    clearTimeout(timer);
    timer = setTimeout(look, (LONGEST_ANSWER_SECONDS + 1) * 1000);
    const headers = { "X-Requested-With": "fetch", Accept: "text/html" };
    if (tag) headers["If-None-Match"] = tag;
    fetch(element.dataset.url, { headers, credentials: "same-origin", cache: "no-store" })
      .then((answer) => {
        if (mine !== turn) return null;
        // What lay open is over: the page that says so was named, and to ask for the old one again would be an attempt.
        if (answer.redirected && new URL(answer.url).searchParams.has("closed")) {
          window.location.replace(answer.url);
          return null;
        }
        // Signed out, moved to another state, or no longer ours: the whole page knows the way on, the fragment does not.
        if (answer.redirected || answer.status === 401 || answer.status === 403 || answer.status === 404) {
          window.location.reload();
          return null;
        }
        if (answer.status === 304) return null;
        if (!answer.ok) throw new Error(String(answer.status));
        tag = answer.headers.get("ETag");
        return answer.text();
      })
      .then((text) => {
        if (mine !== turn) return; // too late: a later look has asked again
        failures = 0;
        if (lost) lost.hidden = true;
        if (text !== null && bare(text) !== shown) show(text);
      })
      .catch(() => {
        if (mine !== turn) return;
        failures += 1;
        if (lost && failures > 1) lost.hidden = false;
      })
      .then(() => {
        if (mine !== turn) return;
        askedAt = 0;
        later();
      });
  }

  function show(text) {
    const held = body.contains(document.activeElement) ? document.activeElement : null;
    if (held && /^(INPUT|SELECT|TEXTAREA)$/.test(held.tagName)) {
      tag = null; // what a person is typing is never taken away: ask again in full at the next look
      return;
    }
    const before = announcements(body);
    const place = held && held.id;
    shown = bare(text);
    body.innerHTML = text;
    startWithin(body);
    if (place && document.getElementById(place)) document.getElementById(place).focus();
    element.dispatchEvent(new CustomEvent("poll:shown"));
    const news = announcements(body).filter((words) => before.indexOf(words) < 0);
    if (says && news.length) says.textContent = news.join("; ");
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) look();
  });
  window.addEventListener("online", look);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) look(); // from the browser's own memory, as it was left
  });
  element.addEventListener("poll:look", look); // asked for by the page itself: something was done
  if (body.querySelector("[data-more]")) look(); // sent with its beginning only
  else later();
}

function announcements(body) {
  return Array.from(body.querySelectorAll("[data-announce]")).map(
    (element) => element.dataset.announce || element.textContent.trim()
  );
}

// The fragment without its one-use values, which differ in every answer and show nothing.
function bare(text) {
  return text.replace(/name="(csrf_token|idempotency_key)" value="[^"]*"/g, "");
}
