// Outputs: what the core's recipes become, as a blob of spans or written piece
// by piece while a pool of workers does the units.

import { Pool, batches, howMany } from './pool.js';
import { Ahead, CHUNK, readSpans } from './reading.js';

/** @import { Protection, Decryption } from '../ismvault.js' */
/** @import { Made } from './pool.js' */
/** @typedef {Protection | Decryption} Recipe */
/** @typedef {{ at: number, length: number, unit?: number }} Place */
/** @typedef {Uint8Array<ArrayBuffer> | Place} Piece bytes made already, or a span to copy or to work on */
/** @typedef {{ write(bytes: Uint8Array<ArrayBuffer>): unknown }} Sink */
/** @typedef {(done: number, phase: string) => void} Report */
/** @typedef {{ step(): ArrayLike<number> | undefined, feed(bytes: Uint8Array): void, pieces(): any[], notes(): string[], progress: number, compared: number }} Stitching */

const isPlace = (/** @type {Piece} */ piece) => !(piece instanceof Uint8Array);

/**
 * What pieces of bytes and copies make of a file: a blob, and no copy.
 *
 * @param {Blob} file
 * @param {Piece[]} pieces
 */
export function stitched(file, pieces) {
  const parts = pieces.map((piece) => (piece instanceof Uint8Array ? piece : file.slice(piece.at, piece.at + piece.length)));
  return new Blob(parts);
}

/**
 * Drives a mux over its inputs, and stitches what it makes.
 *
 * @param {Stitching} mux
 * @param {Blob} file
 * @param {AbortSignal} signal
 * @param {(progress: { done: number, total: number }) => void} [update]
 */
export async function stitchAll(mux, file, signal, update = () => {}) {
  for (let spans; (spans = mux.step());) {
    mux.feed(await readSpans(file, spans));
    signal.throwIfAborted();
    update({ done: mux.progress, total: 1 });
  }
  const notes = mux.notes();
  const blob = stitched(file, mux.pieces());
  return { blob, notes, compared: mux.compared };
}

/** A sink for a few seconds of media. The bytes are used again, so a blob takes them. */
export function memory() {
  /** @type {Blob[]} */
  const parts = [];
  return {
    write: (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => void parts.push(new Blob([bytes])),
    blob: () => new Blob(parts),
  };
}

/**
 * Writes a recipe: its units by a pool of workers, everything in order. Gives
 * the length of the output.
 *
 * @param {Recipe} recipe
 * @param {Blob} file
 * @param {Sink} sink
 * @param {Report} report
 * @param {AbortSignal} signal
 * @param {WebAssembly.Module} module
 */
export async function writeUnits(recipe, file, sink, report, signal, module, workers = howMany()) {
  /** @type {Piece[]} */
  let pieces = recipe.pieces();
  const units = /** @type {{ at: number, length: number, unit: number }[]} */ (pieces.filter((piece) => isPlace(piece) && /** @type {Place} */ (piece).unit !== undefined));
  const all = batches(units, workers);
  const unitState = (/** @type {number} */ unit) => recipe.unitState(unit);
  const hello = { module, setup: recipe.setup(), file };
  const pool = new Pool(hello, signal, Math.min(workers, all.length));
  try {
    if (recipe.unmeasured) {
      /** @type {number[]} */
      const lengths = [];
      for await (const measured of pool.results(all, unitState, true)) {
        lengths.push(...measured.lengths);
        report(units[lengths.length - 1].at, 'measure');
      }
      recipe.settle(Float64Array.from(lengths));
      pieces = recipe.pieces(); // the index in front of them is known now
    }
    return await write(recipe, pieces, pool.results(all, unitState), file, sink, report, signal);
  } finally {
    pool.close();
  }
}

/** Bytes written at a time. */
const AT_ONCE = 4 << 20;
const { port1: here, port2: there } = new MessageChannel();

/** Lets messages in. */
function turn() {
  return new Promise((resolve) => {
    here.onmessage = resolve;
    there.postMessage(null);
  });
}

/**
 * Writes piece after piece; units as they come from the pool.
 *
 * @param {Recipe} recipe
 * @param {Piece[]} pieces
 * @param {AsyncGenerator<Made, void>} results
 * @param {Blob} file
 * @param {Sink} sink
 * @param {Report} report
 * @param {AbortSignal} signal
 */
async function write(recipe, pieces, results, file, sink, report, signal) {
  const ahead = new Ahead(file);
  /** @type {number[]} */
  const lengths = [];
  let written = 0;
  const put = async (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => {
    // A slow disk holds up this thread, so that it would not hear of a cancel.
    for (let from = 0; from < bytes.length; from += AT_ONCE) {
      await sink.write(bytes.subarray(from, from + AT_ONCE));
      await turn();
      signal.throwIfAborted();
    }
    written += bytes.length;
  };
  const unitAt = (/** @type {number} */ i) => {
    const piece = pieces[i];
    return piece && !(piece instanceof Uint8Array) && piece.unit !== undefined ? piece : null;
  };
  /** @type {Made | null} */
  let made = null;
  let [next, at] = [0, 0];
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i];
    if (piece instanceof Uint8Array) {
      await put(piece);
      continue;
    }
    let end = piece.at + piece.length;
    if (piece.unit === undefined) {
      for (let done = 0; done < piece.length; done += CHUNK) {
        await put(await ahead.read(piece.at + done, Math.min(CHUNK, piece.length - done)));
      }
    } else {
      if (!made || next === made.lengths.length) {
        const { value } = await results.next();
        if (!value?.bytes || !value.proof) throw new Error('The pool ended before the units did.');
        made = value;
        recipe.proved(value.proof);
        lengths.push(...value.lengths);
        [next, at] = [0, 0];
      }
      // Units of one batch without anything between are one write.
      const from = at;
      at += made.lengths[next++];
      for (let unit; next < made.lengths.length && (unit = unitAt(i + 1)); at += made.lengths[next++]) {
        i++;
        end = unit.at + unit.length;
      }
      await put(/** @type {Uint8Array<ArrayBuffer>} */ (made.bytes).subarray(from, at));
    }
    report(end, 'write');
  }
  await put(/** @type {Uint8Array<ArrayBuffer>} */ (recipe.finish(Float64Array.from(lengths))));
  return written;
}
