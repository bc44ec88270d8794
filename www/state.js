// What the page knows: one state, changed by `set`, told to whoever listens.

import { isManifest } from './names.js';

/** @typedef {import('./pkg/ismvault.js').Inspection} Inspection */
/** @typedef {import('./pkg/ismvault.js').Preview} Preview */
/** @typedef {import('./pkg/ismvault.js').Receipt} Receipt */
/** @typedef {import('./pkg/ismvault.js').KeyPair} KeyPair */
/** @typedef {import('./pkg/ismvault.js').Finding} Finding */
/** @typedef {import('./pkg/ismvault.js').Decoded} Decoded */
/** @typedef {import('./pkg/ismvault.js').Tables} Tables */
/** @typedef {import('./pkg/lib/rpc.js').Refusal} Refusal */
/** @typedef {import('./pkg/lib/server.js').RemoteFile} RemoteFile */

/** @typedef {{ phase: 'writing', name: string, started: number, done: number, total: number, step?: string }} Writing */
/**
 * What was protected. `url` and `id` are of a file that waits to be downloaded,
 * `saved` is the name of one that has its place already.
 *
 * @typedef {{
 *   phase: 'done', name: string, seconds: number, size: number, output: Blob, preview: Preview, receipt: Receipt,
 *   secret: KeyPair[] | null, hash: Promise<string>, url?: string, id?: number, saved?: string,
 *   keyKept?: boolean, fileKept?: boolean,
 * }} Done
 */
/** @typedef {{ phase: 'failed', refusal: Refusal }} Failed */
/** @typedef {Writing | Done | Failed} Run */
/** @typedef {{ of: string, notes?: string[], saved?: string, stored?: string, compared?: number, kept?: boolean }} Made what a file made here was made of, and its name in storage */
/** @typedef {{ name: string, file: File }} Fragment */

/**
 * An open file. `reading` goes from 0 to 1 while it is read; `fragments` were
 * opened with a manifest; `output` is its number in storage where it was made here.
 *
 * @typedef {{
 *   key: number, file: File | RemoteFile, name: string, kind: 'media' | 'manifest', inspection: Inspection | null,
 *   reading: number | null, refusal: Refusal | null, run: Run | null, made: Made | null,
 *   fragments: Fragment[] | null, chosen: import('./panels/lanes.js').Chosen | null, words?: string, output?: number, live?: AbortController | null, reader?: AbortController,
 * }} OpenFile
 */

/** @typedef {'overview' | 'boxes' | 'samples' | 'key' | 'header' | 'make' | 'play' | 'compare' | 'paste' | 'batch'} View */
/** @typedef {{ text?: string, typing?: boolean, decoded?: Decoded, refusal?: Refusal }} Pasted */
/** @typedef {{ files: OpenFile[], current: number | null, view: View, at: import('./views.js').Place, jobs: import('./queue.js').Job[], failures: { name: string, refusal: Refusal }[], pasted: Pasted | null, pair: number[] | null, set: Finding[] | null, servers: string[], licence: string, tables: Tables | null }} State */

/** The file shown, where there is none. */
const NOTHING = { key: null, file: null, name: '', kind: null, inspection: null, reading: null, refusal: null, run: null, made: null, fragments: null, chosen: null };

/**
 * What a panel is given: the state, with the fields of the file shown.
 *
 * @typedef {State & {
 *   key: number | null, file: File | RemoteFile | null, name: string, kind: OpenFile['kind'] | null, inspection: Inspection | null,
 *   reading: number | null, refusal: Refusal | null, run: Run | null, made: Made | null, fragments: Fragment[] | null,
 *   chosen: import('./panels/lanes.js').Chosen | null,
 * }} Shown
 */

/** @type {State} */
export const state = {
  /** The open files. */
  files: [],
  /** The key of the one shown. */
  current: null,
  view: 'overview',
  /** What the view is to show: the box or the fragment at this offset, or a form so filled. */
  at: null,
  /** In the order in which they are done. */
  jobs: [],
  /** Jobs that failed while nobody looked at them. */
  failures: [],
  pasted: null,
  /** The two files that were chosen to be compared. */
  pair: null,
  /** What is wrong between files opened together. */
  set: null,
  /** The origins this page may connect to besides its own, and the licence server's address; on the remote page alone. */
  servers: [],
  licence: '',
  /** From the core. */
  tables: null,
};

let nextKey = 1;
export const newKey = () => nextKey++;

/**
 * A file for the list.
 *
 * @param {File | RemoteFile} file
 * @param {string} name
 * @returns {OpenFile}
 */
export const newEntry = (file, name) => ({ ...NOTHING, key: newKey(), file, name, kind: isManifest(name) ? 'manifest' : 'media' });

export const shown = () => state.files.find((entry) => entry.key === state.current) ?? null;

/** The open files in the order in which they are listed: a set stands under its manifest. */
export const inOrder = () => [...state.files].sort((a, b) => Number(b.kind === 'manifest') - Number(a.kind === 'manifest'));

/**
 * The manifests among files.
 *
 * @param {OpenFile[]} files
 */
export const manifestsOf = (files) => files.flatMap(({ key, kind, refusal, name, file }) => (kind === 'manifest' && !refusal && file instanceof File ? [{ key, name, file }] : []));

/** The job that is being done; the others wait for their turn. */
export const running = () => state.jobs.find(({ run }) => run.step !== 'turn') ?? state.jobs[0];

/**
 * What would be lost with a file, in words.
 *
 * @param {OpenFile} entry
 */
export function unkept({ run }) {
  if (run?.phase !== 'done') return [];
  return [run.secret && !run.keyKept && 'its random key, which is nowhere else', run.url && !run.fileKept && 'the protected file'].filter(Boolean);
}

/** @type {((state: Shown) => void)[]} */
const listeners = [];

/** @param {(state: Shown) => void} listener */
export const listen = (listener) => listeners.push(listener);

/**
 * Changes the state, and tells it. A file that changed is told by `set({})`.
 *
 * @param {Partial<State>} change
 */
export function set(change) {
  Object.assign(state, change);
  const now = { ...NOTHING, ...shown(), ...state };
  for (const listener of listeners) listener(now);
}
