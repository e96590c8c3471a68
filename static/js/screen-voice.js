// Reads calls aloud, in Chinese and then in English, one after another, each call once. Browsers let a page speak only after
// somebody pressed something on it: the button turns it on, and says so where that has to be done again after a reload.

const REMEMBERED = "mz-screen-sound";
const SPOKEN = "mz-screen-spoken";
const MOST_SPOKEN = 100;
const MOST_WAITING = 12; // more than a minute's worth: the newest count
const LONGEST_SECONDS = 20; // some browsers forget to say that a voice came to its end

const queue = [];
const spoken = read();
let isOn = false;
let isSpeaking = false;
let button = null;

export function start(element) {
  if (!("speechSynthesis" in window) || !("SpeechSynthesisUtterance" in window)) return; // nothing to turn on
  button = element;
  button.hidden = false;
  button.addEventListener("click", () => turn(!isOn));
  let was = null;
  try {
    was = window.localStorage.getItem(REMEMBERED);
  } catch (ignored) {
    was = null; // a browser that keeps nothing asks again after each reload
  }
  turn(was === "on");
}

// One call, named `key`, of a row that stands on the board.
export function call(key, zh, en) {
  if (!isOn || spoken.has(key) || queue.some((one) => one.key === key)) return;
  queue.push({ key, zh, en });
  if (queue.length > MOST_WAITING) queue.shift();
  next();
}

function turn(on) {
  isOn = on;
  button.setAttribute("aria-pressed", String(on));
  button.textContent = on ? button.dataset.on : button.dataset.off;
  try {
    window.localStorage.setItem(REMEMBERED, on ? "on" : "off");
  } catch (ignored) {
    isOn = on; // and goes on without remembering
  }
  if (on) {
    for (const row of document.querySelectorAll("[data-call]")) call(row.dataset.call, row.dataset.zh, row.dataset.en);
  } else {
    queue.length = 0;
    window.speechSynthesis.cancel();
  }
}

function next() {
  if (isSpeaking || !isOn) return;
  const one = queue.shift();
  if (!one) return;
  if (!document.querySelector(`[data-call="${CSS.escape(one.key)}"]`)) return next(); // in the room by now
  isSpeaking = true;
  remember(one.key);
  const over = () => {
    isSpeaking = false;
    next();
  };
  say(one, "zh", "zh-CN", () => (isOn ? say(one, "en", "en-US", over) : over()));
}

function say(one, which, lang, then) {
  const voice = new SpeechSynthesisUtterance(one[which]);
  let isOver = false;
  const over = () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(watch);
    then();
  };
  const watch = setTimeout(() => {
    window.speechSynthesis.cancel();
    over();
  }, LONGEST_SECONDS * 1000);
  voice.lang = lang;
  voice.rate = 0.9;
  voice.onend = over;
  voice.onerror = (event) => {
    if (event.error === "not-allowed") ask(one);
    over();
  };
  window.speechSynthesis.speak(voice);
}

// Nobody pressed anything since the page was loaded: what was to be said waits for the press.
function ask(one) {
  isOn = false;
  spoken.delete(one.key);
  button.setAttribute("aria-pressed", "false");
  button.textContent = button.dataset.off;
}

function read() {
  try {
    return new Set(JSON.parse(window.sessionStorage.getItem(SPOKEN) || "[]"));
  } catch (ignored) {
    return new Set();
  }
}

function remember(key) {
  spoken.add(key);
  while (spoken.size > MOST_SPOKEN) spoken.delete(spoken.values().next().value);
  try {
    window.sessionStorage.setItem(SPOKEN, JSON.stringify([...spoken]));
  } catch (ignored) {
    spoken.add(key); // a reload may say it again
  }
}
