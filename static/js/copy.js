// Copies the text of the element whose id is data-from. The button is hidden until this can work.
export function start(button) {
  const said = button.textContent;
  button.hidden = false;
  button.addEventListener("click", () => {
    const text = document.getElementById(button.dataset.from).textContent.trim();
    copy(text).then((done) => {
      if (!done) return;
      button.textContent = button.dataset.done;
      setTimeout(() => {
        button.textContent = said;
      }, 2000);
    });
  });
}

// Browsers give the clipboard to HTTPS pages only; in a clinic's plain HTTP network the old way is the only one.
function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "ih-hidden";
  document.body.appendChild(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return Promise.resolve(done);
}
