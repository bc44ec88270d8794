// What panels may do.

import { core } from './core.js';
import { $, downloadUrl, say } from './dom.js';
import { checkSet, close, forget, holdOutputs, letsGo, openFiles, openMade, recognise } from './open.js';
import { Refusal } from './pkg/lib/rpc.js';
import { choose as chooseSink, stored } from './pkg/lib/sinks.js';
import { advance, inTurn, newJob } from './queue.js';
import { newEntry, newKey, set, shown, state } from './state.js';
import { go, mark, toFile } from './views.js';

/** @typedef {import('./state.js').OpenFile} OpenFile */
/** @typedef {import('./pkg/ismvault.js').Protect} Protect */
/** @typedef {import('./pkg/ismvault.js').Rewriting} Rewriting */
/** @typedef {import('./pkg/lib/worker.js').Input} Input */

/**
 * A file to be made, by one of these jobs.
 *
 * @typedef {{ name: string } & (
 *   | { type: 'mux', data: { inputs: Input[], manifests?: { name: string, file: Blob }[], options?: Rewriting } }
 *   | { type: 'assemble', data: { manifest: Blob, files: { name: string, file: Blob }[] } }
 *   | { type: 'fragment', data: { key: number } }
 *   | { type: 'reheader', data: { key: number, options: import('./pkg/ismvault.js').Header }, notes: string[] }
 *   | { type: 'decrypt', data: { key: number, keys: string } }
 *   | { type: 'fetch', data: { url: string, stamp: string | null } }
 * )} NewFile
 */
/** @typedef {{ live: AbortController, update: (run: import('./state.js').Writing) => void, seen: () => boolean }} Watch */
/** @typedef {typeof actions} Actions */

/** The file shown, by its number. */
const current = () => /** @type {number} */ (state.current);

/** A destination is being chosen. */
let starting = false;
/** @type {WeakMap<import('./pkg/ismvault.js').Inspection, Promise<import('./pkg/ismvault.js').Timeline[]>>} */
const timelines = new WeakMap();
/**
 * Reads what was written, and completes its receipt. Without it there is a file
 * all the same.
 *
 * @param {import('./state.js').Receipt} receipt
 * @param {Blob} file
 */
function hashed(receipt, file) {
  const hash = core.call('hash', { file }).then((sha256) => {
    receipt.sha256 = sha256;
    return sha256;
  });
  hash.catch(() => {});
  return hash;
}

/**
 * What was written to a destination, as a blob.
 *
 * @template {{ file?: Blob, written?: File }} T
 * @param {T} result
 */
const blobOf = ({ file, written, ...rest }) => ({ blob: /** @type {Blob} */ (file ?? written), ...rest });

/**
 * Does the job of a file to be made.
 *
 * @param {NewFile} job
 * @param {import('./pkg/lib/sinks.js').Choice | null} choice where a decrypted file goes
 * @param {{ signal: AbortSignal, update: (progress: { done: number, total: number, phase?: string }) => void }} watch
 */
async function made(job, choice, watch) {
  switch (job.type) {
    case 'mux': return core.call('mux', job.data, watch);
    case 'assemble': return core.call('assemble', job.data, watch);
    case 'fragment': return core.call('fragment', job.data, watch);
    case 'reheader': return { ...await core.call('reheader', job.data, watch), notes: job.notes };
    case 'fetch': return blobOf(await core.call('fetch', { ...job.data, choice: stored(job.name) }, watch));
    default: return blobOf(await core.call('decrypt', { ...job.data, choice: /** @type {import('./pkg/lib/sinks.js').Choice} */ (choice) }, watch));
  }
}

export const actions = {
  call: core.call.bind(core),
  go,
  recognise,
  open: (/** @type {File} */ file) => openFiles([file]),
  newKey,
  preview: (/** @type {number} */ key, /** @type {Protect} */ options) => core.call('preview', { key, options }),
  doctor: (/** @type {string} */ text) => core.call('doctor', { key: current(), text }),

  /**
   * Makes another file, and opens it. False if the user thinks better of it.
   *
   * @param {NewFile} job
   * @param {Watch} watch
   */
  async make(job, { live, update, seen }) {
    const inputs = job.type === 'mux' ? job.data.inputs.filter(({ name, tracks }) => name && tracks?.length !== 0) : [];
    const of = job.type === 'fetch' ? new URL(job.data.url).host : inputs.map(({ name }) => name).join(', ') || (shown()?.name ?? '');
    // Asked for at once, while the browser knows who asks.
    const choice = job.type === 'decrypt' ? await chooseSink(job.name) : null;
    if (job.type === 'decrypt' && !choice) return false;
    const item = { ...newJob(job.name, state.view, live), seen };
    if (job.type === 'mux') item.inputs = job.data.inputs.map(({ key }) => key);
    const done = inTurn(item, () => {
      update(item.run);
      return made(job, choice, {
        signal: live.signal,
        update: ({ phase, ...change }) => {
          advance(item, { ...change, step: phase ?? 'part' });
          update(item.run);
        },
      });
    });
    update(item.run);
    const result = await done;
    const { blob, notes, compared, saved, output } = { notes: undefined, saved: undefined, output: undefined, compared: undefined, ...result };
    const name = saved ?? job.name;
    const entry = newEntry(new File([blob], name), name);
    Object.assign(entry, { made: { of, notes, saved, compared, stored: output && /** @type {File} */ (blob).name }, output });
    if (output) holdOutputs();
    await openMade(entry);
    return true;
  },

  /**
   * Tells over all views that a job failed.
   *
   * @param {string} name
   * @param {Refusal} refusal
   */
  failed(name, refusal) {
    set({ failures: [...state.failures, { name, refusal }] });
    say(`${name} was not made: ${refusal.message}`);
  },

  /**
   * The fragments of a file over time, asked for once.
   *
   * @param {number} key
   * @param {import('./pkg/ismvault.js').Inspection} inspection
   */
  timelines(key, inspection) {
    const known = timelines.get(inspection) ?? core.call('timelines', { key });
    timelines.set(inspection, known);
    known.catch(() => timelines.delete(inspection)); // to be asked for again
    return known;
  },

  /**
   * Chooses a fragment, for every view.
   *
   * @param {number} key
   * @param {import('./panels/lanes.js').Chosen} chosen
   */
  choose(key, chosen) {
    const entry = state.files.find((file) => file.key === key);
    if (entry) entry.chosen = chosen;
    set({});
  },

  /** Shows the bytes at an offset. */
  jump: (/** @type {number} */ at) => go('boxes', at),

  /** Where a view is to go, once. */
  arrive() {
    const { at } = state;
    state.at = null;
    return at;
  },
  mark,

  /**
   * Closes a file. False if the user thinks better of it.
   *
   * @param {number} key
   */
  close(key) {
    const entry = state.files.find((file) => file.key === key);
    if (!entry || !close(entry)) return false;
    set({});
    checkSet();
    return true;
  },

  /**
   * Shows two files side by side.
   *
   * @param {number[]} pair
   */
  compare(pair) {
    set({ pair });
    go('compare');
  },

  /**
   * Protects a file.
   *
   * @param {number} key
   * @param {Protect} options
   * @param {{ secret: boolean }} how whether the keys are made here, to be told
   */
  async protect(key, options, { secret }) {
    // One at a time: a second click must not show one run's key beside the
    // other's file.
    const entry = state.files.find((file) => file.key === key);
    if (starting || !entry || entry.run) return;
    starting = true;
    const stem = entry.name.replace(/\.[^.]+$/, '');
    const name = `${stem}${/\.mp4$/i.test(entry.name) ? '-playready' : ''}.mp4`;
    let choice;
    try {
      choice = await chooseSink(name);
    } catch (/** @type {any} */ error) {
      starting = false;
      entry.run = { phase: 'failed', refusal: new Refusal({ message: `The browser would not open a place to save to: ${error.message}` }) };
      return set({});
    }
    starting = false;
    if (!choice || !state.files.includes(entry) || entry.run) return;
    const live = new AbortController();
    const { signal } = live;
    entry.live = live;
    const job = newJob(entry.name, 'overview', live, key, entry.file.size);
    entry.run = job.run;
    const mine = () => entry.live === live;
    const tell = (/** @type {Partial<import('./state.js').Writing>} */ change) => {
      if (!mine()) return;
      advance(job, change);
      entry.run = job.run;
      set({});
    };
    let begun = 0;
    try {
      const { file, written, output: id, ...result } = await inTurn(job, () => {
        begun = performance.now();
        tell({});
        const update = (/** @type {{ done?: number, total?: number, phase?: string }} */ { phase, ...change }) => {
          const writes = phase === 'write' && job.run.step !== 'write';
          tell({ ...change, step: phase ?? job.run.step, ...(writes && { started: performance.now() }) });
        };
        return core.call('protect', { key, options, choice: { ...choice, from: entry.name }, secret }, { signal, update });
      });
      if (!mine()) return;
      const output = /** @type {Blob} */ (file ?? written);
      entry.run = {
        ...result, phase: 'done', name, url: file && downloadUrl(file, name), id, output,
        seconds: (performance.now() - begun) / 1000, hash: hashed(result.receipt, output),
      };
      if (id) holdOutputs();
      say('Done. The protected file is ready.');
    } catch (/** @type {any} */ refusal) {
      if (!mine()) return;
      const stopped = signal.aborted || refusal.code === 'cancelled';
      if (stopped) say(refusal.code === 'cancelled' ? refusal.message : 'Cancelled. Nothing was written.');
      entry.run = stopped ? null : { phase: 'failed', refusal };
    }
    set({});
  },

  cancel: () => shown()?.live?.abort(),

  /**
   * Shows a file.
   *
   * @param {number} key
   */
  show(key) {
    set({ current: key });
    toFile();
  },

  /**
   * Marks a key or a file as kept by the user.
   *
   * @param {'keyKept' | 'fileKept'} what
   */
  keep(what) {
    const run = shown()?.run;
    if (run?.phase === 'done') run[what] = true;
  },

  /** Back to the form. */
  again() {
    const entry = shown();
    if (!entry || !letsGo(entry)) return;
    forget(entry);
    set({});
  },

  /** Stops reading the file shown. */
  stop() {
    const entry = shown();
    if (entry) close(entry);
    set({});
    $('choose').focus();
  },
};
