// Elements made of text alone, and the ways numbers are written.

import { isForeign, language, t } from './words.js';

export { t };

/** Attributes that are read to people. */
const SPOKEN = ['aria-label', 'placeholder', 'title'];
/** What stands in these is a file's own. */
const VERBATIM = ['code', 'pre'];

/** @typedef {Node | string | number | null | undefined | false | any[]} Child */

/**
 * An element. Strings become text, never markup, in the language of the page, but
 * where `translate` is "no": names of files and the like. Null and false are left out.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} props attributes, properties, and `on…` listeners
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class') element.className = value;
    else if (name === 'style') Object.assign(element.style, value); // an attribute the policy refuses
    else if (SPOKEN.includes(name)) element.setAttribute(name, props.translate === 'no' && name === 'title' ? value : t(value));
    else if (name in element && typeof value !== 'string') Object.assign(element, { [name]: value });
    else element.setAttribute(name, value === true ? '' : value);
  }
  const present = /** @type {(Node | string)[]} */ (children.flat(9).filter((child) => child != null && child !== false));
  if (VERBATIM.includes(tag) || props.translate === 'no') element.append(...present);
  else {
    element.append(...present.map((child) => (typeof child === 'string' ? t(child) : child)));
    if (present.some((child) => typeof child === 'string' && isForeign(child))) element.lang = 'en';
  }
  return element;
}

/**
 * An element of index.html, by its id.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [kind]
 * @returns {T}
 */
export const $ = (id, kind) => {
  const found = document.getElementById(id);
  if (!(found instanceof (kind ?? HTMLElement))) throw new Error(`index.html has no such ${id}`);
  return /** @type {T} */ (found);
};

/**
 * A choice that is kept from visit to visit, where the browser keeps anything.
 *
 * @param {HTMLSelectElement} choice
 * @param {string} name what it is kept under; its value says nothing of a file
 * @param {() => void} changed
 */
export function keepChoice(choice, name, changed) {
  const first = choice.value;
  try {
    choice.value = localStorage.getItem(name) ?? first;
  } catch {
    // Some browsers keep nothing.
  }
  if (choice.selectedIndex < 0) choice.value = first;
  choice.addEventListener('change', () => {
    try {
      localStorage.setItem(name, choice.value);
    } catch {
      // It is chosen anew next time.
    }
    changed();
  });
  changed();
}

/**
 * Tells people who do not see the screen.
 *
 * @param {string} sentence
 */
export function say(sentence) {
  const said = document.getElementById('said');
  if (said) said.textContent = t(sentence);
}

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // No clipboard outside secure contexts, such as a page on the local network.
  const area = h('textarea', { class: 'visually-hidden', readonly: true });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('refused');
}

/**
 * A button that copies a value, and says what it copied.
 *
 * @param {string} text
 * @param {string} what
 */
export function copyButton(text, what) {
  const button = h('button', { type: 'button', class: 'copy', 'aria-label': `Copy ${what}` }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await copy(text);
      button.textContent = t('Copied');
      say(`${what} copied`);
    } catch {
      button.textContent = t('Select it');
      say('The browser does not allow copying. Select the text instead.');
    }
    setTimeout(() => { button.textContent = t('Copy'); }, 1600);
  });
  return button;
}

/**
 * An identifier with its copy button.
 *
 * @param {string} text
 * @param {string} what
 */
export function identifier(text, what) {
  return h('span', { class: 'id' }, h('code', {}, text), copyButton(text, what));
}

/**
 * Where a blob can be downloaded from. Browsers give a name the extension of its
 * type, or of what the bytes look like, so a type it has: Firefox would save an
 * `.ismv` as an `.mp4`.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function downloadUrl(blob, name) {
  const type = /\.mp4$/i.test(name) ? 'video/mp4' : 'application/octet-stream';
  return URL.createObjectURL(blob.slice(0, blob.size, type));
}

/**
 * Offers a text or a blob as a download.
 *
 * @param {string | Blob} content
 * @param {string} name
 */
export function download(content, name, type = 'text/plain') {
  const url = content instanceof Blob ? downloadUrl(content, name) : URL.createObjectURL(new Blob([content], { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/**
 * An element of an SVG.
 *
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number>} props
 * @param {(Node | string)[]} children
 */
export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * A field of a form, by its name; of radio buttons, what has their value.
 *
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export const inputOf = (form, name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

/**
 * A refusal as a note.
 *
 * @param {{ message: string, place?: string }} refusal
 */
export function refused(refusal) {
  return h('p', { class: 'note bad', role: 'alert' }, refusal.message, refusal.place ? h('span', { class: 'small' }, ` (${refusal.place})`) : null);
}

/**
 * Text that can be long, with its copy button.
 *
 * @param {string} text
 * @param {string} what
 */
export function block(text, what) {
  return h('div', { class: 'pre' }, copyButton(text, what), h('pre', { tabindex: '0', role: 'region', 'aria-label': what }, text));
}

/**
 * Rows of a name and what it is; empty ones are left out.
 *
 * @param {[string, Child][]} pairs
 */
export function rows(...pairs) {
  const present = pairs.filter(([, value]) => value != null && value !== '');
  return h('dl', {}, present.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

/** Of a long list, so many are made at a time. */
const AT_A_TIME = 50;

/**
 * The elements of a list that may be very long: the first of them, and a button
 * for more.
 *
 * @template T
 * @param {T[]} list
 * @param {(item: T) => Node} make
 * @returns {Node[]}
 */
export function some(list, make) {
  const first = list.slice(0, AT_A_TIME).map(make);
  if (list.length <= AT_A_TIME) return first;
  const more = h('button', { type: 'button', class: 'copy' }, `${count(list.length - AT_A_TIME)} more`);
  let made = AT_A_TIME;
  more.addEventListener('click', () => {
    more.before(...list.slice(made, made + 10 * AT_A_TIME).map(make));
    made += 10 * AT_A_TIME;
    more.hidden = made >= list.length;
    more.textContent = t(`${count(Math.max(0, list.length - made))} more`);
  });
  return [...first, more];
}

const numbers = new Intl.NumberFormat(language);
export const count = (/** @type {number} */ n) => numbers.format(n);
export const plural = (/** @type {number} */ n, /** @type {string} */ word) => `${count(n)} ${word}${n === 1 ? '' : 's'}`;

/**
 * Bytes in binary units, as file managers of engineers show them.
 *
 * @param {number} n
 */
export function bytes(n) {
  if (n < 1024) return plural(n, 'byte');
  const power = Math.min(4, Math.floor(Math.log2(n) / 10));
  const value = n / 1024 ** power;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}

/** Bits a second in kbit/s, with decimals where there is nothing before them. */
export const rate = (/** @type {number | null | undefined} */ n) => (n == null ? '–' : n < 10000 ? (n / 1000).toFixed(1) : count(Math.round(n / 1000)));

/**
 * Seconds as hh:mm:ss.mmm, with a sign before zero.
 *
 * @param {number | null | undefined} seconds
 */
export function time(seconds) {
  if (seconds == null) return '–';
  const ms = Math.abs(Math.round(seconds * 1000));
  const two = (/** @type {number} */ n) => String(Math.floor(n)).padStart(2, '0');
  return `${seconds * 1000 <= -0.5 ? '-' : ''}${two(ms / 3.6e6)}:${two(ms / 6e4 % 60)}:${two(ms / 1000 % 60)}.${String(ms % 1000).padStart(3, '0')}`;
}

/**
 * Seconds as a person waits them.
 *
 * @param {number} seconds
 */
export function wait(seconds) {
  if (!Number.isFinite(seconds)) return '';
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}
