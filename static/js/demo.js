// Where there is no room for frames, a button of the demo opens its page in this window instead of in a frame nobody sees.
export function start(root) {
  const frame = root.querySelector("iframe");
  for (const form of root.querySelectorAll("form[target]")) {
    form.addEventListener("submit", () => {
      if (!frame.offsetParent) form.removeAttribute("target");
    });
  }
}
