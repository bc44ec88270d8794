// A file on a server: what can be done with it there, and how it comes here.

import { bytes, h, t } from '../dom.js';
import { RemoteFile } from '../pkg/lib/server.js';
import { task } from './parts.js';

export const server = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const section = /** @type {HTMLElement} */ (body.parentElement);
    const words = h('p');
    const button = h('button', { class: 'primary wide' });
    const out = h('div', { 'aria-live': 'polite' });
    const form = h('form', {}, button, out);
    body.append(words, h('p', { class: 'small muted' }, 'It goes into this browser’s storage, and can then be protected and changed like any other.'), form);
    /** @type {RemoteFile | null} */
    let file = null;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (!file) return;
      await task({ button, out, job: { type: 'fetch', data: { url: file.url, stamp: file.stamp }, name: file.name }, actions });
    });
    return (/** @type {import('../state.js').Shown} */ { file: shown, reading }) => {
      const now = shown instanceof RemoteFile ? shown : null;
      section.hidden = !now || reading != null;
      if (!now || now === file) return;
      file = now;
      words.textContent = t(`This file is on ${now.host}. Looking at it reads its headers and a few samples.`);
      button.textContent = t(`Fetch all of it, ${bytes(now.size)}`);
      out.replaceChildren();
    };
  },
};
