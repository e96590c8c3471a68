// Counts the seconds of data-seconds down, by the page's own clock: the phone's time of day may be wrong.
export function start(element) {
  const total = Number(element.dataset.seconds);
  const began = Date.now();
  const timer = setInterval(() => {
    const left = Math.max(0, Math.ceil(total - (Date.now() - began) / 1000));
    element.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left > 0 && element.isConnected) return;
    clearInterval(timer);
    if (element.isConnected && element.dataset.reload !== undefined) window.location.reload();
  }, 250);
}
