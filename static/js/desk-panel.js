// The opened row: who it is, and all that can be done. It is asked for once, which is a disclosure, and again when the
// row's state changed; while the network is lost the row's own buttons still take presses.

export function startPanel(board) {
  const panel = board.root.querySelector("[data-panel]");
  let shown = null; // id of the visit
  let state = "";

  function row() {
    return shown ? board.row(shown) : null;
  }

  function load(address) {
    const asked = shown;
    return fetch(address, { headers: { "X-Requested-With": "fetch", Accept: "text/html" }, credentials: "same-origin", cache: "no-store" })
      .then((answer) => {
        if (answer.redirected || answer.status === 401) {
          window.location.reload();
          return null;
        }
        const isJSON = (answer.headers.get("Content-Type") || "").indexOf("json") >= 0;
        if (isJSON) return answer.json().then((told) => note([told.title, told.next].filter(Boolean).join(" ")));
        return answer.ok ? answer.text().then((text) => asked === shown && fill(text)) : note(board.words.failed);
      })
      .catch(() => note(board.words.open_offline));
  }

  function fill(text) {
    const held = panel.contains(document.activeElement);
    const typed = held && /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (typed) return; // what a person is typing is never taken away
    panel.innerHTML = text;
    closer();
    board.startWithin(panel);
    board.root.dispatchEvent(new CustomEvent("desk:drawn"));
    if (held) panel.focus();
  }

  function note(text) {
    if (panel.querySelector(".ih-visit")) return;
    panel.textContent = "";
    closer();
    const words = document.createElement("p");
    words.textContent = text;
    panel.appendChild(words);
  }

  function closer() {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "weui-btn ih-btn ih-btn_secondary ih-btn_small ih-desk__close";
    button.textContent = panel.dataset.close;
    button.addEventListener("click", close);
    panel.insertBefore(button, panel.firstChild);
  }

  function open(element, focusOn) {
    const id = element.dataset.row || element.dataset.visit;
    const at = board.row(id);
    const link = at ? at.querySelector("[data-open]") : element;
    if (shown !== id) panel.textContent = "";
    shown = id;
    state = at ? at.dataset.state : "";
    panel.hidden = false;
    board.root.classList.add("ih-desk_open");
    if (!panel.querySelector(".ih-visit")) note(board.words.opening);
    panel.focus();
    return load(link.getAttribute("href")).then(() => {
      const field = focusOn && panel.querySelector(focusOn);
      if (field) {
        const folded = field.closest("details");
        if (folded) folded.open = true;
        field.focus();
      }
    });
  }

  function close() {
    const back = row() && row().querySelector("[data-open]");
    shown = null;
    panel.hidden = true;
    panel.textContent = "";
    board.root.classList.remove("ih-desk_open");
    if (back) back.focus();
  }

  function refresh() {
    const link = row() && row().querySelector("[data-open]");
    if (link) load(link.getAttribute("href"));
  }

  return {
    open,
    close,
    isOpen: () => shown !== null,
    follow: () => {
      const now = row();
      if (now && now.dataset.state !== state) {
        state = now.dataset.state;
        refresh();
      }
    },
    settled: (press) => {
      if (press.row === shown) refresh();
    },
  };
}
