// Narrows the board at once, also while the network is lost; the address and what is polled follow.

export function startFilters(board) {
  const form = board.root.querySelector("[data-filter]");
  const department = form.querySelector("[name=department]");
  const doctor = form.querySelector("[name=doctor]");
  let place = new URLSearchParams(window.location.search).get("place") || "";

  function draw() {
    const lines = ((doctor.selectedOptions[0] && doctor.selectedOptions[0].dataset.lines) || "").split(" ");
    const counts = {};
    for (const row of board.poll.querySelectorAll(".ih-drow")) {
      const of = row.dataset;
      const taken =
        (!department.value || of.department === department.value) && (!doctor.value || lines.indexOf(of.line) >= 0);
      if (taken) counts[of.place] = (counts[of.place] || 0) + 1;
      row.hidden = !taken || (place ? of.place !== place : of.place === "done");
    }
    const isWhole = !board.isPart(); // while it is not, the server has counted everybody
    for (const list of board.poll.querySelectorAll("[data-list]")) {
      const of = list.dataset.list;
      const count = list.querySelector("h2 span");
      const people = isWhole ? counts[of] || 0 : Number((count.textContent.match(/\d+/) || [0])[0]);
      const quiet = (of === "missed" || of === "away") && !people;
      list.hidden = place ? of !== place : of === "done" || quiet;
      list.querySelector("[data-none]").hidden = people > 0;
      count.textContent = count.textContent.replace(/\d+/, people);
    }
    for (const chip of board.poll.querySelectorAll(".ih-chip")) {
      const of = chip.dataset.place;
      const open = Object.keys(counts).filter((name) => name !== "done");
      if (isWhole) {
        chip.querySelector("strong").textContent = of ? counts[of] || 0 : open.reduce((sum, name) => sum + counts[name], 0);
      }
      if (of === place) chip.setAttribute("aria-current", "true");
      else chip.removeAttribute("aria-current");
    }
  }

  function changed() {
    const query = new URLSearchParams({ clinic: board.root.dataset.clinic });
    for (const [name, value] of [["department", department.value], ["doctor", doctor.value], ["place", place]]) {
      if (value) query.set(name, value);
    }
    window.history.replaceState(null, "", `?${query}`);
    board.poll.dataset.url = `${board.poll.dataset.url.split("?")[0]}?${query}`;
    draw();
    board.look();
  }

  form.addEventListener("change", changed);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    changed();
  });
  board.poll.addEventListener("click", (event) => {
    const chip = event.target.closest(".ih-chip");
    if (!chip || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    place = chip.dataset.place;
    changed();
  });

  // Lets a row be seen that a search found outside of what the board is narrowed to.
  function widen() {
    department.value = doctor.value = place = "";
    changed();
  }

  return {
    draw,
    widen: (row) => {
      widen();
      if (row.dataset.place === "done") {
        place = "done";
        changed();
      }
    },
  };
}
