// Asks data-question before a button does its work; data-yes and data-no are the two answers.
export function start(button) {
  let agreed = false;
  button.addEventListener("click", (event) => {
    if (agreed) {
      agreed = false;
      return;
    }
    event.preventDefault();
    ask(button.dataset, () => {
      agreed = true;
      button.click();
    }, () => button.focus());
  });
}

function ask(words, yes, no) {
  const cover = make("div", "ih-dialog");
  const box = make("div", "ih-dialog__box", cover);
  box.setAttribute("role", "alertdialog");
  box.setAttribute("aria-modal", "true");
  box.setAttribute("aria-labelledby", "ih-question");
  const question = make("p", "ih-dialog__question", box, words.question);
  question.id = "ih-question";
  const answers = make("div", "ih-dialog__answers", box);
  const noButton = make("button", "weui-btn ih-btn ih-btn_secondary", answers, words.no);
  const yesButton = make("button", "weui-btn ih-btn ih-btn_danger", answers, words.yes);
  noButton.type = yesButton.type = "button";

  function close(then) {
    cover.remove();
    then();
  }
  noButton.addEventListener("click", () => close(no));
  yesButton.addEventListener("click", () => close(yes));
  cover.addEventListener("click", (event) => {
    if (event.target === cover) close(no);
  });
  cover.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close(no);
    if (event.key === "Tab") {
      event.preventDefault();
      (document.activeElement === noButton ? yesButton : noButton).focus();
    }
  });
  document.body.appendChild(cover);
  noButton.focus();
}

function make(tag, className, parent, text) {
  const element = document.createElement(tag);
  element.className = className;
  if (text) element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
}
