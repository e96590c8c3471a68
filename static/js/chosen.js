// Keeps the button's words true to what is ticked: one person by name, several by number, nobody not at all.
export function start(form) {
  const button = form.querySelector("button[type=submit]");
  const boxes = Array.from(form.querySelectorAll("input[type=checkbox]"));

  function say() {
    const ticked = boxes.filter((box) => box.checked);
    const title = ticked.length === 1 && ticked[0].parentNode.querySelector(".ih-choice__title");
    const words = title ? form.dataset.one.replace("%s", title.textContent) : form.dataset.many.replace("%s", ticked.length);
    button.textContent = words;
    button.disabled = ticked.length === 0;
  }

  form.addEventListener("change", say);
  say();
}
