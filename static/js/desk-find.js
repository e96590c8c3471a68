// Finding somebody: a ticket is looked for in the page itself, anything else is asked of the server. The words stay
// selected in the field, so that the next scan takes their place; Enter once more opens who was found.

export function startFinding(board) {
  const form = board.root.querySelector("[data-find]");
  const field = form.querySelector("#find");
  let answered = "";

  function here(text) {
    const number = text.replace(/[\s.-]/g, "").toUpperCase();
    if (!/^[A-Z]{1,2}\d{3,6}$/.test(number)) return [];
    const rows = Array.from(board.poll.querySelectorAll(".ih-drow"));
    return rows.filter((row) => row.querySelector(".ih-drow__number").textContent.trim() === number);
  }

  function show(rows, text) {
    answered = text;
    field.select();
    board.say(rows.length ? board.words.found.replace("{count}", rows.length) : board.words.nobody);
    if (!rows.length) return;
    if (rows[0].hidden || rows[0].closest("[hidden]")) board.filters.widen(rows[0]);
    board.keys.mark(rows);
  }

  function find(text) {
    const rows = here(text);
    if (rows.length) {
      show(rows, text);
      return;
    }
    const body = new URLSearchParams({ clinic: board.root.dataset.clinic, find: text, csrf_token: board.token() });
    const headers = { "X-Requested-With": "fetch", Accept: "application/json" };
    fetch(form.getAttribute("action"), { method: "POST", body, headers, credentials: "same-origin", cache: "no-store" })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
      .then((told) => {
        const found = () => show(told.found.map(board.row).filter(Boolean), text);
        if (board.isPart() && !told.found.every(board.row)) board.poll.addEventListener("poll:shown", found, { once: true });
        else found();
      })
      .catch(() => {
        field.select();
        board.say(board.words.find_offline);
      });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const text = field.value.trim();
    const marked = board.keys.marked();
    if (text && text === answered && marked) {
      answered = "";
      board.panel.open(marked);
      return;
    }
    if (text) find(text);
  }, true);
  field.addEventListener("input", () => {
    answered = "";
  });

  return {
    focus: () => {
      field.focus();
      field.select();
    },
    take: (text) => {
      field.value = text;
      field.focus();
    },
    submit: (text) => {
      field.value = text;
      field.focus();
      answered = "";
      find(text.trim());
    },
  };
}
