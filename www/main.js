// The page: one state, the panels that show it, and one live run.

import { choose as chooseSink } from './sinks.js';
import { Core, Refusal } from './rpc.js';
import { say } from './dom.js';
import { tracks } from './panels/tracks.js';
import { protection } from './panels/protection.js';
import { findings } from './panels/findings.js';
import { protect } from './panels/protect.js';

/**
 * Every panel: `mount(body, actions)` fills its section once and gives a
 * function of the state that keeps it true. To add one: its file in `panels/`,
 * its section in index.html, its row here.
 */
const PANELS = { tracks, protection, findings, protect };

const $ = (id) => document.getElementById(id);
const core = new Core();

const state = {
  /** The file that is open. */
  file: null,
  /** What is known of it; in part while `reading` is a number from 0 to 1. */
  inspection: null,
  reading: null,
  /** Why it could not be read. */
  refusal: null,
  /** {phase: 'writing' | 'done' | 'failed', …}, once something is protected. */
  run: null,
  /** From the core. */
  profiles: [],
};
/** What is running; a new file aborts it. */
let live = new AbortController();
/** A destination is being chosen. */
let starting = false;

const actions = {
  preview: (options) => core.call('preview', { options }),

  async protect(options, { secret }) {
    // One at a time: a second click must not show one run's key beside the
    // other's file.
    if (starting || state.run) return;
    starting = true;
    const { file } = state;
    const name = state.file.name.replace(/\.[^.]+$/, '') + '.mp4';
    let choice;
    try {
      choice = await chooseSink(name);
    } catch (error) {
      starting = false;
      return set({ run: { phase: 'failed', refusal: new Refusal({ message: `The browser would not open a place to save to: ${error.message}` }) } });
    }
    starting = false;
    if (!choice || state.file !== file) return;
    live = new AbortController();
    const { signal } = live;
    const run = { phase: 'writing', name, started: performance.now(), done: 0, total: state.file.size };
    set({ run });
    const awake = navigator.wakeLock?.request('screen').catch(() => null);
    try {
      const update = (change) => !signal.aborted && set({ run: { ...state.run, ...change, phase: 'writing', step: change.phase ?? state.run.step } });
      const result = await core.call('protect', { options, choice, secret }, { signal, update });
      if (live.signal !== signal) return; // another file is open by now
      const url = result.file && URL.createObjectURL(result.file);
      set({ run: { ...state.run, ...result, url, phase: 'done', seconds: (performance.now() - run.started) / 1000 } });
      say('Done. The protected file is ready.');
    } catch (refusal) {
      if (live.signal !== signal) return; // another file is open by now
      if (refusal.code === 'cancelled') say(refusal.message);
      set({ run: refusal.code === 'cancelled' ? null : { phase: 'failed', refusal } });
    } finally {
      awake?.then((lock) => lock?.release());
    }
  },

  cancel: () => live.abort(),

  /** Back to the form. */
  again() {
    forget();
    set({ run: null });
  },
};

/** Lets go of an output that was offered. */
function forget() {
  if (state.run?.url) URL.revokeObjectURL(state.run.url);
}

async function openFile(file, others = 0) {
  if (state.run?.phase === 'writing' && !confirm('A file is being protected. Stop it and open another?')) return;
  live.abort();
  live = new AbortController();
  const { signal } = live;
  forget();
  set({ file, inspection: null, reading: 0, refusal: null, run: null });
  if (others) say(`Opened the first of ${others + 1} files.`);
  try {
    const update = ({ inspection, progress }) => !signal.aborted && set({ inspection, reading: progress });
    const inspection = await core.call('inspect', { file }, { signal, update });
    if (!signal.aborted) set({ inspection, reading: null });
  } catch (refusal) {
    if (!signal.aborted) set({ refusal, reading: null });
  }
}

async function openSample() {
  const button = $('sample');
  button.disabled = true;
  try {
    const response = await fetch('sample.ismv');
    if (!response.ok) throw new Error(`the server says ${response.status}`);
    await openFile(new File([await response.blob()], 'sample.ismv'));
  } catch (error) {
    say(`The sample cannot be loaded: ${error.message}`);
    button.textContent = 'The sample cannot be loaded';
  } finally {
    button.disabled = false;
  }
}

const updates = Object.entries(PANELS).map(([id, panel]) => panel.mount($(id).querySelector('.body'), actions));

function set(change) {
  Object.assign(state, change);
  const { file, inspection, reading, refusal, run } = state;
  $('start').hidden = Boolean(file);
  $('file').hidden = !file;
  $('another').hidden = !file;
  document.body.classList.toggle('busy', run?.phase === 'writing');
  const percent = run?.phase === 'writing' ? `${Math.floor(100 * run.done / run.total)} % – ` : '';
  document.title = file ? `${percent}${file.name} – ISMVault` : 'ISMVault';
  if (file) {
    $('name').textContent = file.name;
    const verdict = refusal ? refusal.message : reading != null ? 'Reading …' : inspection?.verdict ?? '';
    if ($('verdict').textContent !== verdict) $('verdict').textContent = verdict;
    const damaged = refusal || inspection?.findings.some((finding) => finding.severity === 'error');
    $('verdict').classList.toggle('bad', reading == null && Boolean(damaged));
    $('reading').hidden = reading == null;
    if (reading != null) $('reading').value = reading;
  }
  for (const update of updates) update(state);
}

/** The files of a drop, those in its folders too. */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
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
  const media = files.filter((file) => /\.(ism[vat]|m[p4]4|m4[sva]|cmf[va])$/i.test(file.name));
  return media.length ? media : files;
}

const isFiles = (event) => event.dataTransfer?.types.includes('Files');
let depth = 0; // dragenter and dragleave come for every element passed
addEventListener('dragenter', (event) => {
  if (!isFiles(event)) return;
  event.preventDefault();
  depth += 1;
  $('overlay').hidden = false;
});
addEventListener('dragleave', () => {
  depth = Math.max(0, depth - 1);
  if (!depth) $('overlay').hidden = true;
});
addEventListener('dragover', (event) => isFiles(event) && event.preventDefault());
addEventListener('drop', async (event) => {
  if (!isFiles(event)) return;
  event.preventDefault();
  depth = 0;
  $('overlay').hidden = true;
  const files = await filesOf(event.dataTransfer);
  if (files.length) openFile(files[0], files.length - 1);
});
addEventListener('paste', (event) => {
  const [file] = event.clipboardData?.files ?? [];
  if (file) openFile(file);
});
addEventListener('beforeunload', (event) => {
  if (state.run?.phase === 'writing') event.preventDefault();
});

for (const id of ['choose', 'another']) $(id).addEventListener('click', () => $('picker').click());
$('sample').addEventListener('click', openSample);
$('how').addEventListener('click', () => $('check').showModal());
$('picker').addEventListener('change', ({ target }) => {
  const [file] = target.files;
  if (file) openFile(file);
  target.value = ''; // so that the same file can be chosen again
});

core.call('hello', {}).then(
  ({ version, profiles }) => {
    $('version').textContent = `ISMVault ${version}`;
    document.documentElement.dataset.ready = '';
    set({ profiles });
  },
  (refusal) => {
    $('start').querySelector('p').textContent = refusal.message;
    $('start').querySelector('p').className = 'note bad';
  },
);
