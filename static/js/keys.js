// Function keys for the buttons of a work place: data-key="F2" on a button or link. Letters alone are left to typing.
export function start(root) {
  root.addEventListener("keydown", (event) => {
    if (event.repeat || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!/^F\d+$/.test(event.key) || document.querySelector(".ih-dialog")) return;
    const target = root.querySelector(`[data-key="${event.key}"]`);
    if (!target || target.disabled) return;
    event.preventDefault();
    target.click();
  });
}
