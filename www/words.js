// The page in another language. Everything here, the core and its workers speak
// English; what they say is looked up where it becomes text, in a catalogue that has
// the English beside each message (Project Fluent). What is not in it stays English.

/** Languages besides English, each in `words/`. */
const LANGUAGES = ['de'];

/**
 * Where one chooses a language, the choice is kept under this name.
 *
 * @returns {string | null}
 */
function kept() {
  try {
    return localStorage.getItem('language');
  } catch {
    return null; // some browsers keep nothing
  }
}

/** The language of the page: the one chosen, or the browser's. */
export const language = (() => {
  const chosen = kept() ?? 'system';
  const wanted = chosen === 'system' ? globalThis.navigator?.language?.slice(0, 2) : chosen;
  return LANGUAGES.find((one) => one === wanted) ?? 'en';
})();

/** What a part of a sentence that differs may be, by the beginning of its name. */
const NUMBER = '(\\d[\\d.,]*)';
const WORD = '(\\S+)';
const LABEL = '(.{1,80}(?<![.!?]))';
const ANYTHING = '(.+?)';
/** Parts that are a file's own, or a person's: they stay as they are. */
const OWN = ['name', 'label', 'host', 'hosts', 'file', 'path', 'kid', 'other', 'iv', 'list'];
/** Longer texts are nobody's words, and take long to look through. */
const LONGEST = 2000;
const formOf = (/** @type {string} */ name) => (/^[a-z]$/.test(name) ? NUMBER : name.includes('word') ? WORD : name === 'label' ? LABEL : ANYTHING);

/** @typedef {(values?: Record<string, string>) => string} Format */
/** @typedef {{ form: RegExp, names: string[], weight: number, format: Format }} Pattern a sentence some parts of which differ */
/** @typedef {{ exact: Map<string, Format>, patterns: Pattern[] }} Catalogue */

/**
 * A catalogue, turned round: by what the English is.
 *
 * @param {string} text of a `.ftl`
 * @param {string} of its language
 * @param {typeof import('./fluent/index.js')} fluent
 * @returns {Catalogue}
 */
export function catalogueOf(text, of, { FluentBundle, FluentResource }) {
  const bundle = new FluentBundle(of, { useIsolating: false });
  const resource = new FluentResource(text);
  const wrong = bundle.addResource(resource);
  if (wrong.length) throw wrong[0];
  /** @type {Catalogue} */
  const catalogue = { exact: new Map(), patterns: [] };
  for (const entry of resource.body) {
    const english = entry.attributes.en;
    const value = entry.value;
    if (english == null || value == null) continue;
    const format = (/** @type {Record<string, string>} */ values = {}) => bundle.formatPattern(value, values);
    const parts = typeof english === 'string' ? [english] : english;
    /** @type {string[]} */
    const names = [];
    let [form, plain] = ['', ''];
    for (const part of parts) {
      if (typeof part === 'object' && part.type === 'var') {
        names.push(part.name);
        form += formOf(part.name);
      } else {
        const own = typeof part === 'string' ? part : 'value' in part ? String(part.value) : '';
        plain += own;
        form += own.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      }
    }
    if (names.length) catalogue.patterns.push({ form: new RegExp(`^${form}$`, 's'), names, weight: plain.length, format });
    else catalogue.exact.set(plain, format);
  }
  // What says the most is tried first.
  catalogue.patterns.sort((a, b) => b.weight - a.weight);
  return catalogue;
}

/**
 * What a catalogue has for a text: for all of it, or sentence by sentence. Null where
 * it has nothing.
 *
 * @param {Catalogue} catalogue
 * @param {string} text
 * @returns {string | null}
 */
export function lookUp(catalogue, text) {
  const [, before = '', body = '', after = ''] = /^(\s*)(.*?)(\s*)$/s.exec(text) ?? [];
  if (body.length > LONGEST || !/[a-z]{2}/i.test(body)) return null;
  const found = whole(catalogue, body) ?? byParts(catalogue, body, /(?<=[.!?])\s+(?=["(A-Z\d])/, ' ') ?? byParts(catalogue, body, / · /, ' · ');
  return found == null ? null : before + found + after;
}

/**
 * @param {Catalogue} catalogue
 * @param {string} text
 */
function whole(catalogue, text) {
  const same = catalogue.exact.get(text);
  if (same) return same();
  for (const { form, names, format } of catalogue.patterns) {
    const found = form.exec(text);
    if (found) return format(Object.fromEntries(names.map((name, i) => [name, partOf(catalogue, name, found[i + 1])])));
  }
  return null;
}

/**
 * A part of a sentence: of what is not the page's own, only what is a message as it is.
 *
 * @param {Catalogue} catalogue
 * @param {string} name
 * @param {string} text
 */
const partOf = (catalogue, name, text) => (OWN.includes(name) ? catalogue.exact.get(text)?.() : lookUp(catalogue, text)) ?? text;

/**
 * @param {Catalogue} catalogue
 * @param {string} text
 * @param {RegExp} between
 * @param {string} joint
 */
function byParts(catalogue, text, between, joint) {
  const parts = text.split(between);
  if (parts.length === 1) return null;
  const found = parts.map((part) => lookUp(catalogue, part));
  return found.every((part) => part == null) ? null : found.map((part, i) => part ?? parts[i]).join(joint);
}

/** What was looked up before; a page says the same things again and again. */
const MOST = 5000;
/** @type {Map<string, string | null>} */
const known = new Map();
/** @type {Catalogue | null} */
let catalogue = null;

/**
 * A text in the language of the page; null where that is not known.
 *
 * @param {string} text
 */
function translated(text) {
  if (!catalogue) return text;
  if (!known.has(text)) {
    if (known.size > MOST) known.clear();
    known.set(text, lookUp(catalogue, text));
  }
  return known.get(text) ?? null;
}

/** A text in the language of the page, where that is known. */
export const t = (/** @type {string} */ text) => translated(text) ?? text;

/**
 * Whether a text is English on a page that is not: its element says so, for those
 * who hear it.
 *
 * @param {string} text
 */
export const isForeign = (text) => catalogue != null && /[a-z]{2} +[a-z]{2}/i.test(text) && translated(text) == null;

/**
 * Puts what stands in the page already into its language.
 *
 * @param {HTMLElement} root
 */
function inPlace(root) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.nodeValue = t(texts.currentNode.nodeValue ?? '');
  for (const name of ['aria-label', 'placeholder', 'title']) {
    for (const element of root.querySelectorAll(`[${name}]`)) element.setAttribute(name, t(element.getAttribute(name) ?? ''));
  }
}

if (language !== 'en') {
  try {
    const [fluent, response] = await Promise.all([import('./fluent/index.js'), fetch(new URL(`words/${language}.ftl`, import.meta.url))]);
    catalogue = catalogueOf(await response.text(), language, fluent);
    document.documentElement.lang = language;
    inPlace(document.body);
  } catch {
    // It stays English.
  }
}
