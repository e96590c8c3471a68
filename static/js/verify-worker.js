// Answers for /verify and its files when there is no network, with what js/offline.js kept. Online, the network always answers.
const STORE = "mingzhen-verify";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const isOurs = new URL(request.url).origin === self.location.origin;
  if (request.method !== "GET" || !isOurs) return;
  event.respondWith(
    fetch(request).catch(async (lost) => {
      const store = await caches.open(STORE);
      const kept = await store.match(request, { ignoreSearch: true, ignoreVary: true });
      if (kept) return kept;
      throw lost;
    })
  );
});
