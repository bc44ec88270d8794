// The page: one state, the panels that show it, and one live run.

import { choose as chooseSink } from './sinks.js';
import { Core, Refusal } from './rpc.js';
import { download, h, say } from './dom.js';
import { isManifest, isMedia, know } from './names.js';
import { tracks } from './panels/tracks.js';
import { protection } from './panels/protection.js';
import { findings } from './panels/findings.js';
import { protect } from './panels/protect.js';
import { boxes } from './panels/boxes.js';
import { samples } from './panels/samples.js';
import { key } from './panels/key.js';
import { header } from './panels/header.js';
import { compare } from './panels/compare.js';
import { paste } from './panels/paste.js';
import { make } from './panels/make.js';
import { made } from './panels/made.js';
import { play } from './panels/play.js';
import { batch } from './panels/batch.js';

/**
 * Every panel: `mount(body, actions)` fills its section once and gives a
 * function of the state, with that of the file shown, that keeps it true. To
 * add one: its file in `panels/`, its section in index.html, its row here.
 */
const PANELS = { made, tracks, protection, findings, protect, boxes, samples, key, header, make, play, compare, paste, batch };
/** What can be looked at: in the address, and as tabs. */
const VIEWS = ['overview', 'boxes', 'samples', 'key', 'header', 'make', 'play', 'compare', 'paste', 'batch'];
/** Those that need no file. */
const FREE = ['paste', 'batch'];
/** A file of another kind that may be a header. */
const SMALL = 1 << 20;

const $ = (id) => document.getElementById(id);
const core = new Core();
const hello = core.call('hello');

const state = {
  /**
   * The open files: {key, file, name, kind: 'media' | 'manifest', inspection,
   * reading: 0 to 1 while it is read, refusal, run: {phase: 'writing' | 'done'
   * | 'failed', …} once something is protected, made: {of, notes, saved} where
   * it was made here, fragments: [{name, file}] opened with a manifest}.
   */
  files: [],
  /** The one shown. */
  current: null,
  view: 'overview',
  /** What was pasted: {text, decoded} or {text, refusal}. */
  pasted: null,
  /** What is wrong between files opened together. */
  set: null,
  /** From the core. */
  tables: null,
};
let nextKey = 1;
/** Where the boxes are to go once they are shown. */
let jumpTo = null;
/** A destination is being chosen. */
let starting = false;
/** A batch is under way. */
let batching = false;

const shown = () => state.files.find((entry) => entry.key === state.current) ?? null;
const running = () => state.files.find((entry) => entry.run?.phase === 'writing');
/** A run whose key or file would be lost. */
const unkept = (entry) => entry.run?.phase === 'done' && ((entry.run.secret && !entry.run.keyKept) || (entry.run.url && !entry.run.fileKept));
const lost = (entry) => {
  const what = [entry.run.secret && !entry.run.keyKept && 'its random key, which is nowhere else', entry.run.url && !entry.run.fileKept && 'the protected file'].filter(Boolean);
  return `${entry.name} was protected, but not everything was kept: ${what.join(', and ')}. Let it go?`;
};

const actions = {
  preview: (options) => core.call('preview', { key: state.current, options }),
  tops: (file) => core.call('tops', { key: file }),
  tree: (file, at, size) => core.call('tree', { key: file, at, size }),
  fields: (file, at, size, box, from) => core.call('fields', { key: file, at, size, box, from }),
  timelines: (file) => core.call('timelines', { key: file }),
  samples: (file, at, size) => core.call('samples', { key: file, at, size }),
  doctor: (text) => core.call('doctor', { key: state.current, text }),
  everyVersion: (options) => core.call('everyVersion', { options }),
  reheader: (options) => core.call('reheader', { key: state.current, options }),
  compare: (a, b) => core.call('compare', { a, b }),
  candidates: (keys, under) => core.call('candidates', { keys, under }),
  publish: (inputs, format, title) => core.call('publish', { inputs, format, title }),
  playable: (file, seconds, keys) => core.call('playable', { file, seconds, keys }),
  core: (type, data, options) => core.call(type, data, options),
  newKey: () => nextKey++,
  busy: (is) => { batching = is; },

  /** Makes another file, and opens it. False if the user thinks better of it. */
  async make({ type, data, name, writes }, options) {
    const of = shown().name;
    let choice;
    if (writes) {
      choice = await chooseSink(name);
      if (!choice) return false;
    }
    const result = await core.call(type, { ...data, choice }, options);
    const content = result.blob ?? result.file ?? result.written;
    const file = new File([content], result.saved ?? name, { type: 'video/mp4' });
    const entry = newEntry(file, result.saved ?? name);
    Object.assign(entry, { made: { of, notes: result.notes, saved: result.saved, compared: result.compared }, output: result.output });
    state.files.push(entry);
    if (state.view !== 'overview') go('overview');
    set({ current: entry.key });
    $('name').focus({ preventScroll: true });
    say(`${entry.name} was made.`);
    await read(entry);
    await checkSet();
    return true;
  },
  go: (view) => go(view),

  async recognise(text) {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    const pasted = typeof text === 'string' ? { text } : {};
    try {
      pasted.decoded = await core.call('recognise', { bytes });
      say(`Recognised: ${pasted.decoded.title}`);
    } catch (refusal) {
      pasted.refusal = refusal;
    }
    set({ pasted });
    go('paste');
    $('paste-text').focus({ preventScroll: true });
  },

  /** Shows the bytes at an offset. */
  jump(at) {
    jumpTo = at;
    go('boxes');
    set({});
  },
  takeJump() {
    const at = jumpTo;
    jumpTo = null;
    return at;
  },

  async protect(options, { secret }) {
    // One at a time: a second click must not show one run's key beside the
    // other's file.
    const entry = shown();
    if (starting || !entry || entry.run || running()) return;
    starting = true;
    const stem = entry.name.replace(/\.[^.]+$/, '');
    const name = `${stem}${/\.mp4$/i.test(entry.name) ? '-playready' : ''}.mp4`;
    let choice;
    try {
      choice = await chooseSink(name);
    } catch (error) {
      starting = false;
      entry.run = { phase: 'failed', refusal: new Refusal({ message: `The browser would not open a place to save to: ${error.message}` }) };
      return set({});
    }
    starting = false;
    if (!choice || !state.files.includes(entry) || entry.run) return;
    const live = new AbortController();
    const { signal } = live;
    entry.live = live;
    const run = { phase: 'writing', name, started: performance.now(), done: 0, total: entry.file.size };
    entry.run = run;
    set({});
    const mine = () => entry.live === live;
    const awake = navigator.wakeLock?.request('screen').catch(() => null);
    try {
      const update = ({ phase: step, ...change }) => {
        if (signal.aborted || !mine()) return;
        if (step === 'write' && entry.run.step !== 'write') change.started = performance.now();
        entry.run = { ...entry.run, ...change, step: step ?? entry.run.step };
        set({});
      };
      const { file, written, output: id, ...result } = await core.call('protect', { key: entry.key, options, choice: { ...choice, from: entry.name }, secret }, { signal, update });
      if (!mine()) return;
      const url = file && URL.createObjectURL(file);
      const whole = file ?? written;
      entry.run = { ...entry.run, ...result, url, id, output: whole, phase: 'done', seconds: (performance.now() - run.started) / 1000, hash: hashed(result.receipt, whole) };
      say('Done. The protected file is ready.');
    } catch (refusal) {
      if (!mine()) return;
      if (refusal.code === 'cancelled') say(refusal.message);
      entry.run = refusal.code === 'cancelled' ? null : { phase: 'failed', refusal };
    } finally {
      awake?.then((lock) => lock?.release());
    }
    set({});
  },

  cancel: () => shown()?.live?.abort(),

  /** Marks a key or a file as kept by the user. */
  keep(what) {
    const run = shown()?.run;
    if (run) run[what] = true;
  },

  /** Back to the form. */
  again() {
    const entry = shown();
    if (!entry || (unkept(entry) && !confirm(lost(entry)))) return;
    forget(entry);
    set({});
  },
};

/** Lets go of an output that was offered. */
function forget(entry) {
  if (entry.run?.url) URL.revokeObjectURL(entry.run.url);
  if (entry.run?.id) core.call('release', { output: entry.run.id }).catch(() => {});
  entry.run = null;
}

/** Closes a file. False if the user thinks better of it. */
function close(entry) {
  if (entry.run?.phase === 'writing' && !confirm(`${entry.name} is being protected. Stop it?`)) return false;
  if (unkept(entry) && !confirm(lost(entry))) return false;
  entry.live?.abort();
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

/** A file for the list. */
/** Reads what was written, and completes its receipt. Without it there is a file all the same. */
function hashed(receipt, file) {
  const hash = core.call('hash', { file }).then((sha256) => (receipt.sha256 = sha256));
  hash.catch(() => {});
  return hash;
}

const newEntry = (file, name) => ({ key: nextKey++, file, name, kind: isManifest(name) ? 'manifest' : 'media', inspection: null, reading: null, refusal: null, run: null, made: null, fragments: null });

/** Whether a file is a fragment by itself, as its manifest names it. */
async function isFragment(file) {
  const code = String.fromCharCode(...new Uint8Array(await file.slice(4, 8).arrayBuffer()));
  return ['moof', 'styp', 'sidx'].includes(code);
}

/** Opens files: media and manifests side by side; a lone small one of another kind may be a header. */
async function openFiles(list) {
  await hello.catch(() => {}); // what names say comes with it; a failure is told below
  // With a client manifest, fragments are its, not files of their own.
  let fragments = [];
  if (list.length > 1 && list.some((file) => /\.ismc$/i.test(file.name))) {
    const are = await Promise.all(list.map((file) => !isManifest(file.name) && isFragment(file)));
    fragments = list.filter((_, i) => are[i]);
    list = list.filter((_, i) => !are[i]);
  }
  const known = list.filter((file) => isMedia(file.name) || isManifest(file.name));
  const [only] = list;
  if (list.length === 1 && !known.length && only.size <= SMALL && !/\.ism/i.test(only.name) && !(await looksLikeMedia(only))) {
    const bytes = new Uint8Array(await only.arrayBuffer());
    if (bytes.length && await core.call('recognise', { bytes }).then(() => true, () => false)) return actions.recognise(bytes);
  }
  const files = known.length ? known : list.slice(0, 1);
  if (!files.length) return;
  const fresh = [];
  for (const file of files) {
    const same = state.files.find((entry) => !fresh.includes(entry) && entry.name === file.name
      && entry.file.size === file.size && entry.file.lastModified === file.lastModified);
    if (same && !close(same)) continue;
    const entry = newEntry(file, file.name);
    if (fragments.length && /\.ismc$/i.test(file.name)) entry.fragments = fragments.map((f) => ({ name: f.path ?? (f.webkitRelativePath || f.name), file: f }))
      .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    state.files.push(entry);
    fresh.push(entry);
  }
  if (!fresh.length) return;
  const left = list.length - files.length;
  const words = [fresh.length > 1 && `${fresh.length} files opened.`, left > 0 && `${left} of another kind left out.`].filter(Boolean);
  if (words.length) say(words.join(' '));
  $('left').textContent = left > 0 ? `${left} file${left > 1 ? 's' : ''} of another kind left out.` : '';
  const first = fresh.find((entry) => entry.fragments) ?? fresh.find((entry) => entry.kind === 'media') ?? fresh[0];
  if (state.view !== 'overview' && !(state.view === 'compare' && state.files.length > 1)) go('overview');
  set({ current: first.key });
  $('name').focus({ preventScroll: true });
  await Promise.all([first, ...fresh.filter((entry) => entry !== first)].filter((entry) => entry.kind === 'media').map(read));
  await checkSet();
}

async function looksLikeMedia(file) {
  const start = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  const code = String.fromCharCode(...start.subarray(4, 8));
  return ['ftyp', 'styp', 'moov', 'moof', 'sidx', 'mdat', 'free'].includes(code);
}

async function read(entry) {
  entry.reader = new AbortController();
  const { signal } = entry.reader;
  entry.reading = 0;
  set({});
  try {
    const update = ({ inspection, progress }) => {
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
async function checkSet() {
  if (state.files.length < 2 && !state.files.some((entry) => entry.kind === 'manifest')) return set({ set: null });
  const of = (kind) => state.files.filter((entry) => entry.kind === kind && !entry.refusal);
  try {
    const found = await core.call('set', {
      files: of('media').map(({ key: k, name }) => ({ key: k, name })),
      manifests: of('manifest').map(({ key: k, name, file }) => ({ key: k, name, file })),
    });
    for (const { key: k, kind, refusal } of found.kinds) {
      const entry = state.files.find((e) => e.key === k);
      if (entry) Object.assign(entry, { words: kind, refusal: refusal ? new Refusal(refusal) : null });
    }
    set({ set: found.findings });
  } catch (refusal) {
    say(refusal.message);
  }
}

async function openSample() {
  const button = $('sample');
  button.disabled = true;
  try {
    const response = await fetch('sample.ismv');
    if (!response.ok) throw new Error(`the server says ${response.status}`);
    await openFiles([new File([await response.blob()], 'sample.ismv')]);
  } catch (error) {
    say(`The sample cannot be loaded: ${error.message}`);
    button.textContent = 'The sample cannot be loaded';
  } finally {
    button.disabled = false;
  }
}

/** Shows a view, and puts it into the address. */
function go(view) {
  if (state.view === view) return set({});
  location.hash = `/${view === 'overview' ? '' : view}`;
}
/** The view in the address, such as `#/boxes`. */
const inAddress = () => VIEWS.find((view) => location.hash === `#/${view}`) ?? 'overview';
addEventListener('hashchange', () => set({ view: inAddress() }));

const updates = Object.entries(PANELS).map(([id, panel]) => panel.mount($(id).querySelector('.body'), actions));

const tabs = VIEWS.map((view) => {
  const tab = $(`tab-${view}`);
  tab.addEventListener('click', () => go(view));
  tab.addEventListener('keydown', (event) => {
    const visible = VIEWS.filter((v) => !$(`tab-${v}`).hidden);
    const at = visible.indexOf(view);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to == null) return;
    const next = visible.at(to % visible.length);
    go(next);
    $(`tab-${next}`).focus();
    event.preventDefault();
  });
  return tab;
});

/** The verdict of a file, and whether it is a bad one. */
function verdict({ refusal, reading, inspection, kind, words, name }) {
  if (refusal) return [refusal.message, true];
  if (reading != null) return ['Reading …', false];
  if (kind === 'manifest') {
    const own = state.set?.filter((f) => f.file === name) ?? [];
    const media = state.files.some((entry) => entry.kind === 'media');
    const grave = own.filter((f) => f.severity !== 'info').length;
    const found = !media ? 'Open its media files with it to check them against each other.'
      : grave ? `${grave} finding${grave > 1 ? 's' : ''} against the files opened with it.` : 'Nothing is wrong between it and the files opened with it.';
    const parts = state.files.find((entry) => entry.name === name)?.fragments;
    if (parts) return [`${words ?? 'Manifest'}, with ${parts.length} fragments. Make one file of them under Make.`, false];
    return [`${words ?? 'Manifest'}. ${found}`, own.some((f) => f.severity === 'error')];
  }
  return [inspection?.verdict ?? '', Boolean(inspection?.findings.some((f) => f.severity === 'error'))];
}

function set(change) {
  Object.assign(state, change);
  const entry = shown();
  const { files } = state;
  const media = entry?.kind === 'media';
  const alone = !entry && FREE.includes(state.view);
  const can = (own) => media || FREE.includes(own) || (!alone && ['overview', 'compare'].includes(own)) || (own === 'make' && Boolean(entry?.fragments));
  const view = can(state.view) ? state.view : 'overview';
  $('start').hidden = Boolean(entry) || alone;
  $('work').hidden = !entry && !alone;
  $('another').hidden = !entry && !alone;
  $('shut').hidden = !alone && !(entry && files.length === 1);
  $('answer').hidden = alone;
  const busy = running();
  const percent = busy ? `${Math.floor(100 * busy.run.done / busy.run.total)} % – ` : '';
  const where = view === 'overview' ? '' : `${$(`tab-${view}`).textContent}, `;
  document.title = entry ? `${percent}${where}${entry.name} – ISMVault` : 'ISMVault';
  if (entry) {
    $('name').textContent = entry.name;
    const [words, bad] = verdict(entry);
    if ($('verdict').textContent !== words) $('verdict').textContent = words;
    $('verdict').classList.toggle('bad', bad);
    $('reading').hidden = entry.reading == null;
    if (entry.reading != null) $('reading').value = entry.reading;
    $('stop').hidden = entry.reading == null;
    $('reports').hidden = !entry.inspection || entry.reading != null;
    $('to-task').hidden = !(media && entry.inspection?.protectable.yes && view === 'overview' && !entry.run);
  }
  for (const tab of tabs) {
    const own = tab.id.slice(4);
    tab.hidden = !can(own);
    tab.setAttribute('aria-selected', String(own === view));
    tab.tabIndex = own === view ? 0 : -1;
    $(`view-${own}`).hidden = own !== view;
  }
  const whole = media && entry.reading == null && entry.inspection;
  const manifest = entry?.kind === 'manifest' && !entry.refusal;
  $('overview-body').hidden = !whole && !entry?.refusal && !manifest;
  for (const id of ['tracks', 'protection']) $(id).hidden = !whole;
  $('protect').hidden = !whole && entry?.run == null;
  list(files);
  for (const update of updates) update({ ...entry, ...state, view, set: state.set, files, key: entry?.key ?? null });
}

/** The open files, where there are several. */
function list(files) {
  const nav = $('files');
  nav.hidden = files.length < 2;
  const now = JSON.stringify([files.map((f) => [f.key, verdict(f)[1], f.reading != null, f.run?.phase]), state.current]);
  if (nav.dataset.now === now) return;
  nav.dataset.now = now;
  const held = nav.contains(document.activeElement);
  nav.replaceChildren(h('ul', {}, files.map((entry) => {
    const [, bad] = verdict(entry);
    const mark = entry.run?.phase === 'writing' ? '…' : bad ? '■' : entry.run?.phase === 'done' ? '✓' : '';
    const open = h('button', { type: 'button', 'aria-current': entry.key === state.current ? 'true' : null, title: entry.name }, h('span', {}, entry.name), mark && h('span', { class: bad ? 'mark bad' : 'mark', 'aria-hidden': 'true' }, mark), mark && h('span', { class: 'visually-hidden' }, { '…': ', being protected', '■': ', has errors', '✓': ', protected' }[mark]));
    open.addEventListener('click', () => set({ current: entry.key }));
    const shut = h('button', { type: 'button', class: 'shut', 'aria-label': `Close ${entry.name}` }, '×');
    shut.addEventListener('click', () => {
      if (!close(entry)) return;
      set({});
      if (!nav.contains(document.activeElement)) $('name').focus();
      checkSet();
    });
    return h('li', {}, open, shut);
  })));
  // The list is made anew; who was in it still is.
  if (held) (nav.querySelector('[aria-current]') ?? $('name')).focus();
}

/** The files of a drop, those in its folders too. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      files.push(Object.assign(file, { path: entry.fullPath }));
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!batch.length) return;
      for (const child of batch) await walk(child);
    }
  };
  for (const entry of entries) await walk(entry);
  return files;
}

/** Files anywhere; text too, but in a field that is the field's business. */
const isFiles = (event) => event.dataTransfer?.types.includes('Files');
const isText = (event) => event.dataTransfer?.types.includes('text/plain') && !event.target.closest?.('input, textarea');
let leaving; // dragover comes all the time while something is dragged
for (const type of ['dragenter', 'dragover']) {
  addEventListener(type, (event) => {
    if (isText(event)) event.preventDefault();
    if (!isFiles(event)) return;
    event.preventDefault();
    $('overlay').hidden = false;
    clearTimeout(leaving);
    leaving = setTimeout(() => { $('overlay').hidden = true; }, 500);
  });
}
addEventListener('drop', async (event) => {
  if (!isFiles(event) && !isText(event)) return;
  event.preventDefault();
  clearTimeout(leaving);
  $('overlay').hidden = true;
  const text = event.dataTransfer.getData('text/plain');
  if (text && !event.dataTransfer.files.length) return actions.recognise(text);
  try {
    await openFiles(await filesOf(event.dataTransfer));
  } catch (error) {
    say(`The folder cannot be read: ${error.message}`);
  }
});
addEventListener('paste', (event) => {
  const files = [...event.clipboardData?.files ?? []];
  if (files.length) return openFiles(files);
  if (event.target.closest?.('input, textarea')) return;
  const text = event.clipboardData?.getData('text/plain');
  if (text?.trim()) actions.recognise(text);
});
addEventListener('beforeunload', (event) => {
  if (batching || running() || state.files.some(unkept)) event.preventDefault();
});
addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input, textarea, select');
  if (event.key === 'Escape' && $('reports').open) {
    $('reports').open = false;
    return $('reports').querySelector('summary').focus();
  }
  if (event.key === 'Escape' && typing) return typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (event.key === '/' && shown()?.inspection) {
    event.preventDefault();
    go('boxes');
    set({ view: 'boxes' });
    $('box-filter').focus();
  } else if (event.key === '?') {
    $('keys').showModal();
  } else if (event.key === 'Escape' && state.view !== 'overview') {
    go('overview');
    $('tab-overview').focus();
  }
});

for (const id of ['choose', 'another']) $(id).addEventListener('click', () => $('picker').click());
$('choose-folder').addEventListener('click', () => $('folder').click());
$('to-batch').addEventListener('click', () => go('batch'));
addEventListener('click', ({ target }) => {
  if (!$('reports').contains(target)) $('reports').open = false;
});
$('sample').addEventListener('click', openSample);
$('how').addEventListener('click', () => $('check').showModal());
$('shortcuts').addEventListener('click', () => $('keys').showModal());
$('stop').addEventListener('click', () => {
  const entry = shown();
  if (entry) close(entry);
  set({});
});
$('shut').addEventListener('click', () => {
  const entry = shown();
  if (entry && !close(entry)) return;
  set({ pasted: null, set: null });
  go('overview');
  $('choose').focus();
});
$('to-task').addEventListener('click', () => $('protect').scrollIntoView({ block: 'start' }));
$('start-paste').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('start-text').value;
  if (text.trim()) actions.recognise(text);
});
for (const button of document.querySelectorAll('[data-report]')) {
  button.addEventListener('click', async () => {
    const { name, key: k, inspection } = shown();
    const form = button.dataset.report;
    $('reports').removeAttribute('open');
    if (form === 'json') return download(`${JSON.stringify(inspection, null, 2)}\n`, `${name}.json`, 'application/json');
    download(await core.call('report', { key: k, form, name }), `${name}.${form}`, form === 'csv' ? 'text/csv' : 'text/html');
  });
}
for (const id of ['picker', 'folder']) {
  $(id).addEventListener('change', ({ target }) => {
    const files = [...target.files];
    target.value = ''; // so that the same file can be chosen again
    if (files.length) openFiles(files);
  });
}

state.view = inAddress();

hello.then(
  ({ version, tables }) => {
    know(tables);
    $('version').textContent = `ISMVault ${version}`;
    document.documentElement.dataset.ready = '';
    set({ tables });
  },
  (refusal) => {
    $('start').querySelector('p').textContent = refusal.message;
    $('start').querySelector('p').className = 'note bad';
  },
);
