// What is read that is no blob: a reader of the caller's own, asked from the worker;
// and how all of it comes here.

import { RemoteFile } from './server.js';
import { stored } from './sinks.js';

/** @typedef {import('./reading.js').Readable} Readable */
/**
 * A reader of one's own: the bytes at an offset, fewer only where it ends.
 *
 * @typedef {{ readonly size: number, read(at: number, length: number): Promise<Uint8Array> | Uint8Array }} Custom
 */

/** Bytes of it that are read at a time where all of it is wanted. */
const AT_ONCE = 8 << 20;

/** On the page: answers what the worker asks. */
export class CustomSource {
  /** @param {Custom} custom */
  constructor(custom) {
    this.custom = custom;
    this.size = custom.size;
  }

  /** A port for the worker. */
  port() {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = async ({ data: { id, at, length } }) => {
      try {
        // A copy of its own: what it is a part of may be the whole file.
        const bytes = Uint8Array.from(await this.custom.read(at, length));
        port1.postMessage({ id, bytes }, [bytes.buffer]);
      } catch (error) {
        port1.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
      }
    };
    return port2;
  }

  /**
   * As a blob's.
   *
   * @param {number} [from]
   * @param {number} [to]
   */
  slice(from = 0, to = this.size) {
    return { arrayBuffer: async () => Uint8Array.from(await this.custom.read(from, Math.min(to, this.size) - from)).buffer };
  }
}

/** In the worker: asks for bytes. */
export class PortSource {
  #port;
  #next = 1;
  /** @type {Map<number, { resolve: (bytes: ArrayBuffer) => void, reject: (error: Error) => void }>} */
  #asked = new Map();

  /** @param {{ size: number, port: MessagePort }} of */
  constructor({ size, port }) {
    this.size = size;
    this.#port = port;
    port.onmessage = ({ data: { id, bytes, error } }) => {
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      if (error != null) asked?.reject(new Error(error));
      else asked?.resolve(bytes.buffer);
    };
  }

  slice(from = 0, to = this.size) {
    const length = Math.min(to, this.size) - from;
    return {
      arrayBuffer: () => new Promise((/** @type {(bytes: ArrayBuffer) => void} */ resolve, reject) => {
        if (length <= 0) return resolve(new ArrayBuffer(0));
        const id = this.#next++;
        this.#asked.set(id, { resolve, reject });
        this.#port.postMessage({ id, at: from, length });
      }),
    };
  }

  close() {
    this.#port.close();
  }
}

/**
 * What came to a worker: a blob as it is, and what was something else as one.
 *
 * @param {Readable | import('./server.js').Remote | { size: number, port: MessagePort }} file
 * @returns {Readable}
 */
export function revived(file) {
  if ('port' in file) return new PortSource(file);
  if ('url' in file && !(file instanceof RemoteFile)) return new RemoteFile(file);
  return /** @type {Readable} */ (file);
}

/**
 * All of a source as a blob, and what gives its place in storage back.
 *
 * @param {import('./rpc.js').Core} core
 * @param {Blob | RemoteFile | CustomSource} source
 * @param {AbortSignal} [signal]
 * @returns {Promise<{ file: Blob, release(): Promise<void> }>}
 */
export async function asBlob(core, source, signal) {
  const nothing = async () => {};
  if (source instanceof Blob) return { file: source, release: nothing };
  if (source instanceof RemoteFile) {
    const { file, output } = await core.call('fetch', { url: source.url, stamp: source.stamp, choice: stored(source.name) }, { signal });
    const release = async () => {
      if (output) await core.call('release', { output });
    };
    return { file: /** @type {Blob} */ (file), release };
  }
  const parts = [];
  for (let at = 0; at < source.size; at += AT_ONCE) {
    signal?.throwIfAborted();
    parts.push(await source.slice(at, at + AT_ONCE).arrayBuffer());
  }
  return { file: new Blob(parts), release: nothing };
}
