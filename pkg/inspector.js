// <ismvault-inspector>: a file in, the overview out. Set its `file`, or let people
// choose one. It tells `inspected` with the inspection, or `refused` with the reason.
//
//   import 'ismvault/inspector';
//   document.querySelector('ismvault-inspector').file = file;

import { inspect } from './index.js';

/** @typedef {import('./index.js').Inspection} Inspection */

const STYLE = `
:host { display: block; font: 0.9375rem/1.5 system-ui, sans-serif; color: CanvasText; font-variant-numeric: tabular-nums; }
p { margin: 0 0 8px; } h3 { font-size: 1rem; margin: 16px 0 4px; } .answer { font-size: 1.25rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: start; padding: 4px 12px 4px 0; border-bottom: 1px solid color-mix(in srgb, CanvasText 15%, transparent); vertical-align: top; }
th { font-weight: 400; } .muted, th { color: color-mix(in srgb, CanvasText 70%, Canvas); } ul { margin: 0; padding-inline-start: 20px; } code { font-size: 0.8125rem; overflow-wrap: anywhere; }
`;

/**
 * An element of text alone.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} name its class
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
function h(tag, name, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children);
  return element;
}

/**
 * @param {string[]} heads
 * @param {(Node | string)[][]} rows
 */
const table = (heads, rows) => h('table', '',
  h('thead', '', h('tr', '', ...heads.map((head) => Object.assign(h('th', '', head), { scope: 'col' })))),
  h('tbody', '', ...rows.map((cells) => h('tr', '', ...cells.map((cell) => h('td', '', cell))))));

const kbits = (/** @type {number | null | undefined} */ rate) => (rate == null ? '–' : `${Math.round(rate / 1000)}`);

/**
 * What is shown of a file.
 *
 * @param {Inspection} inspection
 */
function overview({ answer, facts, story, tracks, systems, findings }) {
  /** @type {Map<string, number[]>} */
  const kids = new Map();
  for (const { id, schemes } of tracks) {
    for (const { kid } of schemes) if (kid) kids.set(kid, [...new Set(kids.get(kid)).add(id)]);
  }
  const urls = systems.flatMap(({ name, header }) => (header?.la_url ? [`${name}: ${header.la_url}`] : []));
  const grave = findings.filter(({ severity }) => severity !== 'info');
  return [
    h('p', 'answer', answer),
    h('p', 'muted', facts),
    table(['', ''], story.map(({ part, reason }) => [h('b', '', part), reason])),
    h('h3', '', 'Tracks'),
    table(['Track', 'Codec', 'Protection', 'kbit/s'], tracks.map((track) => [`${track.id} ${track.kind}`, h('code', '', track.codec ?? '–'), track.protection?.scheme ?? 'clear', kbits(track.bitrate.measured)])),
    ...(kids.size ? [h('h3', '', 'KIDs'), table(['KID', 'Tracks'], [...kids].map(([kid, of]) => [h('code', '', kid), of.join(', ')]))] : []),
    ...(urls.length ? [h('h3', '', 'Licence servers'), h('ul', '', ...urls.map((url) => h('li', '', h('code', '', url))))] : []),
    ...(grave.length ? [h('h3', '', 'What is wrong'), h('ul', '', ...grave.map(({ message, advice }) => h('li', '', message, h('div', 'muted', advice))))] : []),
  ];
}

export class IsmvaultInspector extends HTMLElement {
  #body = h('div', '');
  #choose = Object.assign(h('input', ''), { type: 'file', accept: '.ismv,.isma,.ismt,.mp4,.m4s,.cmfv,.cmfa,.mov' });
  /** @type {AbortController | null} */
  #reading = null;
  /** @type {import('./index.js').Source | null} */
  #file = null;

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    this.#choose.ariaLabel = 'A file to look at';
    this.#choose.addEventListener('change', () => { this.file = this.#choose.files?.[0] ?? null; });
    this.#body.setAttribute('role', 'status');
    root.append(h('p', '', this.#choose), this.#body);
  }

  /** The file that is looked at. */
  get file() {
    return this.#file;
  }

  set file(file) {
    this.#file = file;
    this.#choose.hidden = file != null && file !== this.#choose.files?.[0];
    this.#reading?.abort();
    this.#body.replaceChildren();
    if (file == null) return;
    const reading = new AbortController();
    this.#reading = reading;
    this.#body.replaceChildren(h('p', 'muted', 'Reading …'));
    inspect(file, { signal: reading.signal }).then((inspection) => {
      if (reading.signal.aborted) return;
      this.#body.replaceChildren(...overview(inspection));
      this.dispatchEvent(new CustomEvent('inspected', { detail: inspection }));
    }, (/** @type {Error} */ refusal) => {
      if (reading.signal.aborted) return;
      this.#body.replaceChildren(h('p', 'answer', refusal.message));
      this.dispatchEvent(new CustomEvent('refused', { detail: refusal }));
    });
  }

  connectedCallback() {
    // Moved while it read.
    if (this.#reading?.signal.aborted) this.file = this.#file;
  }

  disconnectedCallback() {
    this.#reading?.abort();
  }
}

customElements.define('ismvault-inspector', IsmvaultInspector);
