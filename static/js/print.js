// A button that prints the page. With data-once the paper comes out by itself the first time that this page is shown.
export function start(button) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
  const once = button.dataset.once;
  if (!once || sessionStorage.getItem("printed") === once) return;
  sessionStorage.setItem("printed", once);
  window.print();
}
