// The host in the browser: takes the page's messages, and does its jobs.

/** Messages that come before the module is ready wait for it in `ready`. */
onmessage = ({ data }) => receive(data);

import { Cancelled, plain } from './errors.js';
import { fetching } from './jobs/fetching.js';
import { looking } from './jobs/looking.js';
import { making } from './jobs/making.js';
import { protecting } from './jobs/protecting.js';
import { ready } from './module.js';
import { sweep } from './sinks.js';

/** A job is called with its data, what hears of its progress, and what stops it. */
const JOBS = { ...fetching, ...looking, ...making, ...protecting };
/** @typedef {typeof fetching & typeof looking & typeof making & typeof protecting} Jobs */
/** @typedef {import('./jobs/making.js').Input} Input */

// Outputs that tabs now closed have left.
sweep();

/** @type {Map<number, AbortController>} what stops each job that runs */
const stops = new Map();

/** @param {{ id: number, type: keyof Jobs | 'cancel', [name: string]: unknown }} message */
async function receive({ id, type, ...data }) {
  if (type === 'cancel') {
    stops.get(id)?.abort(new Cancelled('Cancelled.'));
    return;
  }
  const post = (/** @type {object} */ message) => postMessage({ id, ...message });
  const stop = new AbortController();
  stops.set(id, stop);
  try {
    await ready.catch((error) => {
      throw new Error(`This page's core could not be loaded (${error.message}). Check the connection and reload the page.`);
    });
    const job = /** @type {(data: object, update: (news: object) => void, signal: AbortSignal) => unknown} */ (JOBS[type]);
    const result = await job(data, (update) => post({ type: 'update', ...update }), stop.signal);
    post({ type: 'done', result });
  } catch (error) {
    post({ type: 'failed', error: plain(error) });
  } finally {
    stops.delete(id);
  }
}
