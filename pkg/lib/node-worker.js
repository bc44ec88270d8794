// A thread of Node that looks like a worker of the Web to what runs in it.

import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parentPort, Worker as Thread, workerData } from 'node:worker_threads';

const scope = /** @type {any} */ (globalThis);
const web = scope.fetch;
scope.fetch = async (/** @type {string | URL} */ url, /** @type {RequestInit} */ options) => {
  const place = new URL(url);
  if (place.protocol !== 'file:') return web(url, options);
  return new Response(await readFile(place), { headers: { 'content-type': 'application/wasm' } });
};
scope.navigator ??= { hardwareConcurrency: availableParallelism() };
scope.onmessage = null;
scope.postMessage = (/** @type {unknown} */ message, /** @type {{ transfer?: any[] }} */ options) => parentPort?.postMessage(message, options?.transfer);
/** @type {unknown[]} */
const early = [];
parentPort?.on('message', (data) => (scope.onmessage ? scope.onmessage({ data }) : early.push(data)));

/** A thread of the pool. */
class UnitsThread {
  /** @type {((event: { data: unknown }) => void) | null} */
  onmessage = null;
  /** @type {((event: { message: string, preventDefault(): void }) => void) | null} */
  onerror = null;
  onmessageerror = null;
  #thread = new Thread(new URL('./node-worker.js', import.meta.url), { workerData: 'units' });

  constructor() {
    this.#thread.on('message', (data) => this.onmessage?.({ data }));
    this.#thread.on('error', (error) => this.onerror?.({ message: error.message, preventDefault() {} }));
  }

  /**
   * @param {unknown} message
   * @param {any[]} [transfer]
   */
  postMessage(message, transfer = []) {
    this.#thread.postMessage(message, transfer);
  }

  terminate() {
    this.#thread.terminate();
  }
}

if (workerData === 'units') {
  await import('./units.js');
} else {
  const { startUnitsWith } = await import('./pool.js');
  startUnitsWith(() => /** @type {Worker} */ (/** @type {unknown} */ (new UnitsThread())));
  await import('./worker.js');
}
for (const data of early) scope.onmessage({ data });
