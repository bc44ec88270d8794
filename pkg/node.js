// The package in Node: workers are threads, and fetch reads the module from disk.

import { Worker as Thread } from 'node:worker_threads';
import { startWith } from './index.js';
import { Core } from './lib/rpc.js';

export * from './index.js';

/** A thread as a worker of the Web. It does not keep the process alive while it waits. */
class NodeWorker {
  /** @type {((event: { data: unknown }) => void) | null} */
  onmessage = null;
  /** @type {((event: { message: string, preventDefault(): void }) => void) | null} */
  onerror = null;
  onmessageerror = null;
  #thread = new Thread(new URL('./lib/node-worker.js', import.meta.url));
  #waiting = 0;

  constructor() {
    this.#thread.unref();
    this.#thread.on('message', (data) => {
      if (data.type !== 'update' && --this.#waiting === 0) this.#thread.unref();
      this.onmessage?.({ data });
    });
    this.#thread.on('error', (error) => this.onerror?.({ message: error.message, preventDefault() {} }));
  }

  /**
   * @param {{ type: string }} message
   * @param {import('node:worker_threads').Transferable[]} [transfer]
   */
  postMessage(message, transfer = []) {
    if (message.type !== 'cancel' && this.#waiting++ === 0) this.#thread.ref();
    this.#thread.postMessage(message, transfer);
  }

  terminate() {
    this.#thread.terminate();
  }
}

/**
 * Blobs of files cannot be sent to threads in every Node.
 *
 * @param {Blob} blob
 */
function canBeSent(blob) {
  try {
    structuredClone(blob);
    return true;
  } catch {
    return false;
  }
}

startWith(() => new Core(() => /** @type {Worker} */ (/** @type {unknown} */ (new NodeWorker()))), canBeSent);
