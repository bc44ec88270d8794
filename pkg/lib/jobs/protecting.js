// Jobs that encrypt and decrypt.

import { Decryption, FileHash, Mux, Protection } from '../../ismvault.js';
import { compiling } from '../module.js';
import { Ahead, CHUNK } from '../reading.js';
import { revived } from '../sources.js';
import * as sinks from '../sinks.js';
import { memory, stitchAll, writeUnits } from '../writing.js';
import { here, inspected, of, release } from './opened.js';
import { kept, letGo } from './outputs.js';

const UPDATE_MS = 100;

/** @typedef {import('../../ismvault.js').Protect} Protect */
/** @typedef {{ done: number, total: number, phase?: string }} Progress */
/** @typedef {(progress: Progress) => void} Update */

export const protecting = {
  /**
   * What would be written with these options.
   *
   * @param {{ key: number, options: Protect }} data
   */
  async preview({ key, options }) {
    const protection = new Protection(of(key).inspector, options);
    try {
      return protection.preview();
    } finally {
      release(protection);
    }
  },

  /**
   * Protects an open file; with `secret`, its keys are told.
   *
   * @param {{ key: number, options: Protect, choice: sinks.Choice, secret?: boolean, workers?: number }} data
   * @param {Update} update
   * @param {AbortSignal} signal
   */
  async protect({ key, options, choice, secret, workers }, update, signal) {
    const { file, inspector } = here(key);
    const protection = new Protection(inspector, options);
    try {
      const preview = protection.preview();
      const secrets = secret ? protection.secret() : null;
      /** @type {import('../../ismvault.js').Receipt | undefined} */
      let receipt;
      const judge = (/** @type {number} */ size) => { receipt = protection.receipt(choice.from ?? '', file.size, size); };
      const result = await run(protection, judge, file, choice, update, signal, workers);
      if (!receipt) throw new Error('What was written was not judged.');
      return { ...result, preview, secret: secrets, receipt };
    } finally {
      release(protection);
    }
  },

  /**
   * Decrypts an open file.
   *
   * @param {{ key: number, keys: string, choice: sinks.Choice }} data
   * @param {Update} update
   * @param {AbortSignal} signal
   */
  async decrypt({ key, keys, choice }, update, signal) {
    const { file, inspector } = here(key);
    const decryption = new Decryption(inspector, { keys: [keys] });
    try {
      const notes = decryption.warnings();
      return { ...await run(decryption, () => decryption.judge(), file, choice, update, signal), notes };
    } finally {
      release(decryption);
    }
  },

  /**
   * What a page needs to play the first seconds of a file, in the boxes
   * browsers read. With keys, decrypted by us.
   *
   * @param {{ file: import('../reading.js').Readable, seconds: number, keys?: string }} data
   * @param {unknown} _
   * @param {AbortSignal} signal
   */
  async playable({ file: given, seconds, keys }, _, signal) {
    const file = revived(given);
    let blob = file instanceof Blob ? file : new Blob();
    let inspector = await inspected(file, signal);
    try {
      let playable = inspector.playable(seconds);
      const again = async (/** @type {Blob} */ made) => {
        release(inspector);
        blob = made;
        inspector = await inspected(blob, signal);
        playable = inspector.playable(seconds);
      };
      if (!(file instanceof Blob)) {
        // Of one on a server, no more is fetched than these seconds need.
        const spans = [...playable.head, ...playable.fragments];
        await again(new Blob(await Promise.all(spans.map(([at, length]) => file.slice(at, at + length).arrayBuffer()))));
      }
      if (!playable.as_it_is) {
        const mux = new Mux();
        try {
          mux.add('', inspector);
          mux.begin({ profile: playable.protected ? 'dual' : undefined });
          await again((await stitchAll(mux, blob, signal)).blob);
        } finally {
          release(mux);
        }
      }
      const cut = (/** @type {[number, number]} */ [at, length]) => blob.slice(at, at + length);
      if (keys) {
        // Only the seconds that are played.
        await again(new Blob([...playable.head, ...playable.fragments].map(cut)));
        const decryption = new Decryption(inspector, { keys: [keys] });
        try {
          const sink = memory();
          await writeUnits(decryption, blob, sink, () => {}, signal, await compiling, 1);
          await again(sink.blob());
        } finally {
          release(decryption);
        }
      }
      return { ...playable, parts: [new Blob(playable.head.map(cut)), ...playable.fragments.map(cut)] };
    } finally {
      release(inspector);
    }
  },

  /**
   * SHA-256 of a file, in hex.
   *
   * @param {{ file: Blob }} data
   * @param {Update} update
   * @param {AbortSignal} signal
   */
  async hash({ file }, update, signal) {
    const hash = new FileHash();
    try {
      const ahead = new Ahead(file);
      for (let at = 0; at < file.size; at += CHUNK) {
        hash.update(await ahead.read(at, Math.min(CHUNK, file.size - at)));
        signal.throwIfAborted();
        update({ done: at, total: file.size });
      }
      return hash.finish();
    } catch (error) {
      release(hash);
      throw error;
    }
  },

  /**
   * Lets go of an output.
   *
   * @param {{ output: number }} data
   */
  release: ({ output }) => letGo(output),
};

/**
 * Writes a recipe into the destination that was chosen. `judge` throws where
 * the output is not what it should be; then nothing of it is kept.
 *
 * @param {Protection | Decryption} recipe
 * @param {(size: number) => void} judge
 * @param {Blob} file
 * @param {sinks.Choice} choice
 * @param {Update} update
 * @param {AbortSignal} signal
 * @param {number} [workers]
 * @returns {Promise<Omit<sinks.Closed, 'drop'> & { size: number, output?: number }>}
 */
async function run(recipe, judge, file, choice, update, signal, workers) {
  /** @type {sinks.Sink | null} */
  let sink = null;
  try {
    let told = 0;
    const report = (/** @type {number} */ done, /** @type {string} */ phase) => {
      if (performance.now() - told < UPDATE_MS) return;
      told = performance.now();
      update({ done, total: file.size, phase });
    };
    sink = await sinks.open(choice, file.size * 1.1);
    const size = await writeUnits(recipe, file, sink, report, signal, await compiling, workers);
    signal.throwIfAborted();
    judge(size);
    const closed = await sink.close();
    sink = null;
    return { ...kept(closed), size };
  } catch (error) {
    await Promise.resolve(sink?.abort()).catch(() => {});
    throw error;
  }
}
