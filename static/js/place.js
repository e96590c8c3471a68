// Asks the phone where it is, only when the button is pressed, and sends it once with the form.

const WAIT_MS = 15000;

export function start(form) {
  if (!("geolocation" in navigator) || !window.isSecureContext) return; // the form stays hidden: the other ways are there
  form.hidden = false;
  const says = form.querySelector("[data-place-says]");
  const button = form.querySelector("button");
  form.addEventListener("submit", (event) => {
    if (form.elements.accuracy.value) return;
    event.preventDefault();
    says.textContent = form.dataset.wait;
    button.disabled = true;
    navigator.geolocation.getCurrentPosition(
      (found) => {
        form.elements.latitude.value = String(found.coords.latitude);
        form.elements.longitude.value = String(found.coords.longitude);
        form.elements.accuracy.value = String(found.coords.accuracy);
        button.disabled = false;
        form.requestSubmit ? form.requestSubmit() : form.submit();
      },
      () => {
        says.textContent = form.dataset.denied;
        button.disabled = false;
      },
      { enableHighAccuracy: true, timeout: WAIT_MS, maximumAge: 0 },
    );
  });
}
