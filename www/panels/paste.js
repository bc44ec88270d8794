// The paste box: a header, a KID or a part of a manifest, recognised by itself.

import { h, refused } from '../dom.js';
import { decodedView } from './decoded.js';

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
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (input.value.trim()) actions.recognise(input.value);
    });
    body.append(form, out);
    /** @type {import('../state.js').Pasted | null | undefined} */
    let shown;
    return (/** @type {import('../state.js').Shown} */ { pasted }) => {
      if (pasted === shown) return;
      shown = pasted;
      if (!pasted) return out.replaceChildren();
      if (pasted.text != null) input.value = pasted.text;
      out.replaceChildren(pasted.refusal ? refused(pasted.refusal) : pasted.decoded ? decodedView(pasted.decoded) : '');
    };
  },
};
