// Says at each row and in the banner what became of presses: on their way, waiting for the network, refused, done.

export class Said {
  constructor(board) {
    this.board = board;
    this.presses = null;
    this.banner = board.root.querySelector("[data-presses]");
    this.shown = "";
  }

  draw() {
    if (!this.presses) return;
    for (const place of this.board.root.querySelectorAll("[data-says]")) this.drawAt(place);
    this.drawBanner();
  }

  drawAt(place) {
    const row = place.closest("[data-row]");
    const found = this.presses.at(row.dataset.row);
    const words = this.board.words;
    row.classList.toggle("ih-drow_pressed", Boolean(found) && (found[0] === "waits" || found[0] === "sending"));
    if (!found) {
      place.textContent = "";
      return;
    }
    const [kind, text, press] = found;
    const says = { waits: `${words.waits}: ${text}`, sending: `${words.sending}: ${text}`, refused: `${words.refused}: ${text}`, done: text };
    if (place.dataset.said === says[kind] && place.firstChild) return;
    place.dataset.said = says[kind];
    place.textContent = "";
    place.appendChild(element("span", `ih-says ih-says_${kind}`, says[kind]));
    if (kind === "refused") place.appendChild(this.button(words.understood, () => this.presses.forget(press.key)));
  }

  drawBanner() {
    const { words } = this.board;
    const lines = [];
    const mine = this.presses.mine().length;
    const others = this.presses.others().length;
    if (mine && this.presses.stop === "sign_in") lines.push([words.sign_in, words.sign_in_link, () => this.go("/staff/sign-in")]);
    else if (mine && this.presses.stop) lines.push([words.old_page, words.reload, () => window.location.reload()]);
    else if (this.presses.old().length) {
      lines.push([
        words.old.replace("{count}", this.presses.old().length),
        words.send, () => this.presses.agree(), words.discard, () => this.presses.forgetOld(),
      ]);
    } else if (mine && this.presses.is_lost()) lines.push([words.queued.replace("{count}", mine)]);
    if (others) lines.push([words.others.replace("{count}", others), words.discard, () => this.presses.forgetOthers()]);
    for (const press of this.presses.refused()) {
      if (!this.isSeen(press.row)) {
        lines.push([`${words.refused}: ${press.label}: ${press.refused}`, words.understood, () => this.presses.forget(press.key)]);
      }
    }
    const now = JSON.stringify(lines.map((line) => line[0]));
    if (now === this.shown) return; // a live region that is drawn anew is read out anew
    this.shown = now;
    this.banner.textContent = "";
    for (const [text, ...answers] of lines) {
      const line = element("p", "ih-presses__line", text);
      for (let at = 0; at < answers.length; at += 2) line.appendChild(this.button(answers[at], answers[at + 1]));
      this.banner.appendChild(line);
    }
  }

  isSeen(row) {
    return Array.from(this.board.root.querySelectorAll(`[data-row="${CSS.escape(row)}"]`)).some((one) => one.offsetParent);
  }

  go(address) {
    window.location.assign(`${address}?next=${encodeURIComponent(window.location.pathname + window.location.search)}`);
  }

  button(text, act) {
    const button = element("button", "weui-btn ih-btn ih-btn_secondary ih-btn_small", text);
    button.type = "button";
    button.addEventListener("click", act);
    return button;
  }
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
