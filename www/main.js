// The page: its panels, and what people do anywhere on it.

import { actions } from './actions.js';
import { COMMANDS, startCommands } from './commands.js';
import { core, hello } from './core.js';
import { $, download, keepChoice, say, t } from './dom.js';
import { startExamples } from './examples.js';
import { know } from './names.js';
import { scriptUrl, workersAreServed } from './workers.js';
import { leave, openFiles, openSample, recognise, shut } from './open.js';
import { listen, running, set, shown, state, unkept } from './state.js';
import { startTheme } from './theme.js';
import { focusOf, go, inAddress, paint, startTabs } from './views.js';
import { files } from './panels/files.js';
import { job } from './panels/job.js';
import { story } from './panels/story.js';
import { lanes } from './panels/lanes.js';
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
import { server } from './panels/server.js';
import { batch } from './panels/batch.js';

/**
 * A panel: `mount` fills its section once, and gives a function of the state that
 * keeps it true. To add one: its file in `panels/`, its section in index.html, its
 * row here.
 *
 * @typedef {{ mount(body: HTMLElement, actions: import('./actions.js').Actions): (state: import('./state.js').Shown) => void }} Panel
 */

/** @type {Record<string, Panel>} */
// The job's bar comes last: it shows what no other panel does.
const PANELS = { files, made, story, lanes, tracks, protection, findings, protect, server, boxes, samples, key, header, make, play, compare, paste, batch, job };

const updates = Object.entries(PANELS).map(([id, panel]) => panel.mount(/** @type {HTMLElement} */ ($(id).querySelector('.body')), actions));
let before = state.view;
listen((now) => {
  const view = paint(now);
  for (const update of updates) update({ ...now, view });
  if (view === before) return;
  before = view;
  // The focus does not stay on what went out of sight.
  requestAnimationFrame(() => {
    const focused = document.activeElement;
    if (focused && focused !== document.body && focused.checkVisibility()) return;
    focusOf(view);
  });
});
startTabs();
startCommands();
startExamples();
startTheme($('theme', HTMLSelectElement));
const tongue = $('language', HTMLSelectElement);
keepChoice(tongue, 'language', () => {});
tongue.addEventListener('change', () => {
  if (!state.files.length) location.reload();
  else $('offline').textContent = t('The language changes when the page is loaded again.');
});
addEventListener('hashchange', () => set(inAddress()));

/** @typedef {import('./open.js').Dropped} Dropped */

/**
 * The files of a drop, those in its folders too.
 *
 * @param {DataTransfer} transfer
 */
async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry != null);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  /** @type {Dropped[]} */
  const files = [];
  const walk = async (/** @type {FileSystemEntry} */ entry) => {
    if (entry.isFile) {
      const own = /** @type {FileSystemFileEntry} */ (entry);
      const file = await new Promise((/** @type {(file: File) => void} */ resolve, reject) => own.file(resolve, reject));
      files.push(Object.assign(file, { path: entry.fullPath }));
      return;
    }
    const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
    for (;;) {
      const some = await new Promise((/** @type {(entries: FileSystemEntry[]) => void} */ resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const child of some) await walk(child);
    }
  };
  for (const entry of entries) await walk(entry);
  return files;
}

/** The field that an event is in, whose business text is. */
const fieldOf = (/** @type {Event} */ { target }) => (target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest('input, textarea, select')) : null);
const isFiles = (/** @type {DragEvent} */ event) => Boolean(event.dataTransfer?.types.includes('Files'));
const isText = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('text/plain') && !fieldOf(event);
/** @type {ReturnType<typeof setTimeout> | undefined} dragover comes all the time while something is dragged */
let leaving;
for (const type of /** @type {const} */ (['dragenter', 'dragover'])) {
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
  const { dataTransfer } = event;
  if (!dataTransfer || (!isFiles(event) && !isText(event))) return;
  event.preventDefault();
  clearTimeout(leaving);
  $('overlay').hidden = true;
  const text = dataTransfer.getData('text/plain');
  if (text && !dataTransfer.files.length) return recognise(text);
  try {
    await openFiles(await filesOf(dataTransfer));
  } catch (/** @type {any} */ error) {
    say(`The folder cannot be read: ${error.message}`);
  }
});
addEventListener('paste', (event) => {
  const files = [...event.clipboardData?.files ?? []];
  if (files.length) return openFiles(files);
  if (fieldOf(event)) return;
  const text = event.clipboardData?.getData('text/plain');
  if (text?.trim()) recognise(text);
});
addEventListener('pagehide', ({ persisted }) => {
  if (!persisted) leave();
});
addEventListener('beforeunload', (event) => {
  if (running() || state.files.some((entry) => unkept(entry).length)) event.preventDefault();
});

const reports = $('reports', HTMLDetailsElement);
addEventListener('keydown', (event) => {
  const typing = fieldOf(event);
  if (event.key === 'Escape' && reports.open) {
    reports.open = false;
    return reports.querySelector('summary')?.focus();
  }
  if (event.key === 'Escape' && typing) return typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  const command = COMMANDS.find(({ keys, offered }) => keys?.[0] === event.key && offered?.() !== false);
  if (command?.run) {
    event.preventDefault();
    command.run();
  } else if (event.key === 'Escape' && state.view !== 'overview') {
    go('overview');
    focusOf('overview');
  }
});
addEventListener('click', ({ target }) => {
  if (target instanceof Node && !reports.contains(target)) reports.open = false;
});

for (const id of ['choose', 'another']) $(id).addEventListener('click', () => $('picker').click());
$('choose-folder').addEventListener('click', () => $('folder').click());
$('sample').addEventListener('click', openSample);
$('how').addEventListener('click', () => $('check', HTMLDialogElement).showModal());
$('shortcuts').addEventListener('click', () => $('keys', HTMLDialogElement).showModal());
$('stop').addEventListener('click', actions.stop);
$('shut').addEventListener('click', shut);
$('to-task').addEventListener('click', () => {
  $('protect').scrollIntoView({ block: 'start' });
  /** @type {HTMLElement | null} */ ($('protect').querySelector('select, input, button'))?.focus({ preventScroll: true });
});
$('start-paste').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('start-text', HTMLInputElement).value;
  if (text.trim()) recognise(text);
});
for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-report]'))) {
  button.addEventListener('click', async () => {
    const entry = shown();
    const form = button.dataset.report ?? 'json';
    reports.open = false;
    if (!entry) return;
    const { name, key: k, inspection } = entry;
    if (form === 'json') return download(`${JSON.stringify(inspection, null, 2)}\n`, `${name}.json`, 'application/json');
    download(await core.call('report', { key: k, form, name }), `${name}.${form}`, form === 'csv' ? 'text/csv' : 'text/html');
  });
}
for (const id of ['picker', 'folder']) {
  const input = $(id, HTMLInputElement);
  input.addEventListener('change', () => {
    const files = [...input.files ?? []];
    input.value = ''; // so that the same file can be chosen again
    if (files.length) openFiles(files);
  });
}

Object.assign(state, inAddress());

// Without a network too, once everything is kept; and for files of the system's.
async function keepOffline() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return;
  const claimed = new Promise((resolve) => serviceWorker.addEventListener('controllerchange', resolve, { once: true }));
  await serviceWorker.register(scriptUrl('offline.js'));
  await serviceWorker.ready;
  if (!serviceWorker.controller) await claimed;
  if (await workersAreServed()) $('offline').textContent = t('Ready to be used offline.');
}
keepOffline().catch(() => {}); // private windows have no service workers, and some hosts
/** @type {any} */ (globalThis).launchQueue?.setConsumer(async (/** @type {{ files: FileSystemFileHandle[] }} */ { files }) => {
  try {
    if (files.length) await openFiles(await Promise.all(files.map((file) => file.getFile())));
  } catch (/** @type {any} */ error) {
    say(`The file cannot be opened: ${error.message}`);
  }
});

hello.then(
  ({ version, tables }) => {
    know(tables);
    $('version').textContent = `ISMVault ${version}`;
    document.documentElement.dataset.ready = '';
    set({ tables });
  },
  (refusal) => {
    const words = $('start').querySelector('p');
    if (!words) return;
    words.textContent = t(refusal.message);
    words.className = 'note bad';
  },
);
