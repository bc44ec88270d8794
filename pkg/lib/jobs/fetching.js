// Jobs that fetch files from a server, on the page that may.

import { ServerError, whole } from '../server.js';
import * as sinks from '../sinks.js';
import { kept } from './outputs.js';

const UPDATE_MS = 100;

export const fetching = {
  /**
   * All of a file, into this browser's storage, piece by piece.
   *
   * @param {{ url: string, stamp: string | null, choice: sinks.Choice }} data
   * @param {(progress: { done: number, total: number }) => void} update
   * @param {AbortSignal} signal
   */
  async fetch({ url, stamp, choice }, update, signal) {
    const from = await whole(url, signal);
    if (stamp && from.stamp !== stamp) throw new ServerError('The file was changed on its server. Open it again.');
    const sink = await sinks.open(choice, from.size);
    try {
      const reader = from.body.getReader();
      let [done, told] = [0, 0];
      for (;;) {
        const { value, done: ended } = await reader.read();
        signal.throwIfAborted();
        if (ended) break;
        await sink.write(/** @type {Uint8Array<ArrayBuffer>} */ (value));
        done += value.length;
        if (performance.now() - told < UPDATE_MS) continue;
        told = performance.now();
        update({ done, total: from.size });
      }
      if (from.size && done !== from.size) throw new ServerError(`The server sent ${done} of ${from.size} bytes. Try again.`);
      return kept(await sink.close());
    } catch (error) {
      await Promise.resolve(sink.abort()).catch(() => {});
      throw error;
    }
  },
};
