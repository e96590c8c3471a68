// Shows that a form is on its way and holds back a second press. The key in the form makes a second press harmless anyway.
const GIVES_UP_AFTER_MS = 10000;

function tooLarge(form) {
  return Array.from(form.querySelectorAll("input[type=file][data-most-mb]")).find(
    (input) => input.files.length && input.files[0].size > Number(input.dataset.mostMb) * 1024 * 1024
  );
}

export function start(form) {
  let sentAt = null;

  function release() {
    sentAt = null;
    for (const button of form.querySelectorAll("button[type=submit]")) {
      button.removeAttribute("aria-disabled");
      button.classList.remove("ih-btn_busy");
    }
  }

  for (const input of form.querySelectorAll("input[type=file][data-most-mb]")) {
    input.addEventListener("change", () => input.setCustomValidity(""));
  }

  form.addEventListener("submit", (event) => {
    const large = tooLarge(form);
    if (large) {
      event.preventDefault(); // the server would refuse the whole form, and what was typed would be gone
      large.setCustomValidity(large.dataset.tooLarge);
      large.reportValidity();
      return;
    }
    if (sentAt !== null && Date.now() - sentAt < GIVES_UP_AFTER_MS) {
      event.preventDefault();
      return;
    }
    sentAt = Date.now();
    // aria-disabled and not disabled: a disabled button would drop out of what is sent.
    for (const button of form.querySelectorAll("button[type=submit]")) {
      button.setAttribute("aria-disabled", "true");
      if (!event.submitter || event.submitter === button) button.classList.add("ih-btn_busy"); // the one that was pressed
    }
    setTimeout(release, GIVES_UP_AFTER_MS);
  });

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) release();
  });
}
