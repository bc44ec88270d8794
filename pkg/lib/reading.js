// Reading of files: spans in one go, or mostly forwards and ahead.

/**
 * What is read: a blob, or a file on a server.
 *
 * @typedef {{ readonly size: number, slice(from?: number, to?: number): { arrayBuffer(): Promise<ArrayBuffer> } }} Readable
 */

/** A slice costs the browser as long as reading so many bytes. */
const GAP = 128 << 10;
/** Slices of one blob; blobs are read at the same time. */
const SLICES = 16;
/** Bytes read ahead at a time, and how many such reads are in flight. */
export const CHUNK = 8 << 20;
const IN_FLIGHT = 2;

/** @typedef {{ at: number, end: number, from: number, spans: [number, number][] }} Slice */

/**
 * Reads spans `[at, length, …]` in one go, and what is between them where they
 * are near. Where the file ends early, the bytes end there.
 *
 * @param {Readable} file
 * @param {ArrayLike<number>} spans
 */
export async function readSpans(file, spans) {
  /** @type {Slice[]} */
  const slices = [];
  let total = 0;
  for (let i = 0; i < spans.length; i += 2) {
    const [at, end] = [spans[i], spans[i] + spans[i + 1]];
    total += end - at;
    const last = slices.at(-1);
    if (last && at >= last.at && at <= last.end + GAP) {
      last.end = Math.max(last.end, end);
      last.spans.push([at, end]);
    } else {
      slices.push({ at, end, from: 0, spans: [[at, end]] });
    }
  }
  const blobs = [];
  const together = file instanceof Blob ? SLICES : 1;
  for (let i = 0; i < slices.length; i += together) {
    const parts = slices.slice(i, i + together).map(({ at, end }) => file.slice(at, end));
    blobs.push((parts.length === 1 ? parts[0] : new Blob(/** @type {Blob[]} */ (parts))).arrayBuffer());
  }
  const read = await Promise.all(blobs);
  if (slices.length === 1 && spans.length === 2) return new Uint8Array(read[0]);
  const out = new Uint8Array(total);
  let done = 0;
  for (let i = 0; i < slices.length; i++) {
    const bytes = new Uint8Array(read[Math.floor(i / together)]);
    if (i % together === 0) slices[i].from = 0;
    const { at, end, from } = slices[i];
    for (const [start, stop] of slices[i].spans) {
      const part = bytes.subarray(from + start - at, from + stop - at);
      out.set(part, done);
      done += part.length;
      if (part.length < stop - start) return out.subarray(0, done); // the file ends here
    }
    if (slices[i + 1]) slices[i + 1].from = from + end - at;
  }
  return out;
}

/** Reads a file mostly forwards, ahead of what is asked for. */
export class Ahead {
  #file;
  /** @type {Map<number, Promise<ArrayBuffer>>} */
  #chunks = new Map();

  /** @param {Readable} file */
  constructor(file) {
    this.#file = file;
  }

  /** @param {number} index */
  #chunk(index) {
    const from = index * CHUNK;
    const known = this.#chunks.get(index);
    if (known) return known;
    if (from >= this.#file.size) return null;
    const read = this.#file.slice(from, from + CHUNK).arrayBuffer();
    read.catch(() => {}); // told when it is asked for
    this.#chunks.set(index, read);
    return read;
  }

  /**
   * @param {number} at
   * @param {number} length
   */
  read(at, length) {
    return this.spans([at, length], length);
  }

  /**
   * Spans `[at, length, …]` of so many bytes together, one behind the other.
   *
   * @param {ArrayLike<number>} spans
   * @param {number} total
   */
  async spans(spans, total) {
    const out = new Uint8Array(total);
    let to = 0;
    for (let i = 0; i < spans.length; i += 2) {
      for (let [at, end] = [spans[i], spans[i] + spans[i + 1]]; at < end;) {
        const index = Math.floor(at / CHUNK);
        const bytes = await this.#bytes(index);
        const from = at - index * CHUNK;
        const part = bytes.subarray(from, from + end - at);
        if (!part.length) throw new DOMException('', 'NotReadableError');
        out.set(part, to);
        to += part.length;
        at += part.length;
      }
    }
    return out;
  }

  /** The last chunk, which most spans begin in. */
  #last = { index: -1, bytes: new Uint8Array() };

  /** @param {number} index */
  async #bytes(index) {
    if (this.#last.index === index) return this.#last.bytes;
    for (const known of this.#chunks.keys()) if (known < index) this.#chunks.delete(known);
    for (let next = index; next <= index + IN_FLIGHT; next++) this.#chunk(next);
    const bytes = new Uint8Array((await this.#chunk(index)) ?? new ArrayBuffer(0));
    this.#last = { index, bytes };
    return bytes;
  }
}

/** A read of so many bytes is worth being begun before it is asked for. */
const LARGE = 1 << 20;

/**
 * Reads spans as `readSpans` does. Where they go on through a file, as its
 * fragments do, the next are read while these are looked at.
 */
export class Walk {
  #file;
  #ahead;
  /** Where the last large read ended. */
  #end = -1;

  /** @param {Readable} file */
  constructor(file) {
    this.#file = file;
    this.#ahead = new Ahead(file);
  }

  /** @param {ArrayLike<number>} spans */
  async read(spans) {
    const [at, end, total] = together(spans);
    const goesOn = at >= this.#end && at <= this.#end + GAP;
    const large = end - at >= LARGE && end <= this.#file.size;
    this.#end = large ? end : -1;
    if (!goesOn || !large) return readSpans(this.#file, spans);
    return this.#ahead.spans(spans, total);
  }
}

/**
 * Where spans begin and end that lie near each other, in order, and how many bytes
 * they have; nothing of others.
 *
 * @param {ArrayLike<number>} spans
 * @returns {[number, number, number]}
 */
function together(spans) {
  let [end, total] = [spans[0], 0];
  for (let i = 0; i < spans.length; i += 2) {
    if (spans[i] < end || spans[i] > end + GAP) return [0, 0, 0];
    end = spans[i] + spans[i + 1];
    total += spans[i + 1];
  }
  return [spans[0], end, total];
}
