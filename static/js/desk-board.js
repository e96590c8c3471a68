// The desk's board: puts its parts together. The board is complete without any of them, except that nothing waits then.
import { startClocks } from "./desk-clock.js";
import { startFilters } from "./desk-filter.js";
import { startFinding } from "./desk-find.js";
import { startKeys } from "./desk-keys.js";
import { startPanel } from "./desk-panel.js";
import { Presses } from "./desk-presses.js";
import { Said } from "./desk-said.js";
import { startWithin } from "./page.js";

function start(root) {
  const words = JSON.parse(root.dataset.words);
  const addresses = JSON.parse(root.dataset.addresses);
  const poll = root.querySelector(".ih-poll");
  const board = {
    root,
    words,
    poll,
    startWithin,
    look: () => poll.dispatchEvent(new CustomEvent("poll:look")),
    isPart: () => poll.querySelector("[data-more]") !== null, // the page came with its beginning; the rest is asked for
    row: (id) => root.querySelector(`.ih-drow[data-row="${CSS.escape(id)}"]`),
    token: () => root.querySelector("input[name=csrf_token]").value,
    say: (text) => {
      root.querySelector("[data-found]").textContent = text;
    },
  };
  board.press = (verb, row, label) => {
    const ids = { check_in: row.dataset.row, call_next: row.dataset.session };
    const address = addresses[verb].replace("ID", encodeURIComponent(ids[verb] || row.dataset.ticket));
    const fields = { clinic: root.dataset.clinic };
    if (verb === "undo") fields.act = row.dataset.act; // another move, made meanwhile, is not taken back for it
    board.presses.add(address, fields, row.dataset.row, nameOf(row) + label);
  };
  const said = new Said(board);
  board.presses = new Presses(root.dataset.who, root.dataset.clinic, board.token, {
    words,
    changed: () => said.draw(),
    settled: (press, outcome) => {
      board.look();
      board.panel.settled(press, outcome);
    },
  });
  said.presses = board.presses;
  board.panel = startPanel(board);
  board.filters = startFilters(board);
  board.finding = startFinding(board);
  const clocks = startClocks(board);
  const keys = startKeys(board);

  root.addEventListener("submit", (event) => press(board, event), true);
  poll.addEventListener("poll:shown", () => {
    clocks.draw();
    board.filters.draw();
    keys.draw();
    said.draw();
    board.panel.follow();
  });
  said.draw();
}

// Takes a plain form of the board as a press; its second press and the busy look of other forms are not needed here.
function press(board, event) {
  const form = event.target;
  const row = form.closest("[data-row]");
  if (!row || form.method !== "post") return;
  event.preventDefault();
  event.stopPropagation();
  const fields = {};
  new FormData(form).forEach((value, name) => {
    if (name !== "csrf_token" && name !== "idempotency_key") fields[name] = value;
  });
  const button = form.querySelector("button[type=submit]");
  board.presses.add(form.getAttribute("action"), fields, row.dataset.row, nameOf(row) + button.textContent.trim());
}

function nameOf(row) {
  const named = row.querySelector(".ih-drow__number, .ih-row__body strong");
  return named ? `${named.textContent.trim()} ` : "";
}

for (const root of document.querySelectorAll("[data-desk]")) start(root);
