// What of the page is shown: the view in the address, tabs, the list of files.

import { $, bytes, h, plural } from './dom.js';
import { checkSet, close } from './open.js';
import { inOrder, running, set, state } from './state.js';

/** @typedef {import('./state.js').OpenFile} OpenFile */
/** @typedef {import('./state.js').Shown} Shown */
/** @typedef {import('./state.js').View} View */

/** What can be looked at: in the address, and as tabs. */
export const VIEWS = /** @type {const} */ (['overview', 'boxes', 'samples', 'key', 'header', 'make', 'play', 'compare', 'paste', 'batch']);
/** Those that need no file. */
const FREE = ['paste', 'batch'];

const address = (/** @type {View} */ view, /** @type {number | null} */ at) => `#/${view === 'overview' ? '' : view}${at == null ? '' : `@${at}`}`;

/**
 * Shows a view, there the box or fragment at an offset, and puts both into the
 * address.
 *
 * @param {View} view
 * @param {number | null} at
 */
export function go(view, at = null) {
  if (state.view === view && (at == null || location.hash === address(view, at))) return set({ at });
  location.hash = address(view, at);
}

/** What is in the address, such as `#/boxes@1024`. */
export function inAddress() {
  const [, name, at] = location.hash.match(/^#\/(\w*)(?:@(\d+))?$/) ?? [];
  return { view: VIEWS.find((view) => view === name) ?? /** @type {View} */ ('overview'), at: at == null ? null : Number(at) };
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let moving;

/**
 * Puts what was chosen in a view into the address, when it stays chosen: browsers
 * take only so many changes.
 *
 * @param {View} view
 * @param {number} at
 */
export function mark(view, at) {
  clearTimeout(moving);
  moving = setTimeout(() => state.view === view && history.replaceState(null, '', address(view, at)), 300);
}

/** @type {Record<string, (at: number) => number>} */
const STEPS = { ArrowRight: (at) => at + 1, ArrowLeft: (at) => at - 1, Home: () => 0, End: () => -1 };

/** Makes the tabs work, by mouse and by keys. */
export function startTabs() {
  for (const view of VIEWS) {
    const tab = $(`tab-${view}`);
    tab.addEventListener('click', () => go(view));
    tab.addEventListener('keydown', (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      const visible = VIEWS.filter((v) => !$(`tab-${v}`).hidden);
      const next = visible.at(step(visible.indexOf(view)) % visible.length) ?? view;
      go(next);
      $(`tab-${next}`).focus();
      event.preventDefault();
    });
  }
}

/**
 * The verdict of a file, and whether it is a bad one.
 *
 * @param {OpenFile} entry
 * @returns {[string, boolean]}
 */
function verdict({ refusal, reading, inspection, kind, words, name, fragments }) {
  if (refusal) return [refusal.message, true];
  if (reading != null) return ['Reading …', false];
  const own = state.set?.filter((f) => f.file === name) ?? [];
  const isError = (/** @type {{ severity: string }} */ f) => f.severity === 'error';
  if (kind !== 'manifest') {
    const against = own.filter((f) => f.severity !== 'info').length;
    const told = against ? ` ${plural(against, 'finding')} against the files opened with it.` : '';
    return [`${inspection?.answer ?? ''}${told}`, Boolean(inspection?.findings.some(isError)) || own.some(isError)];
  }
  if (fragments) return [`${words ?? 'Manifest'}, with ${fragments.length} fragments. Make one file of them under Make.`, false];
  const media = state.files.some((entry) => entry.kind === 'media');
  const grave = own.filter((f) => f.severity !== 'info').length;
  const count = plural(grave, 'finding');
  const found = !media ? `${grave ? `${count}. ` : ''}Open its media files with it to check them against each other.`
    : grave ? `${count} against the files opened with it.` : 'Nothing is wrong between it and the files opened with it.';
  return [`${words ?? 'Manifest'}. ${found}`, own.some(isError)];
}

/**
 * Shows what the state says outside of the panels.
 *
 * @param {Shown} now
 * @returns {View} the view that can be shown
 */
export function paint({ view: wanted, files, current }) {
  const entry = files.find((file) => file.key === current);
  const media = entry?.kind === 'media';
  const alone = !entry && FREE.includes(wanted);
  const can = (/** @type {View} */ own) => media || FREE.includes(own) || (!alone && ['overview', 'compare'].includes(own)) || (own === 'make' && Boolean(entry?.fragments));
  const view = can(wanted) ? wanted : 'overview';
  $('start').hidden = Boolean(entry) || alone;
  $('work').hidden = !entry && !alone;
  $('another').hidden = !entry && !alone;
  $('shut').hidden = !alone && !(entry && files.length === 1);
  $('answer').hidden = alone;
  const busy = running();
  const percent = busy?.run.total ? `${Math.floor(100 * busy.run.done / busy.run.total)} % – ` : '';
  const where = view === 'overview' ? '' : `${$(`tab-${view}`).textContent}${entry ? ', ' : ' – '}`;
  const whose = busy && busy.key !== entry?.key ? `${busy.name} – ` : '';
  document.title = `${percent}${whose}${where}${entry && !alone ? `${entry.name} – ` : ''}ISMVault`;
  if (entry) {
    $('name').textContent = entry.name;
    const [words, bad] = verdict(entry);
    if ($('verdict').textContent !== words) $('verdict').textContent = words;
    $('verdict').classList.toggle('bad', bad);
    const facts = entry.reading == null && !entry.refusal ? entry.inspection?.facts ?? '' : '';
    $('made-of').textContent = facts && `${facts[0].toUpperCase()}${facts.slice(1)}, ${bytes(entry.file.size)}`;
    $('reading').hidden = entry.reading == null;
    if (entry.reading != null) $('reading', HTMLProgressElement).value = entry.reading;
    $('stop').hidden = entry.reading == null;
    $('reports').hidden = !entry.inspection || entry.reading != null;
    $('to-task').hidden = !(media && entry.inspection?.protectable.yes && view === 'overview' && !entry.run);
  }
  for (const own of VIEWS) {
    const tab = $(`tab-${own}`);
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
  list(files, current);
  return view;
}

/** @type {Record<string, string>} */
const MARKS = { '…': ', being protected', '⋯': ', waits for its turn', '■': ', has errors', '✓': ', protected' };

/**
 * The open files, where there are several.
 *
 * @param {OpenFile[]} files
 * @param {number | null} current
 */
function list(files, current) {
  const nav = $('files');
  nav.hidden = files.length < 2;
  const now = JSON.stringify([files.map((f) => [f.key, verdict(f)[1], f.reading != null, f.run?.phase, f.run?.phase === 'writing' && f.run.step === 'turn']), current]);
  if (nav.dataset.now === now) return;
  nav.dataset.now = now;
  const held = nav.contains(document.activeElement);
  const ordered = inOrder();
  const isSet = ordered[0]?.kind === 'manifest' && ordered.some(({ kind }) => kind === 'media');
  nav.replaceChildren(h('ul', {}, ordered.map((entry) => {
    const [, bad] = verdict(entry);
    const mark = entry.run?.phase === 'writing' ? (entry.run.step === 'turn' ? '⋯' : '…') : bad ? '■' : entry.run?.phase === 'done' ? '✓' : '';
    const open = h('button', { type: 'button', 'aria-current': entry.key === current ? 'true' : null, title: entry.name }, h('span', {}, entry.name), mark && h('span', { class: bad ? 'mark bad' : 'mark', 'aria-hidden': 'true' }, mark), mark && h('span', { class: 'visually-hidden' }, MARKS[mark]));
    open.addEventListener('click', () => set({ current: entry.key }));
    const shut = h('button', { type: 'button', class: 'shut', 'aria-label': `Close ${entry.name}` }, '×');
    shut.addEventListener('click', () => {
      if (!close(entry)) return;
      set({});
      if (!nav.contains(document.activeElement)) $('name').focus();
      checkSet();
    });
    return h('li', { class: isSet && entry.kind === 'media' ? 'of-set' : null }, open, shut);
  })));
  // The list is made anew; who was in it still is.
  if (held) (/** @type {HTMLElement | null} */ (nav.querySelector('[aria-current]')) ?? $('name')).focus();
}
