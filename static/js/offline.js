// Keeps this page and all it loads in the browser, and lets verify-worker.js answer with them while there is no network.
const STORE = "mingzhen-verify";

export function start(element) {
  if (!self.isSecureContext || !navigator.serviceWorker || !self.caches) return;
  keep(element).then(
    () => {
      element.textContent = element.dataset.ready;
      element.hidden = false;
    },
    () => {} // a full disk, a private window: the page itself works as before
  );
}

async function keep(element) {
  const { worker, pictures, reader } = element.dataset;
  const sheets = Array.from(document.querySelectorAll("link[rel=stylesheet], link[rel=icon]"), (link) => link.href);
  const scripts = Array.from(document.scripts, (script) => script.src);
  const loaded = performance.getEntriesByType("resource").map((entry) => entry.name); // what modules import, too
  const ours = new Set([...sheets, ...scripts, ...loaded, pictures, reader].filter(Boolean).map((address) => new URL(address, location).href));
  const wanted = [...ours].filter((address) => address.startsWith(`${location.origin}/static/`));
  const store = await caches.open(STORE);
  await store.addAll([location.pathname, ...wanted]);
  await navigator.serviceWorker.register(worker, { scope: "/verify" });
  await navigator.serviceWorker.ready;
}
