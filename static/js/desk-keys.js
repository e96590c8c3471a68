// The board by keyboard: / to search, arrows from row to row, letters for what a selected row can have done, ? for the list.
// A scanner types like a person, only faster than any: what comes so fast while a row is selected goes to the search.

const FASTER_THAN_MS = 60;
const VERBS = { c: ["check_in"], n: ["call_next"], r: ["recall"], x: ["pass"], b: ["put_back", "from_tests"], t: ["to_tests"], l: ["left"], u: ["undo"] };
const FIELDS = { p: ["priority", "#ground"], m: ["move", "#to"] };

export function startKeys(board) {
  const help = board.root.querySelector("[data-keys]");
  let current = null; // id of the selected row
  let found = [];
  let typed = "";
  let timer = null;

  function links() {
    return Array.from(board.root.querySelectorAll(".ih-drow [data-open]")).filter((link) => link.offsetParent);
  }

  function draw() {
    for (const row of board.root.querySelectorAll(".ih-drow")) {
      row.classList.toggle("ih-drow_found", found.indexOf(row.dataset.row) >= 0);
    }
  }

  function mark(rows) {
    found = rows.map((row) => row.dataset.row);
    current = found[0];
    draw();
    rows[0].scrollIntoView({ block: "center" });
  }

  function step(by) {
    const all = links();
    const at = all.findIndex((link) => link === document.activeElement);
    const from = at >= 0 ? at : all.findIndex((link) => link.closest(".ih-drow").dataset.row === current);
    const next = all[Math.min(Math.max(at < 0 && from >= 0 ? from : from + by, 0), all.length - 1)];
    if (next) next.focus();
  }

  function act(letter) {
    const link = document.activeElement;
    const row = link && link.closest ? link.closest(".ih-drow") : null;
    if (!row) return;
    const able = row.dataset.verbs.split(" ").concat("call_next");
    if (FIELDS[letter] && able.indexOf(FIELDS[letter][0]) >= 0) {
      board.panel.open(row, FIELDS[letter][1]);
      return;
    }
    const verb = (VERBS[letter] || []).find((name) => able.indexOf(name) >= 0);
    board.say(verb ? "" : board.words.no_verb);
    if (verb) board.press(verb, row, board.words.verbs[verb]);
  }

  // One key alone acts; several at once were a scanner's.
  function take(key) {
    typed += key;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const text = typed;
      typed = "";
      if (text.length > 1) board.finding.take(text);
      else act(text.toLowerCase());
    }, FASTER_THAN_MS);
  }

  function onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing || help.open || document.querySelector(".ih-dialog")) return;
    const inField = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "Escape" && board.panel.isOpen()) {
      board.panel.close();
      event.preventDefault();
      return;
    }
    const arrows = { ArrowDown: 1, ArrowUp: -1 };
    if (arrows[event.key] && (!inField || event.target.id === "find") && !board.root.querySelector("[data-panel]").contains(event.target)) {
      step(arrows[event.key]);
      event.preventDefault();
      return;
    }
    if (inField) return;
    if (event.key === "/" && !typed) {
      board.finding.focus();
      event.preventDefault();
    } else if (event.key === "?" && !typed) {
      help.showModal();
      event.preventDefault();
    } else if (event.key === "Enter" && typed) {
      const text = typed;
      typed = "";
      clearTimeout(timer);
      event.preventDefault();
      board.finding.submit(text);
    } else if (event.key.length === 1 && event.target.closest(".ih-drow") && !event.repeat && event.key !== " ") {
      take(event.key);
      event.preventDefault();
    }
  }

  document.addEventListener("keydown", onKey);
  board.root.addEventListener("focusin", (event) => {
    const row = event.target.closest(".ih-drow");
    if (row) current = row.dataset.row;
  });
  board.root.addEventListener("click", (event) => {
    const link = event.target.closest("[data-open]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    board.panel.open(link.closest(".ih-drow") || link);
  });
  const button = board.root.querySelector("[data-help]");
  button.hidden = false;
  button.addEventListener("click", () => help.showModal());

  board.keys = { mark, marked: () => (current ? board.row(current) : null) };
  return { draw };
}
