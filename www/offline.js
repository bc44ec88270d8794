// The service worker: the page without a network. Where there is one, everything
// comes from it, and is kept for when there is none: who is online has the newest.
// It never sees a file or a key: those are in no request. So nothing can be shared
// with the page from a system's menu: without its worker, a browser would send that
// to the host.

const CACHE = 'ismvault';
/** All that the page is made of; a test compares it with the folder. */
const FILES = [
  './',
  'actions.js',
  'app.webmanifest',
  'commands.js',
  'core.js',
  'dom.js',
  'examples.js',
  'fields.js',
  'fluent/ast.js',
  'fluent/builtins.js',
  'fluent/bundle.js',
  'fluent/index.js',
  'fluent/memoizer.js',
  'fluent/resolver.js',
  'fluent/resource.js',
  'fluent/scope.js',
  'fluent/types.js',
  'folders.js',
  'icon.svg',
  'licence.js',
  'main.js',
  'names.js',
  'open.js',
  'panels/batch.js',
  'panels/boxes.js',
  'panels/compare.js',
  'panels/decoded.js',
  'panels/files.js',
  'panels/findings.js',
  'panels/header.js',
  'panels/hex.js',
  'panels/job.js',
  'panels/key.js',
  'panels/kids.js',
  'panels/lanes.js',
  'panels/made.js',
  'panels/make.js',
  'panels/manifests.js',
  'panels/next.js',
  'panels/parts.js',
  'panels/paste.js',
  'panels/play.js',
  'panels/protect.js',
  'panels/protection.js',
  'panels/samples.js',
  'panels/server.js',
  'panels/story.js',
  'panels/tracks.js',
  'pkg/index.js',
  'pkg/ismvault.js',
  'pkg/ismvault_bg.wasm',
  'pkg/lib/errors.js',
  'pkg/lib/jobs/fetching.js',
  'pkg/lib/jobs/looking.js',
  'pkg/lib/jobs/making.js',
  'pkg/lib/jobs/opened.js',
  'pkg/lib/jobs/outputs.js',
  'pkg/lib/jobs/protecting.js',
  'pkg/lib/module.js',
  'pkg/lib/pool.js',
  'pkg/lib/reading.js',
  'pkg/lib/rpc.js',
  'pkg/lib/server.js',
  'pkg/lib/sinks.js',
  'pkg/lib/sources.js',
  'pkg/lib/units.js',
  'pkg/lib/worker.js',
  'pkg/lib/writing.js',
  'pkg/plain_bg.wasm',
  'queue.js',
  'remote.html',
  'remote.js',
  'sample.ismv',
  'state.js',
  'style.css',
  'systems.js',
  'theme.js',
  'titles.js',
  'verdict.js',
  'views.js',
  'virtual.js',
  'words.js',
  'words/de.ftl',
  'worker.js',
  'workers.js',
];

const worker = /** @type {any} */ (globalThis); // no types of service workers beside those of pages

worker.addEventListener('install', (/** @type {any} */ event) => event.waitUntil(keep()));
worker.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const { request } = event;
  // Asked by a worker of the page: whether the modules it loads come by here.
  if (request.url === new URL('kept.js', location.href).href) {
    return event.respondWith(new Response('export const kept = true;', { headers: { 'content-type': 'text/javascript' } }));
  }
  if (request.method === 'GET' && new URL(request.url).origin === location.origin) event.respondWith(answer(request));
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES);
  await worker.skipWaiting();
}

const type = (/** @type {Response} */ response) => response.headers.get('content-type');

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    const known = await cache.match(request);
    // What a network's sign-in page says instead is not kept.
    const own = known && !response.redirected && type(response) === type(known);
    if (own && response.status === 200 && !request.headers.has('range')) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const page = request.mode === 'navigate' && /\/(index\.html)?$/.test(new URL(request.url).pathname);
    const kept = await cache.match(page ? './' : request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}
