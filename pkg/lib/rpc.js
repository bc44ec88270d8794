// Typed messages between the page and its worker.
//
//   page to worker   {id, type, …} (the jobs are in worker.js) or {id, type: 'cancel'}
//   worker to page   {id, type: 'update', …} any number of times, then
//                    {id, type: 'done', result} or {id, type: 'failed', error}

import { CustomSource } from './sources.js';

/** @typedef {Blob | import('./server.js').RemoteFile | CustomSource} Openable what can be opened */

/** What stops a job: a sentence, its place, and a code for programs. */
export class Refusal extends Error {
  /** @param {{ message: string, code?: string, at?: number, path?: string }} failure */
  constructor({ message, code = 'unknown', at, path }) {
    super(message);
    this.code = code;
    this.at = at;
    this.path = path;
  }

  /** Where in the file, in words. */
  get place() {
    if (this.at == null) return '';
    return `at byte ${this.at}${this.path ? `, in ${this.path}` : ''}`;
  }
}

/** @typedef {import('./worker.js').Jobs} Jobs */
/**
 * What a job tells while it is done.
 *
 * @template {keyof Jobs} T
 * @typedef {(news: Jobs[T] extends (data: any, update: (news: infer News) => void, ...rest: any[]) => unknown ? unknown extends News ? never : News : never) => void} Update
 */
/**
 * A job on its way: what it was asked with, to ask again, and who waits for it.
 *
 * @typedef {{
 *   message: { id: number, type: string, key?: number, file?: Openable }, resolve: (result: any) => void,
 *   reject: (refusal: Refusal) => void, update?: (news: any) => void, again: boolean,
 * }} Waiting
 */

/** The page's end. */
export class Core {
  #make;
  /** @type {Worker} */
  #worker;
  /** @type {Map<number, Waiting>} */
  #jobs = new Map();
  /** @type {Map<number, Openable>} the files that are open, for a worker that takes the place of another */
  #open = new Map();
  #next = 1;
  /** @type {Promise<unknown> | null} settles when the files are open again in a new worker */
  #opening = null;
  /** @type {Refusal | null} why nothing works any more, if so */
  #fatal = null;

  /** @param {() => Worker} make */
  constructor(make = () => new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })) {
    this.#make = make;
    this.#worker = this.#start();
  }

  #start() {
    const worker = this.#make();
    // What one that was replaced had sent before may still arrive.
    const current = () => worker === this.#worker;
    worker.onmessage = ({ data }) => current() && this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      if (current()) this.#stop(event.message);
    };
    worker.onmessageerror = () => current() && this.#stop('a message could not be read');
    return worker;
  }

  /**
   * Does a job. `update` hears of its progress; `signal` cancels it.
   *
   * @template {keyof Jobs} T
   * @param {T} type
   * @param {Parameters<Jobs[T]>[0]} data
   * @param {{ signal?: AbortSignal, update?: Update<T> }} options
   * @returns {Promise<Awaited<ReturnType<Jobs[T]>>>}
   */
  call(type, data, { signal, update } = {}) {
    if (this.#fatal) return Promise.reject(this.#fatal);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new Refusal({ code: 'cancelled', message: 'Cancelled. Nothing was kept.' }));
      const message = { id, type, .../** @type {any} */ (data) };
      this.#jobs.set(id, { message, resolve, reject, update, again: false });
      signal?.addEventListener('abort', () => this.#worker.postMessage({ id, type: 'cancel' }), { once: true });
      if (type === 'close') this.#open.delete(message.key);
      this.#ask(id, message);
    });
  }

  /**
   * @param {number} id
   * @param {Waiting['message']} message
   */
  #ask(id, message) {
    if (!this.#opening) return this.#post(message);
    this.#opening.then(() => this.#jobs.has(id) && this.#post(message));
  }

  /** @param {Waiting['message']} message */
  #post(message) {
    const { file } = message;
    if (!(file instanceof CustomSource)) return this.#worker.postMessage(message);
    const port = file.port();
    this.#worker.postMessage({ ...message, file: { size: file.size, port } }, [port]);
  }

  /** Whether nothing works any more. */
  get stopped() {
    return this.#fatal != null;
  }

  /** Ends the worker; what it was doing is refused. */
  terminate() {
    this.#worker.terminate();
    this.#fatal = new Refusal({ code: 'cancelled', message: 'Cancelled. Nothing was kept.' });
    for (const job of this.#jobs.values()) job.reject(this.#fatal);
    this.#jobs.clear();
  }

  /**
   * Puts a worker in the place of one whose core stopped: an instance that did
   * cannot be trusted with anything more. Files are opened again, and the other
   * jobs asked again, once.
   */
  #replace() {
    this.#worker.terminate();
    this.#worker = this.#start();
    const jobs = [...this.#jobs];
    const opened = [...this.#open].map(([key, file]) => new Promise((resolve) => {
      const message = { id: this.#next++, type: 'inspect', key, file };
      this.#jobs.set(message.id, { message, resolve, reject: resolve, update: undefined, again: true });
      this.#post(message);
    }));
    const opening = Promise.all(opened).then(() => {
      if (this.#opening === opening) this.#opening = null;
    });
    this.#opening = opening;
    for (const [id, job] of jobs) {
      if (job.again) {
        this.#jobs.delete(id);
        job.reject(new Refusal({ code: 'internal', message: 'The core stopped twice while this was done. Try it again by itself.' }));
      } else {
        job.again = true;
        this.#ask(id, job.message);
      }
    }
  }

  /** @param {string} why */
  #stop(why) {
    const message = `The part of this page that reads files stopped${why ? ` (${why})` : ': it could not be loaded'}. Reload the page.`;
    this.#fatal = new Refusal({ message, code: 'worker' });
    for (const job of this.#jobs.values()) job.reject(this.#fatal);
    this.#jobs.clear();
  }

  /** @param {{ id: number, type: string, [name: string]: any }} message */
  #receive({ id, type, ...data }) {
    const job = this.#jobs.get(id);
    if (job && type === 'update') {
      job.update?.(data);
      return;
    }
    this.#jobs.delete(id);
    if (data.error?.code === 'internal') this.#replace();
    if (!job) return;
    if (type !== 'done') return job.reject(new Refusal(data.error));
    const { type: kind, key, file } = job.message;
    if (kind === 'inspect' && key && file) this.#open.set(key, file);
    job.resolve(data.result);
  }
}
