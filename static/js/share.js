// The page that opens a shared link: asks who is reading, fetches what was sealed, opens it here and shows it; and hides it again as
// soon as its person stops sharing. The link's key never leaves this page.
import { Refused, openSealed, parseDocument, parseLink } from "./share-link.js";
import { Reader } from "./share-show.js";

const LOOK_EVERY_MS = 4000; // whether it is still shared
const PATIENCE = 4; // looks without an answer before what cannot be confirmed is hidden
const LONGEST_ANSWER_MS = 15000;

const root = document.getElementById("shared");
const words = JSON.parse(root.dataset.words);
const isEnglish = document.documentElement.lang === "en";
const part = (name) => root.querySelector(`[data-${name}]`);
const says = part("says");
const form = part("ask");
const shown = part("shown");
const wrong = part("wrong");
let link = null;
let failures = 0;
let timer = 0;

function say(name, tone, more) {
  says.className = `ih-panel ih-panel_${tone}`;
  says.textContent = "";
  const box = says.appendChild(document.createElement("div"));
  const line = box.appendChild(document.createElement("p"));
  line.className = more ? "ih-panel__title" : "";
  line.textContent = words[name];
  if (more) box.appendChild(document.createElement("p")).textContent = words[more];
  says.hidden = false;
}

function ask(address, how) {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), LONGEST_ANSWER_MS);
  return fetch(address, { credentials: "omit", cache: "no-store", signal: stop.signal, ...how }).finally(() => clearTimeout(late));
}

async function fetched(recipient, passcode) {
  if (link.flag.includes("U")) return answered(await ask(`${link.url}?${new URLSearchParams({ recipient })}`, {}), true);
  const body = { recipient };
  if (link.flag.includes("P")) body.passcode = passcode;
  const manifest = await answered(await ask(link.url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }), false);
  const file = (manifest.files || []).find((one) => one.contentType.startsWith("application/fhir+json"));
  if (!file) throw new Refused("unreadable");
  if (file.embedded) return file.embedded;
  if (new URL(file.location).origin !== window.location.origin) throw new Refused("elsewhere");
  return answered(await ask(file.location, {}), true);
}

async function answered(answer, isText) {
  if (answer.status === 401) {
    const left = (await answer.json()).remainingAttempts;
    const refused = new Refused(left > 0 ? "wrong" : "wrong_last");
    refused.left = left;
    throw refused;
  }
  if (answer.status === 404) throw new Refused("over");
  if (answer.status === 429) throw new Refused("too_many");
  if (!answer.ok) throw new Refused("away");
  return isText ? answer.text() : answer.json();
}

function over() {
  clearTimeout(timer);
  const name = hasRunOut() ? "run_out" : "over";
  link = null;
  part("document").textContent = ""; // gone from the page, not only out of sight
  shown.hidden = true;
  form.hidden = true;
  say(name, "warning", shown.dataset.open === "yes" ? "over_more" : "over_again");
  root.dataset.state = "over";
}

function later() {
  clearTimeout(timer);
  if (link) timer = setTimeout(look, LOOK_EVERY_MS);
}

async function look() {
  if (!link || shown.dataset.open !== "yes") return;
  clearTimeout(timer);
  try {
    const answer = await ask(`${link.url}/now`, {});
    if (answer.status === 404) return over();
    if (!answer.ok && answer.status !== 429) throw new Refused("away");
    failures = 0;
    if (shown.hidden) {
      shown.hidden = false;
      says.hidden = true;
    }
  } catch (error) {
    failures += 1;
    if (failures >= PATIENCE && !shown.hidden) {
      shown.hidden = true; // nobody can say that it is still shared
      say("lost", "warning");
    }
  }
  later();
}

function hasRunOut() {
  return Boolean(link && link.exp && link.exp * 1000 <= Date.now());
}

// A link that has run out says so before anybody has to say who they are, if the house agrees: this device's clock may be wrong.
// One that was stopped is told to who presses the button, so that its person reads who came too late.
async function first() {
  try {
    if (hasRunOut() && (await ask(`${link.url}/now`, {})).status === 404) return over();
  } catch (error) {
    // no network, or too slow: pressing the button says so
  }
  form.hidden = false;
  return undefined;
}

async function open(event) {
  event.preventDefault();
  const fields = form.elements;
  const recipient = fields.recipient.value.trim();
  const needed = link.flag.includes("P");
  wrong.hidden = true;
  for (const field of [fields.recipient, fields.passcode]) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-errormessage");
  }
  if (!recipient) return complain("who_missing", fields.recipient);
  if (needed && !fields.passcode.value) return complain("passcode_missing", fields.passcode);
  const button = form.querySelector("button");
  button.disabled = true;
  say("asking", "info");
  try {
    const sealed = await fetched(recipient, fields.passcode.value);
    const bundle = parseDocument(await openSealed(sealed, link.key, self.MZ.inflate));
    const place = part("document");
    place.textContent = "";
    new Reader(bundle, words, isEnglish).show(place);
    fields.passcode.value = "";
    says.hidden = true;
    form.hidden = true;
    shown.hidden = false;
    shown.dataset.open = "yes";
    root.dataset.state = "open";
    later();
  } catch (error) {
    says.hidden = true;
    const why = error instanceof Refused ? error.why : "away";
    if (why === "over") return over();
    if (why === "wrong_last") form.hidden = true;
    if (why === "wrong_last") say("wrong_last", "danger");
    else complain(why, why === "wrong" ? fields.passcode : null, error.left);
  } finally {
    button.disabled = false;
  }
  return undefined;
}

// Says what is wrong: under the field that it is about, else above the button.
function complain(name, field, left) {
  if (field) field.closest(".ih-field").appendChild(wrong);
  else form.insertBefore(wrong, form.querySelector("button"));
  wrong.textContent = words[name].replace("{n}", String(left));
  wrong.hidden = false;
  if (field) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-errormessage", wrong.id);
    field.focus();
  }
}

function start() {
  // The language switch leads back here: the link behind the # goes with it.
  for (const one of document.querySelectorAll(".ih-lang a")) one.href = one.href.split("#")[0] + window.location.hash;
  try {
    link = parseLink(window.location.hash, window.location.origin);
  } catch (error) {
    return say(error instanceof Refused ? error.why : "bad_link", "warning");
  }
  if (!(self.crypto && crypto.subtle)) return say("no_crypto", "warning");
  const label = part("label");
  label.textContent = link.label;
  label.hidden = !link.label;
  if (link.exp) part("until").textContent = words.until.replace("{at}", new Reader({}, words, isEnglish).moment(new Date(link.exp * 1000).toISOString()));
  part("passcode").hidden = !link.flag.includes("P");
  form.addEventListener("submit", open);
  part("print").addEventListener("click", () => window.print());
  for (const name of ["focus", "online", "pageshow"]) window.addEventListener(name, look);
  document.addEventListener("visibilitychange", () => !document.hidden && look());
  return first();
}

window.addEventListener("hashchange", () => window.location.reload()); // another link in the same tab
start();
