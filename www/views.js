// What of the page is shown: the view in the address, and the tabs.

import { $, bytes, t } from './dom.js';
import { running, set, shown, state } from './state.js';
import { verdict } from './verdict.js';
import { isForeign, language } from './words.js';

/** @typedef {import('./state.js').Shown} Shown */
/** @typedef {import('./state.js').View} View */

/** What of a file can be looked at: in the address, and as tabs. */
const TABS = /** @type {const} */ (['overview', 'boxes', 'samples', 'key', 'header', 'make', 'play', 'compare']);
/** And what is not of a file: in the bar over all. */
const LINKS = /** @type {const} */ (['paste', 'batch']);
export const VIEWS = [...TABS, ...LINKS];
/** Those that need no file. */
const FREE = ['header', ...LINKS];

/** Where in a view: at an offset, or with what a form says. */
/** @typedef {number | URLSearchParams | null} Place */

const address = (/** @type {View} */ view, /** @type {Place} */ at) => `#/${view === 'overview' ? '' : view}${at == null ? '' : typeof at === 'number' ? `@${at}` : `?${at}`}`;
/** What leads to a view, and names it. */
const leading = (/** @type {View} */ view) => document.getElementById(`tab-${view}`) ?? $(`link-${view}`);
export const nameOf = (/** @type {View} */ view) => leading(view).textContent ?? '';
/**
 * Puts the keyboard to where a view is chosen; where that is not shown, into it.
 *
 * @param {View} view
 */
export function focusOf(view) {
  const own = leading(view);
  (own.checkVisibility() ? own : /** @type {HTMLElement} */ ($(`view-${view}`).querySelector('h2, h3, input, textarea'))).focus({ preventScroll: true });
}

/**
 * Shows a view, there the box or fragment at an offset, and puts both into the
 * address.
 *
 * @param {View} view
 * @param {Place} at
 */
export function go(view, at = null) {
  if (state.view === view && (at == null || location.hash === address(view, at))) return set({ at });
  location.hash = address(view, at);
}

/** What is in the address, such as `#/boxes@1024`, or `#/header?la_url=…`. */
export function inAddress() {
  const [, name, at, form] = location.hash.match(/^#\/(\w*)(?:@(\d+)|\?(.*))?$/) ?? [];
  return {
    view: VIEWS.find((view) => view === name) ?? /** @type {View} */ ('overview'),
    at: form != null ? new URLSearchParams(form) : at == null ? null : Number(at),
  };
}

export const isLink = (/** @type {View} */ view) => LINKS.some((link) => link === view);

/**
 * Whether a view has something to show, of a file.
 *
 * @param {View} view
 * @param {import('./state.js').OpenFile | null} entry
 */
export function canShow(view, entry = shown()) {
  const here = entry?.file instanceof Blob || view !== 'make';
  return (entry?.kind === 'media' && here) || FREE.includes(view) || (Boolean(entry) && ['overview', 'compare'].includes(view)) || (view === 'make' && Boolean(entry?.fragments));
}

/** Leaves what is not of a file, for one. */
export const toFile = () => isLink(state.view) && go('overview');

/** @type {ReturnType<typeof setTimeout> | undefined} */
let moving;

/**
 * Puts what was chosen in a view into the address, when it stays chosen: browsers
 * take only so many changes.
 *
 * @param {View} view
 * @param {Place} at
 */
export function mark(view, at) {
  clearTimeout(moving);
  moving = setTimeout(() => state.view === view && history.replaceState(null, '', address(view, at)), 300);
}

/** @type {Record<string, (at: number) => number>} */
const STEPS = { ArrowRight: (at) => at + 1, ArrowLeft: (at) => at - 1, Home: () => 0, End: () => -1 };

/** Makes the tabs work, by mouse and by keys. */
export function startTabs() {
  for (const view of TABS) {
    const tab = $(`tab-${view}`);
    tab.addEventListener('click', () => go(view));
    tab.addEventListener('keydown', (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      const visible = TABS.filter((v) => !$(`tab-${v}`).hidden);
      const next = visible.at(step(visible.indexOf(view)) % visible.length) ?? view;
      go(next);
      $(`tab-${next}`).focus();
      event.preventDefault();
    });
  }
}

/**
 * Shows what the state says outside of the panels.
 *
 * @param {Shown} now
 * @returns {View} the view that can be shown
 */
export function paint({ view: wanted, files, current }) {
  const entry = files.find((file) => file.key === current) ?? null;
  const media = entry?.kind === 'media';
  const alone = !entry && FREE.includes(wanted);
  const view = canShow(wanted, entry) ? wanted : 'overview';
  const ofFile = !alone && !isLink(view);
  $('start').hidden = Boolean(entry) || alone;
  $('work').hidden = !entry && !alone;
  $('another').hidden = !entry && !alone;
  $('shut').hidden = !alone && !(entry && files.length === 1);
  $('answer').hidden = !ofFile;
  $('tabbar').hidden = !ofFile;
  $('back').hidden = !entry || ofFile;
  $('back').textContent = t(`Back to ${entry?.name ?? ''}`);
  const busy = running();
  const percent = busy?.run.total ? `${Math.floor(100 * busy.run.done / busy.run.total)} % – ` : '';
  const where = view === 'overview' ? '' : `${nameOf(view)}${entry && ofFile ? ', ' : ' – '}`;
  const whose = busy && busy.key !== entry?.key ? `${busy.name} – ` : '';
  document.title = `${percent}${whose}${where}${entry && ofFile ? `${entry.name} – ` : ''}ISMVault`;
  if (entry) {
    $('name').textContent = entry.name;
    const [words, bad] = verdict(entry);
    if ($('verdict').textContent !== t(words)) $('verdict').textContent = t(words);
    $('verdict').lang = isForeign(words) ? 'en' : language;
    $('verdict').classList.toggle('bad', bad);
    const facts = entry.reading == null && !entry.refusal ? entry.inspection?.facts ?? '' : '';
    $('made-of').textContent = t(facts && `${facts[0].toUpperCase()}${facts.slice(1)}, ${bytes(entry.file.size)}`);
    $('reading').hidden = entry.reading == null;
    if (entry.reading != null) $('reading', HTMLProgressElement).value = entry.reading;
    $('stop').hidden = entry.reading == null;
    $('reports').hidden = !entry.inspection || entry.reading != null;
    $('to-task').hidden = !(media && entry.inspection?.protectable.yes && entry.file instanceof Blob && view === 'overview' && !entry.run);
  }
  for (const own of LINKS) {
    $(`view-${own}`).hidden = own !== view;
    if (own === view) $(`link-${own}`).setAttribute('aria-current', 'page');
    else $(`link-${own}`).removeAttribute('aria-current');
  }
  for (const own of TABS) {
    const tab = $(`tab-${own}`);
    tab.hidden = !canShow(own, entry);
    tab.setAttribute('aria-selected', String(own === view));
    tab.tabIndex = own === view ? 0 : -1;
    $(`view-${own}`).hidden = own !== view;
  }
  const whole = media && entry.reading == null && entry.inspection;
  const manifest = entry?.kind === 'manifest' && !entry.refusal;
  $('overview-body').hidden = !whole && !entry?.refusal && !manifest;
  for (const id of ['tracks', 'protection']) $(id).hidden = !whole;
  $('protect').hidden = !(entry?.file instanceof Blob) || (!whole && entry.run == null);
  return view;
}
