// The files that are open in the worker.

import { Inspector } from '../../ismvault.js';
import { Walk } from '../reading.js';
import { PortSource } from '../sources.js';

/** @typedef {import('../reading.js').Readable} Readable */
/** @typedef {{ file: Readable, inspector: Inspector }} Opened */

/** @type {Map<number, Opened>} by the page's number for each */
export const open = new Map();

/**
 * Lets go of what the core keeps. Where it stopped, that fails too, which must
 * not take the place of the error that is told.
 *
 * @param {{ free(): void } | undefined} kept
 */
export function release(kept) {
  try {
    kept?.free();
  } catch {
    // Its instance is gone.
  }
}

/** @param {number} key */
export function of(key) {
  const found = open.get(key);
  if (!found) throw new Error('This file is not open any more. Open it again.');
  return found;
}

/**
 * A file that is here, to make another of.
 *
 * @param {number} key
 */
export function here(key) {
  const { file, inspector } = of(key);
  if (!(file instanceof Blob)) throw new Error('This file is on a server. Fetch it whole first.');
  return { file, inspector };
}

/** @param {number} key */
export function close(key) {
  const { inspector, file } = open.get(key) ?? {};
  release(inspector);
  if (file instanceof PortSource) file.close();
  open.delete(key);
}

/**
 * The same for a file that is to stay open: where that fails, it is closed.
 *
 * @type {typeof inspected}
 */
export async function opening(file, signal, step) {
  try {
    return await inspected(file, signal, step);
  } catch (error) {
    if (file instanceof PortSource) file.close();
    throw error;
  }
}

/**
 * Looks at a file; `step` is called after each read.
 *
 * @param {Readable} file
 * @param {AbortSignal} signal
 * @param {(inspector: Inspector) => void} [step]
 */
export async function inspected(file, signal, step = () => {}) {
  const inspector = new Inspector(file.size);
  const walk = new Walk(file);
  // A source that does not answer does not hold up who gives up.
  const stopped = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  stopped.catch(() => {}); // told where it is waited for
  try {
    signal.throwIfAborted();
    for (let spans; (spans = inspector.step());) {
      inspector.feed(/** @type {Uint8Array} */ (await Promise.race([walk.read(spans), stopped])));
      signal.throwIfAborted();
      step(inspector);
    }
    return inspector;
  } catch (error) {
    release(inspector);
    throw error;
  }
}
