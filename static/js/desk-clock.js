// Counts the minutes that each row waits, by the server's clock: the tablet's own may be wrong.
const EVERY_MS = 10000;

export function startClocks(board) {
  const levels = { long: Number(board.root.dataset.long), veryLong: Number(board.root.dataset.veryLong) };
  let ahead = 0;

  function set() {
    const at = board.root.querySelector("[data-now]");
    ahead = Number(at.dataset.now) - Date.now();
  }

  function draw() {
    const now = Date.now() + ahead;
    for (const clock of board.root.querySelectorAll("[data-since]")) {
      const minutes = Math.max(0, Math.floor((now - Number(clock.dataset.since)) / 60000));
      write(clock.querySelector("[data-minutes]"), board.words.minutes.replace("{count}", minutes));
      if (clock.dataset.calm !== undefined) continue;
      const level = minutes >= levels.veryLong ? "very_long" : minutes >= levels.long ? "long" : "";
      clock.className = `ih-clock${level ? ` ih-clock_${level}` : ""}`;
      write(clock.querySelector("[data-level]"), level ? board.words[level] : "");
    }
  }

  setInterval(draw, EVERY_MS);
  document.addEventListener("visibilitychange", draw);
  set();
  return {
    draw: () => {
      set();
      draw();
    },
  };
}

function write(place, text) {
  if (place && place.textContent !== text) place.textContent = text;
}
