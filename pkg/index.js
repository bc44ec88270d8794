// The package: files in, facts and files out, by a worker of its own.
//
//   import { inspect, protect } from 'ismvault';
//   const facts = await inspect(file);
//   const { file: out, receipt, keys } = await protect(file, { profile: 'dual', la_url: 'https://…' });

import { Core } from './lib/rpc.js';
import { asBlob, CustomSource } from './lib/sources.js';
import { remote, RemoteFile } from './lib/server.js';
import { stored } from './lib/sinks.js';

export { Core, Refusal } from './lib/rpc.js';

/** @typedef {import('./ismvault.js').Inspection} Inspection */
/** @typedef {import('./ismvault.js').Protect} ProtectOptions */
/** @typedef {import('./ismvault.js').Receipt} Receipt */
/** @typedef {import('./ismvault.js').KeyPair} KeyPair */
/** @typedef {import('./ismvault.js').Preview} Preview */
/** @typedef {import('./ismvault.js').Decoded} Decoded */
/** @typedef {import('./ismvault.js').Diagnosis} Diagnosis */
/** @typedef {import('./ismvault.js').Header} HeaderOptions */
/** @typedef {import('./ismvault.js').Attempt} Attempt */
/** @typedef {import('./ismvault.js').Rewriting} RewritingOptions */
/** @typedef {import('./ismvault.js').MuxSet} MuxOptions */
/** @typedef {import('./lib/sources.js').Custom} Custom */

/**
 * What is read: a blob or a file; an address, read by ranges; or whatever has a size
 * and can be read in parts. What makes another file of an address reads all of it
 * once, into the browser's storage where there is some, and of your own into memory.
 *
 * @typedef {Blob | string | URL | Custom} Source
 */
/**
 * Where a file goes: one that was picked, or a stream, which gets it when it is proved.
 * Without one it comes back as a blob, in the browser's own storage where there is
 * some, else in memory, which holds 1 GiB at most.
 *
 * @typedef {FileSystemFileHandle | WritableStream<Uint8Array>} Sink
 */
/**
 * What stops a job, and what hears how far it is, from 0 to 1.
 *
 * @typedef {{ signal?: AbortSignal, onProgress?: (part: number) => void }} Watch
 */
/**
 * A file that was made: in `file`, where no sink was given. `compared` samples were
 * read again and were the same (decrypt proves its output too, and does not count);
 * `notes` say what is not as it was. `release` gives its
 * place in the browser's storage back, when `file` is not needed any more.
 *
 * @typedef {{ file: Blob | null, notes: string[], compared: number, release(): Promise<void> }} Made
 */
/**
 * A protected file, what was written, what was proved, and the keys that were made.
 *
 * @typedef {{ file: Blob | null, preview: Preview, receipt: Receipt, keys: KeyPair[], release(): Promise<void> }} Protected
 */

/** @type {() => Core} */
let make = () => new Core();
/** @type {Core | null} */
let core = null;
let keys = 1;

/** Whether a blob can be sent to a worker; what cannot is asked for from there. */
let canBeSent = (/** @type {Blob} */ _) => true;

/** The worker, started when it is first needed; another where one stopped for good. */
function one() {
  if (!core || core.stopped) core = make();
  return core;
}

/**
 * How the worker is started, and which blobs can be sent to it; for hosts other than
 * browsers.
 *
 * @param {() => Core} how
 * @param {(blob: Blob) => boolean} [sends]
 */
export function startWith(how, sends = canBeSent) {
  make = how;
  canBeSent = sends;
}

/** Ends the worker, and with it whatever it does. The next call starts another. */
export function terminate() {
  core?.terminate();
  core = null;
}

const isSink = (/** @type {object} */ value) => 'createWritable' in value || 'getWriter' in value;

/**
 * A source as the worker takes it.
 *
 * @param {Source} source
 */
async function opened(source) {
  if (source instanceof Blob) {
    if (canBeSent(source)) return source;
    return new CustomSource({ size: source.size, read: async (at, length) => new Uint8Array(await source.slice(at, at + length).arrayBuffer()) });
  }
  if (typeof source === 'string' || source instanceof URL) return new RemoteFile(await remote(String(source)));
  return new CustomSource(source);
}

/**
 * Opens a source, does something with it, and closes it.
 *
 * @template T
 * @param {Source} source
 * @param {Watch} watch
 * @param {boolean} whole whether all of it must be here
 * @param {(core: Core, key: number, inspection: Inspection) => Promise<T>} work
 */
async function withOpen(source, { signal, onProgress }, whole, work) {
  const own = one();
  const key = keys++;
  const given = await opened(source);
  const { file, release } = whole ? await asBlob(own, given, signal) : { file: given, release: nothing };
  try {
    const inspection = await own.call('inspect', { key, file }, { signal, update: whole ? undefined : ({ progress }) => onProgress?.(progress) });
    return await work(own, key, inspection);
  } finally {
    own.call('close', { key }).catch(() => {});
    await release();
  }
}

const nothing = async () => {};

const part = (/** @type {Watch} */ { onProgress }) => (/** @type {{ done: number, total: number }} */ { done, total }) => {
  if (total) onProgress?.(Math.min(1, done / total));
};

/**
 * Where a job writes.
 *
 * @param {Sink | undefined} sink
 * @returns {import('./lib/sinks.js').Choice}
 */
const choiceOf = (sink) => (sink && 'createWritable' in sink ? { kind: 'picked', name: sink.name, handle: sink } : stored(''));

/**
 * Hands a file on to its sink; without one it is the caller's.
 *
 * @param {Blob} file
 * @param {Sink | undefined} sink
 */
async function handed(file, sink) {
  if (!sink) return file;
  if ('createWritable' in sink) sink = /** @type {WritableStream<Uint8Array>} */ (await sink.createWritable());
  await file.stream().pipeTo(sink);
  return null;
}

/**
 * What a job wrote: in its place already where that was a file that was picked.
 *
 * @param {Core} own
 * @param {{ file?: Blob, written?: File, output?: number }} result
 * @param {Sink | undefined} sink
 */
async function placed(own, { file, written, output }, sink) {
  const release = async () => {
    if (output) await own.call('release', { output });
  };
  if (written || !file) return { file: null, release };
  if (!sink) return { file, release };
  try {
    return { file: await handed(file, sink), release: nothing };
  } finally {
    await release();
  }
}

/**
 * Looks at a file: its tracks, protection, findings, and what it is in words.
 *
 * @param {Source} source
 * @param {Watch} [watch]
 * @returns {Promise<Inspection>}
 */
export function inspect(source, watch = {}) {
  return withOpen(source, watch, false, async (_, __, inspection) => inspection);
}

/**
 * Protects a clear file, and proves what was written. Keys that are not given are
 * made, and told in `keys`.
 *
 * @param {Source} source
 * @param {ProtectOptions} options
 * @param {Sink | Watch} [sink]
 * @param {Watch} [watch]
 * @returns {Promise<Protected>}
 */
export async function protect(source, options, sink, watch) {
  const [to, how] = sorted(sink, watch);
  return withOpen(source, how, true, async (own, key) => {
    const made = await own.call('protect', { key, options, choice: choiceOf(to), secret: true }, { signal: how.signal, update: part(how) });
    return { ...await placed(own, made, to), preview: made.preview, receipt: made.receipt, keys: made.secret ?? [] };
  });
}

/**
 * Decrypts a protected file. `keys` are as people write them: one, or KID:KEY each.
 *
 * @param {Source} source
 * @param {string} keyText
 * @param {Sink | Watch} [sink]
 * @param {Watch} [watch]
 * @returns {Promise<Made>}
 */
export async function decrypt(source, keyText, sink, watch) {
  const [to, how] = sorted(sink, watch);
  return withOpen(source, how, true, async (own, key) => {
    const made = await own.call('decrypt', { key, keys: keyText, choice: choiceOf(to) }, { signal: how.signal, update: part(how) });
    return { ...await placed(own, made, to), notes: made.notes, compared: 0 };
  });
}

/**
 * One file of several, or of some tracks of them.
 *
 * @param {Source[]} sources
 * @param {MuxOptions & RewritingOptions} [options]
 * @param {Sink | Watch} [sink]
 * @param {Watch} [watch]
 * @returns {Promise<Made>}
 */
export async function mux(sources, options = {}, sink, watch) {
  const [to, how] = sorted(sink, watch);
  return cutOut(sources, to, how, async (own, opens) => {
    const { best } = await own.call('candidates', { keys: opens, job: options });
    const chosen = new Map(best.map(([file, tracks]) => [file, tracks]));
    const inputs = opens.map((key, i) => ({ key, name: sources.length > 1 ? `input ${i + 1}` : '', tracks: chosen.get(i) ?? [] }));
    return own.call('mux', { inputs, options }, { signal: how.signal, update: part(how) });
  });
}

/**
 * The file with other boxes, or repaired; its media is copied as it is.
 *
 * @param {Source} source
 * @param {RewritingOptions} options such as `{ profile: 'cenc' }`, or `{ mend: true }`
 * @param {Sink | Watch} [sink]
 * @param {Watch} [watch]
 * @returns {Promise<Made>}
 */
export async function rebox(source, options, sink, watch) {
  const [to, how] = sorted(sink, watch);
  return cutOut([source], to, how, (own, [key]) => own.call('mux', { inputs: [{ key, name: '' }], options }, { signal: how.signal, update: part(how) }));
}

/**
 * A file cut out of others, which stay where they are until it is not needed any more.
 *
 * @param {Source[]} sources
 * @param {Sink | undefined} to
 * @param {Watch} how
 * @param {(core: Core, keys: number[]) => Promise<{ blob: Blob, notes: string[], compared: number }>} work
 * @returns {Promise<Made>}
 */
async function cutOut(sources, to, how, work) {
  const own = one();
  /** @type {(() => Promise<void>)[]} */
  const releases = [];
  const release = async () => {
    await Promise.all(releases.splice(0).map((drop) => drop()));
  };
  /** @type {number[]} */
  const opens = [];
  try {
    for (const source of sources) {
      const { file, release: mine } = await asBlob(own, await opened(source), how.signal);
      releases.push(mine);
      const key = keys++;
      opens.push(key);
      await own.call('inspect', { key, file }, { signal: how.signal });
    }
    const { blob, notes, compared } = await work(own, opens);
    const file = await handed(blob, to);
    if (to) await release();
    return { file, notes, compared, release };
  } catch (error) {
    await release();
    throw error;
  } finally {
    for (const key of opens) own.call('close', { key }).catch(() => {});
  }
}

/**
 * What a header, a KID or a part of a manifest is, in whatever it is wrapped.
 *
 * @param {string | Uint8Array} text
 * @returns {Promise<Decoded>}
 */
export function recognise(text) {
  return one().call('recognise', { bytes: typeof text === 'string' ? new TextEncoder().encode(text) : text });
}

/**
 * Whether a text has the keys of a file: against CHECKSUM, and against its samples.
 *
 * @param {Source} source
 * @param {string} text
 * @param {Watch} [watch]
 * @returns {Promise<Diagnosis[]>}
 */
export function tryKeys(source, text, watch = {}) {
  return withOpen(source, watch, false, (own, key) => own.call('doctor', { key, text }, { signal: watch.signal }));
}

/**
 * A PlayReady header in every version that can say it.
 *
 * @param {HeaderOptions} options
 * @returns {Promise<Attempt[]>}
 */
export function header(options) {
  return one().call('everyVersion', { options });
}

/**
 * A sink may be left out.
 *
 * @param {Sink | Watch | undefined} sink
 * @param {Watch | undefined} watch
 * @returns {[Sink | undefined, Watch]}
 */
function sorted(sink, watch) {
  if (sink && isSink(sink)) return [/** @type {Sink} */ (sink), watch ?? {}];
  return [undefined, /** @type {Watch | undefined} */ (sink) ?? watch ?? {}];
}
