// Jobs, one after the other: each takes all the cores.

import { Refusal } from './pkg/lib/rpc.js';
import { set, state } from './state.js';

/**
 * A job that is being done, or waits for its turn. `key` is the file it is of,
 * `view` where it was begun, `inputs` what it reads, and `seen` whether its progress
 * is in view by itself.
 *
 * @typedef {{ name: string, key: number | null, view: import('./state.js').View, run: import('./state.js').Writing, live: AbortController, inputs: number[], seen: () => boolean }} Job
 */

/** Settles when the jobs begun so far have ended. */
let turn = Promise.resolve();

/**
 * A job of this name, of the file shown.
 *
 * @param {string} name
 * @param {import('./state.js').View} view
 * @returns {Job}
 */
export function newJob(name, view, live = new AbortController(), key = state.current, total = 0) {
  const seen = () => state.view === view && (key == null || state.current === key);
  return { name, key, view, live, inputs: key == null ? [] : [key], seen, run: { phase: 'writing', name, started: performance.now(), done: 0, total } };
}

/**
 * Does a job when it is its turn. One that is stopped before is not begun.
 *
 * @template T
 * @param {Job} job
 * @param {() => Promise<T>} work
 */
export async function inTurn(job, work) {
  const { signal } = job.live;
  if (state.jobs.length) job.run.step = 'turn';
  state.jobs.push(job);
  set({});
  const before = turn;
  /** @type {() => void} */
  let next = () => {};
  turn = new Promise((resolve) => { next = resolve; });
  const awake = navigator.wakeLock?.request('screen').catch(() => null);
  try {
    await Promise.race([before, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
    if (signal.aborted) throw new Refusal({ code: 'cancelled', message: 'Cancelled. Nothing was written.' });
    job.run = { ...job.run, started: performance.now(), step: undefined };
    set({});
    return await work();
  } finally {
    state.jobs.splice(state.jobs.indexOf(job), 1);
    before.then(next);
    awake?.then((lock) => lock?.release());
    set({});
  }
}

/**
 * Tells how far a job is.
 *
 * @param {Job} job
 * @param {Partial<import('./state.js').Writing>} change
 */
export function advance(job, change) {
  if (job.live.signal.aborted) return;
  job.run = { ...job.run, ...change };
  set({});
}
