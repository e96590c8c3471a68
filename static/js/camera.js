// Reads a QR code with the camera, only while asked to: nothing is recorded and nothing leaves the page but the text found.
// data-go: addresses of this site that begin so are opened. data-into: the field that takes any other text, and its form is sent.

const LOOK_EVERY_MS = 150;
const WIDEST = 640;

export function start(element) {
  const button = element.querySelector("[data-camera-open]");
  if (!button || !navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) return; // hidden: other ways are there
  const video = element.querySelector("video");
  const says = element.querySelector("[data-camera-says]");
  const canvas = document.createElement("canvas");
  let stream = null;
  let timer = null;

  function close(words) {
    clearInterval(timer);
    if (stream) for (const track of stream.getTracks()) track.stop();
    stream = null;
    video.hidden = true;
    video.srcObject = null;
    button.setAttribute("aria-pressed", "false");
    says.textContent = words || "";
  }

  function found(text) {
    const go = element.dataset.go;
    if (go) {
      const address = toAddress(text);
      if (address && address.origin === location.origin && address.pathname.startsWith(go)) {
        close();
        location.assign(address.pathname);
        return;
      }
    }
    const field = element.dataset.into && document.getElementById(element.dataset.into);
    if (field) {
      close();
      field.value = text;
      field.form.requestSubmit();
      return;
    }
    says.textContent = element.dataset.other;
  }

  function look() {
    if (!video.videoWidth) return;
    const shrunk = Math.min(1, WIDEST / video.videoWidth);
    canvas.width = video.videoWidth * shrunk;
    canvas.height = video.videoHeight * shrunk;
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    drawing.drawImage(video, 0, 0, canvas.width, canvas.height);
    const seen = drawing.getImageData(0, 0, canvas.width, canvas.height);
    const code = window.jsQR(seen.data, seen.width, seen.height, { inversionAttempts: "dontInvert" });
    if (code && code.data) found(code.data);
  }

  async function open() {
    says.textContent = element.dataset.wait;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
      await load(element.dataset.reader);
    } catch (refused) {
      close(element.dataset.denied);
      return;
    }
    video.srcObject = stream;
    video.hidden = false;
    await video.play();
    button.setAttribute("aria-pressed", "true");
    says.textContent = element.dataset.hold;
    timer = setInterval(look, LOOK_EVERY_MS);
  }

  button.addEventListener("click", () => (stream ? close() : open()));
  window.addEventListener("pagehide", () => close());
  element.hidden = false;
}

function load(address) {
  if (window.jsQR) return Promise.resolve();
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  });
}

function toAddress(text) {
  try {
    return new URL(text);
  } catch (other) {
    return null;
  }
}
