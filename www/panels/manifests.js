// Manifests for the open files, and the files as they need them.

import { bytes, copyButton, downloadUrl, h, plural, refused, say, t } from '../dom.js';
import { pickFolder } from '../folders.js';
import { stem } from '../names.js';
import { fragmented, select } from './parts.js';

/** @typedef {import('../pkg/ismvault.js').Format} Format */
/** @typedef {import('../state.js').Shown} Shown */

/** @type {[Format, string][]} */
const FORMATS = [
  ['dash', 'DASH (.mpd), on-demand'],
  ['hls', 'HLS (.m3u8), byte ranges'],
  ['ism', 'Smooth Streaming (.ism, .ismc)'],
];

/** @param {import('../actions.js').Actions} actions */
export function manifests(actions) {
  const choice = select('format', FORMATS, 'Format');
  const list = h('fieldset', {}, h('legend', {}, 'Files'));
  const button = h('button', {}, 'Write manifests');
  const out = h('div', { class: 'results', 'aria-live': 'polite' });
  const form = h('form', {}, h('label', { class: 'inline' }, 'Format ', choice), list, h('div', { class: 'actions-row' }, button), out);
  let known = '';
  /** @type {string[]} */
  let urls = [];
  /** @type {Shown} */
  let state;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const keys = [.../** @type {NodeListOf<HTMLInputElement>} */ (list.querySelectorAll('input:checked'))].map((input) => Number(input.value));
    const inputs = fragmented(state).filter(({ key }) => keys.includes(key)).map(({ key, name }) => ({ key, name }));
    if (!inputs.length) return out.replaceChildren(h('p', { class: 'muted' }, 'Choose a file.'));
    const format = /** @type {Format} */ (choice.value);
    button.disabled = true;
    out.replaceChildren(h('p', { class: 'muted' }, 'Reading …'));
    for (const url of urls) URL.revokeObjectURL(url);
    urls = [];
    try {
      const { texts, media: files, notes } = await actions.call('publish', { inputs, format, title: stem(inputs[0].name) });
      const row = (/** @type {string} */ name, /** @type {number} */ size, /** @type {Blob} */ blob) => {
        const url = downloadUrl(blob, name);
        urls.push(url);
        return h('li', {}, h('a', { href: url, download: name }, name), h('span', { class: 'muted' }, ` ${bytes(size)}`));
      };
      const all = h('button', { type: 'button' }, 'Save all to a folder …');
      all.addEventListener('click', () => saveAll([...texts.map(({ name, text }) => ({ name, blob: new Blob([text]) })), ...files], all));
      out.replaceChildren(
        ...(notes.length ? [h('ul', { class: 'small muted' }, notes.map((note) => h('li', {}, note)))] : []),
        h('ul', { class: 'plain' }, texts.map(({ name, text }) => row(name, text.length, new Blob([text], { type: 'text/plain' }))), files.map(({ name, blob }) => row(name, blob.size, blob))),
        ...(pickFolder() ? [h('div', { class: 'actions-row' }, all)] : []),
        h('details', {}, h('summary', {}, `Read ${texts[0].name}`), h('div', { class: 'pre' }, copyButton(texts[0].text, texts[0].name), h('pre', {}, texts[0].text))));
      say(`${plural(texts.length, 'manifest')} written.`);
    } catch (/** @type {any} */ refusal) {
      out.replaceChildren(refused(refusal));
    } finally {
      button.disabled = false;
    }
  });
  return {
    form,
    /** @param {Shown} now */
    update(now) {
      state = now;
      const files = fragmented(state);
      const mark = files.map(({ key }) => key).join();
      if (mark === known) return;
      known = mark;
      list.replaceChildren(h('legend', {}, 'Files'), ...files.map(({ key, name }) => h('label', { class: 'choice' }, h('input', { type: 'checkbox', value: String(key), checked: key === state.key || files.length === 1 }), h('span', {}, name))));
      out.replaceChildren();
    },
  };
}

/**
 * @param {{ name: string, blob: Blob }[]} files
 * @param {HTMLButtonElement} button
 */
async function saveAll(files, button) {
  const pick = pickFolder();
  if (!pick) return;
  let folder;
  try {
    folder = await pick({ mode: 'readwrite' });
  } catch {
    return; // thought better of it
  }
  button.disabled = true;
  try {
    for (const { name, blob } of files) {
      button.textContent = t(`Saving ${name} …`);
      const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await blob.stream().pipeTo(writable);
    }
    button.textContent = t(`Saved in ${folder.name}`);
  } catch (/** @type {any} */ error) {
    button.textContent = t(`Not saved: ${error.message}`);
  }
}
