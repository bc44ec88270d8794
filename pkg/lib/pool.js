// The pool: workers that do the units of a recipe, each with an instance of its
// own of the one module. They read their batches themselves; what they make
// comes back in order, with a bounded number in flight.

/** More would wait for the one that writes. */
const MOST = 8;
/** Bytes that all workers read at a time, about, and of one batch. */
const TOGETHER = 64 << 20;
const SMALLEST = 4 << 20;
const LARGEST = 16 << 20;
/** Batches that each worker has: one to do, and one to read meanwhile. */
const AHEAD = 2;
/** How often a batch is tried, by another worker each time. */
const TRIES = 3;

/** How many workers this machine is good for. */
export const howMany = () => Math.max(1, Math.min(navigator.hardwareConcurrency || 2, MOST));

/** @type {() => Worker} */
let startUnits = () => new Worker(new URL('./units.js', import.meta.url), { type: 'module' });

/**
 * How a worker of the pool is started, where it is not as the Web does.
 *
 * @param {() => Worker} how
 */
export function startUnitsWith(how) {
  startUnits = how;
}

/** @typedef {{ at: number, length: number, unit: number }} Unit */
/** @typedef {{ at: number, length: number, units: Unit[] }} Batch */
/** @typedef {{ lengths: number[], proof?: Uint8Array, bytes?: Uint8Array<ArrayBuffer> }} Made */
/** @typedef {{ module: WebAssembly.Module, setup: Uint8Array, file: Blob }} Hello */
/** @typedef {{ at: number, length: number, measure: boolean, units: { at: number, length: number, unitState: Uint8Array }[] }} Message */
/** @typedef {{ worker: Worker, waiting: Map<number, Message> }} Member */
/** @typedef {{ lengths: number[], proof?: Uint8Array, buffer?: ArrayBuffer, size?: number }} Answer */
/** @typedef {{ promise: Promise<Answer>, resolve: (made: Answer) => void, reject: (error: unknown) => void }} Coming */

/**
 * Units next to each other, as batches.
 *
 * @param {Iterable<Unit>} units
 * @param {number} workers
 */
export function batches(units, workers) {
  const full = Math.min(LARGEST, Math.max(SMALLEST, TOGETHER / (AHEAD * workers)));
  /** @type {Batch[]} */
  const all = [];
  for (const unit of units) {
    const last = all.at(-1);
    const end = unit.at + unit.length;
    // The first are small, so that writing begins early.
    const size = all.length > 2 * workers ? full : Math.min(full, SMALLEST);
    if (last && unit.at >= last.at + last.length && end - last.at <= size) {
      last.units.push(unit);
      last.length = end - last.at;
    } else {
      all.push({ at: unit.at, length: unit.length, units: [unit] });
    }
  }
  return all;
}

/** A promise with what settles it. */
function awaited() {
  /** @type {any} */
  const coming = {};
  coming.promise = new Promise((resolve, reject) => Object.assign(coming, { resolve, reject }));
  return /** @type {Coming} */ (coming);
}

export class Pool {
  #start;
  #hello;
  #signal;
  /** @type {Member[]} */
  #workers = [];
  /** @type {Map<number, Coming>} what is waited for, by batch number */
  #coming = new Map();
  /** @type {Map<number, number>} */
  #tries = new Map();
  /** @type {ArrayBuffer[]} buffers that came back and are used again */
  #spare = [];

  /**
   * `hello` is what each worker is told first: the module, the setup, the file.
   * `signal` stops all at once. `start` gives a new worker.
   *
   * @param {Hello} hello
   * @param {AbortSignal} signal
   */
  constructor(hello, signal, workers = howMany(), start = startUnits) {
    this.#start = start;
    this.#hello = hello;
    this.#signal = signal;
    signal.addEventListener('abort', this.#stop);
    for (let n = 0; n < workers; n++) this.#workers.push(this.#employ());
  }

  #employ() {
    /** @type {Member} */
    const member = { worker: this.#start(), waiting: new Map() };
    member.worker.onmessage = ({ data }) => this.#receive(member, data);
    member.worker.onerror = (event) => {
      event.preventDefault();
      this.#replace(member, event.message);
    };
    member.worker.onmessageerror = () => this.#replace(member);
    member.worker.postMessage(this.#hello);
    return member;
  }

  /**
   * A worker died: another does what it had.
   *
   * @param {Member} member
   * @param {string} [why]
   */
  #replace(member, why) {
    const at = this.#workers.indexOf(member);
    if (at < 0) return;
    member.worker.terminate();
    this.#workers[at] = this.#employ();
    for (const [number, message] of member.waiting) {
      const tries = (this.#tries.get(number) ?? 1) + 1;
      this.#tries.set(number, tries);
      if (tries > TRIES) {
        this.#coming.get(number)?.reject(new Error(`The part of this page that does the work stopped ${TRIES} times at byte ${message.at}${why ? ` (${why})` : ''}. Close other tabs, or reload the page and try again.`));
      } else {
        this.#give(this.#workers[at], number, message);
      }
    }
  }

  /**
   * @param {Member} member
   * @param {number} number
   * @param {Message} message
   */
  #give(member, number, message) {
    member.waiting.set(number, message);
    const buffer = this.#spare.pop();
    member.worker.postMessage({ ...message, number, buffer }, buffer ? [buffer] : []);
  }

  /**
   * @param {Member} member
   * @param {Answer & { number: number, error?: unknown }} answer
   */
  #receive(member, { number, error, ...made }) {
    if (!member.waiting.delete(number)) return;
    const coming = this.#coming.get(number);
    if (error) coming?.reject(error);
    else coming?.resolve(made);
  }

  /**
   * What is made of batches, in their order: `{lengths, proof, bytes}` each, or
   * with `measure` the lengths alone. The bytes are good until the next is
   * asked for. `unitState` gives what the worker must know of a unit.
   *
   * @param {Batch[]} all
   * @param {(unit: number) => Uint8Array} unitState
   * @returns {AsyncGenerator<Made, void>}
   */
  async* results(all, unitState, measure = false) {
    let given = 0;
    const limit = AHEAD * this.#workers.length;
    for (let number = 0; number < all.length; number++) {
      for (; given < all.length && given < number + limit; given++) {
        const { at, length, units } = all[given];
        const message = { at, length, measure, units: units.map((u) => ({ at: u.at, length: u.length, unitState: unitState(u.unit) })) };
        const coming = awaited();
        coming.promise.catch(() => {}); // told when its turn comes
        this.#coming.set(given, coming);
        const least = this.#workers.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
        this.#give(least, given, message);
      }
      this.#signal.throwIfAborted();
      const { buffer, size, ...made } = await /** @type {Coming} */ (this.#coming.get(number)).promise;
      this.#coming.delete(number);
      yield buffer ? { ...made, bytes: new Uint8Array(buffer, 0, size) } : made;
      if (buffer) this.#spare.push(buffer);
    }
  }

  #stop = () => {
    for (const { worker } of this.#workers) worker.terminate();
    this.#workers = [];
    for (const coming of this.#coming.values()) coming.reject(this.#signal.reason);
  };

  /** Lets all workers go: their memory does not shrink by itself. */
  close() {
    this.#signal.removeEventListener('abort', this.#stop);
    this.#stop();
    this.#hello.setup.fill(0);
  }
}
