// The paste box: a header, a KID or a part of a manifest, recognised by itself.

import { h, refused, some } from '../dom.js';
import { decodedView } from './decoded.js';
import { kidsAmong } from './kids.js';

/** How long nothing must be typed before it is read. */
const PAUSE = 250;

/**
 * The KIDs of a header and of all in it.
 *
 * @param {import('../pkg/ismvault.js').Decoded} decoded
 * @returns {string[]}
 */
const kidsIn = (decoded) => [...(decoded.kids ?? []).map(({ kid }) => kid), ...(decoded.inner ?? []).flatMap(kidsIn)];

export const paste = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const input = h('textarea', { id: 'paste-text', rows: 4, spellcheck: 'false', autocomplete: 'off', class: 'mono', 'aria-label': 'A header to read', placeholder: 'pssh, PlayReady Object or header XML, KID, or the part of an .ismc, MPD or playlist it stands in' });
    const out = h('div', { class: 'results' });
    const button = h('button', { class: 'primary' }, 'Read it');
    const form = h('form', {}, input, h('div', { class: 'actions-row' }, button, h('span', { class: 'small muted' }, 'base64, hex, GUID or text; a small file can be dropped')));
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let pause;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      clearTimeout(pause);
      if (input.value.trim()) actions.recognise(input.value);
    });
    input.addEventListener('input', () => {
      clearTimeout(pause);
      if (!input.value.trim()) return out.replaceChildren();
      pause = setTimeout(() => actions.recognise(input.value, true), PAUSE);
    });
    body.append(form, out);
    /** @type {import('../state.js').Pasted | null | undefined} */
    let shown;
    return (/** @type {import('../state.js').Shown} */ { pasted, files }) => {
      if (pasted === shown) return;
      shown = pasted;
      if (!pasted) return out.replaceChildren();
      if (pasted.text != null && pasted.text !== input.value) input.value = pasted.text;
      if (pasted.refusal) out.replaceChildren(pasted.typing ? h('p', { class: 'muted' }, pasted.refusal.message) : refused(pasted.refusal));
      if (!pasted.decoded) return;
      const told = kidsAmong(kidsIn(pasted.decoded), files);
      out.replaceChildren(...(told.length ? [h('ul', { class: 'among' }, some(told, (words) => h('li', {}, words)))] : []), decodedView(pasted.decoded));
    };
  },
};
