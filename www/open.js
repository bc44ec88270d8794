// Opening, reading and closing of files.

import { core, hello } from './core.js';
import { $, plural, say, t } from './dom.js';
import { isManifest, isMedia } from './names.js';
import { Refusal } from './pkg/lib/rpc.js';
import { remote, RemoteFile } from './pkg/lib/server.js';
import { outputs } from './pkg/lib/sinks.js';
import { manifestsOf, newEntry, set, shown, state, unkept } from './state.js';
import { go } from './views.js';

/** @typedef {import('./state.js').OpenFile} OpenFile */
/** @typedef {File & { path?: string }} Dropped a file, with its path where it was in a folder */

/** A file of another kind that may be a header. */
const SMALL = 1 << 20;
/** What a media file, and a fragment by itself, may begin with. */
const MEDIA_BOXES = ['ftyp', 'styp', 'moov', 'moof', 'sidx', 'mdat', 'free'];
const FRAGMENT_BOXES = ['moof', 'styp', 'sidx'];

/**
 * Lets go of an output that was offered.
 *
 * @param {OpenFile} entry
 */
export function forget(entry) {
  if (entry.run?.phase === 'done') {
    if (entry.run.url) URL.revokeObjectURL(entry.run.url);
    if (entry.run.id) core.call('release', { output: entry.run.id }).catch(() => {});
  }
  entry.run = null;
}

/**
 * Whether the user lets go of what was not kept.
 *
 * @param {OpenFile} entry
 */
export function letsGo(entry) {
  const lost = unkept(entry);
  return !lost.length || confirm(t(`${entry.name} was protected, but not everything was kept: ${lost.join(', and ')}. Let it go?`));
}

/**
 * Closes a file. False if the user thinks better of it.
 *
 * @param {OpenFile} entry
 */
export function close(entry) {
  const jobs = state.jobs.filter(({ inputs }) => inputs.includes(entry.key));
  if (jobs.length && !confirm(t(`A job reads ${entry.name}, or waits to. Stop it?`))) return false;
  if (!letsGo(entry)) return false;
  for (const { live } of jobs) live.abort();
  entry.live = null;
  entry.reader?.abort();
  forget(entry);
  if (entry.output) core.call('release', { output: entry.output }).catch(() => {});
  core.call('close', { key: entry.key }).catch(() => {});
  const index = state.files.indexOf(entry);
  state.files.splice(index, 1);
  if (state.current === entry.key) state.current = (state.files[index] ?? state.files[index - 1])?.key ?? null;
  return true;
}

/** @param {Blob} file */
async function firstBox(file) {
  return String.fromCharCode(...new Uint8Array(await file.slice(4, 8).arrayBuffer()));
}

/**
 * Shows a header, a KID or a part of a manifest that was pasted or dropped, or
 * is being typed.
 *
 * @param {string | Uint8Array} text
 */
export async function recognise(text, typing = false) {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  /** @type {import('./state.js').Pasted} */
  const pasted = typeof text === 'string' ? { text, typing } : {};
  try {
    pasted.decoded = await core.call('recognise', { bytes });
  } catch (/** @type {any} */ refusal) {
    pasted.refusal = refusal;
  }
  if (typing && /** @type {HTMLTextAreaElement} */ ($('paste-text')).value !== text) return; // more was typed
  if (pasted.decoded) say(`Recognised: ${pasted.decoded.title}`);
  set({ pasted });
  if (typing) return;
  go('paste');
  $('paste-text').focus({ preventScroll: true });
}

/**
 * Opens files: media and manifests side by side; a lone small one of another
 * kind may be a header.
 *
 * @param {Dropped[]} list
 */
export async function openFiles(list) {
  await hello.catch(() => {}); // what names say comes with it; a failure is told below
  // With a client manifest, fragments are its, not files of their own.
  /** @type {Dropped[]} */
  let fragments = [];
  if (list.length > 1 && list.some((file) => /\.ismc$/i.test(file.name))) {
    const are = await Promise.all(list.map(async (file) => !isManifest(file.name) && FRAGMENT_BOXES.includes(await firstBox(file))));
    fragments = list.filter((_, i) => are[i]);
    list = list.filter((_, i) => !are[i]);
  }
  const known = list.filter((file) => isMedia(file.name) || isManifest(file.name));
  const [only] = list;
  if (list.length === 1 && !known.length && only.size <= SMALL && !/\.ism/i.test(only.name) && !MEDIA_BOXES.includes(await firstBox(only))) {
    const bytes = new Uint8Array(await only.arrayBuffer());
    if (bytes.length && await core.call('recognise', { bytes }).then(() => true, () => false)) return recognise(bytes);
  }
  const files = known.length ? known : list.slice(0, 1);
  if (!files.length) return;
  /** @type {OpenFile[]} */
  const fresh = [];
  for (const file of files) {
    const same = state.files.find((entry) => !fresh.includes(entry) && entry.name === file.name
      && entry.file.size === file.size && entry.file.lastModified === file.lastModified);
    if (same && !close(same)) continue;
    const entry = newEntry(file, file.name);
    if (fragments.length && /\.ismc$/i.test(file.name)) {
      entry.fragments = fragments.map((f) => ({ name: f.path ?? (f.webkitRelativePath || f.name), file: f }))
        .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    }
    state.files.push(entry);
    fresh.push(entry);
  }
  if (!fresh.length) return;
  const left = list.length - files.length;
  const words = [fresh.length > 1 && `${fresh.length} files opened.`, left > 0 && `${left} of another kind left out.`].filter(Boolean);
  if (words.length) say(words.join(' '));
  $('left').textContent = t(left > 0 ? `${plural(left, 'file')} of another kind left out.` : '');
  const first = fresh.find((entry) => entry.fragments) ?? fresh.find((entry) => entry.kind === 'media') ?? fresh[0];
  if (state.view !== 'overview' && state.at == null && !(state.view === 'compare' && state.files.length > 1)) go('overview');
  set({ current: first.key });
  $('name').focus({ preventScroll: true });
  await Promise.all([first, ...fresh.filter((entry) => entry !== first)].filter((entry) => entry.kind === 'media').map(read));
  await checkSet();
}

/**
 * Opens a file on a server. A manifest is fetched whole.
 *
 * @param {string} url
 */
export async function openRemote(url) {
  await hello;
  const file = new RemoteFile(await remote(url));
  const here = isManifest(file.name) ? new File([await file.slice().arrayBuffer()], file.name) : file;
  const entry = newEntry(here, file.name);
  state.files.push(entry);
  set({ current: entry.key });
  $('name').focus({ preventScroll: true });
  if (entry.kind === 'media') await read(entry);
  await checkSet();
}

/**
 * Opens a file that was made here.
 *
 * @param {OpenFile} entry
 */
export async function openMade(entry) {
  state.files.push(entry);
  if (state.view !== 'overview') go('overview');
  set({ current: entry.key });
  $('name').focus({ preventScroll: true });
  say(`${entry.name} was made.`);
  await read(entry);
  await checkSet();
}

/** @param {OpenFile} entry */
async function read(entry) {
  entry.reader = new AbortController();
  const { signal } = entry.reader;
  entry.reading = 0;
  set({});
  try {
    const update = (/** @type {{ inspection: import('./state.js').Inspection, progress: number }} */ { inspection, progress }) => {
      if (signal.aborted) return;
      Object.assign(entry, { inspection, reading: progress });
      set({});
    };
    const inspection = await core.call('inspect', { key: entry.key, file: entry.file }, { signal, update });
    Object.assign(entry, { inspection, reading: null });
  } catch (refusal) {
    // What was read of it until then would be half the truth.
    Object.assign(entry, { inspection: null, refusal, reading: null });
  }
  if (state.files.includes(entry)) set({});
}

/** What is wrong between the files opened. */
export async function checkSet() {
  if (state.files.length < 2 && !state.files.some((entry) => entry.kind === 'manifest')) return set({ set: null });
  const media = state.files.filter(({ kind, refusal }) => kind === 'media' && !refusal);
  try {
    const found = await core.call('set', {
      files: media.map(({ key: k, name }) => ({ key: k, name })),
      manifests: manifestsOf(state.files),
    });
    for (const { key: k, kind, refusal } of found.kinds) {
      const entry = state.files.find((e) => e.key === k);
      if (entry) Object.assign(entry, { words: kind, refusal: refusal ? new Refusal(refusal) : null });
    }
    set({ set: found.findings });
  } catch (/** @type {any} */ refusal) {
    say(refusal.message);
  }
}

/** The sample, from beside the page. */
export async function sample() {
  const response = await fetch('sample.ismv');
  if (!response.ok) throw new Error(`The sample cannot be loaded: the server says ${response.status}.`);
  return new File([await response.blob()], 'sample.ismv');
}

export async function openSample() {
  const button = $('sample', HTMLButtonElement);
  button.disabled = true;
  try {
    await openFiles([await sample()]);
  } catch (/** @type {any} */ error) {
    say(error.message);
    button.textContent = t('The sample cannot be loaded');
  } finally {
    button.disabled = false;
  }
}

/** @type {FileSystemDirectoryHandle | null} where outputs are, once there are some */
let folder = null;
export const holdOutputs = async () => { folder ??= await outputs(); };

/**
 * Removes the outputs in storage that nobody took, as far as a page that closes
 * can. A download may still read the others: the next tab removes them.
 */
export function leave() {
  for (const { run, made } of state.files) {
    const names = [run?.phase === 'done' && run.id && !run.fileKept && /** @type {File} */ (run.output).name, !made?.kept && made?.stored];
    for (const name of names) if (name) folder?.removeEntry(name).catch(() => {});
  }
}

/** Closes the file shown, and goes back to the start. */
export function shut() {
  const entry = shown();
  if (entry && !close(entry)) return;
  set({ pasted: null, set: null });
  go('overview');
  $('choose').focus();
}
