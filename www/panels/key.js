// The key doctor: whatever may be a key, tried on the file.

import { h, plural, refused, say } from '../dom.js';
import { eyeOf } from './parts.js';

const SHAPE = { proven: ['●', 'Proven'], disproven: ['■', 'Disproven'], unproven: ['○', 'Unproven'] };

export const key = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const input = h('textarea', { id: 'key-text', rows: 3, spellcheck: 'false', autocomplete: 'off', class: 'mono secret', 'data-1p-ignore': '', 'data-lpignore': 'true', 'aria-describedby': 'key-hint' });
    const button = h('button', { class: 'primary' }, 'Try it');
    const out = h('div', { class: 'results' });
    /** @type {number | null | undefined} */
    let shown;
    const form = h('form', { autocomplete: 'off' },
      h('label', { for: 'key-text' }, 'Anything that may be the key'),
      input,
      h('p', { class: 'small muted', id: 'key-hint' }, 'Hex, base64, a GUID, KID:KEY, a key seed; JSON, CSV or CPIX of several. Every byte order is tried, first against CHECKSUM, then against samples.'),
      h('div', { class: 'actions-row' }, button, eyeOf(input)));
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (!input.value.trim() || button.disabled) return;
      button.disabled = true;
      out.replaceChildren(h('p', { class: 'muted' }, 'Trying …'));
      const mine = shown;
      try {
        const found = await actions.doctor(input.value);
        if (mine !== shown) return;
        out.replaceChildren(...answer(found));
        say(found.map((track) => track.sentence).join(' '));
      } catch (/** @type {any} */ refusal) {
        if (mine === shown) out.replaceChildren(refused(refusal));
      } finally {
        button.disabled = false;
      }
    });
    const none = h('p', {}, 'The file is not protected, so no key belongs to it.');
    body.append(form, none, out);
    addEventListener('pagehide', () => { input.value = ''; });
    return (/** @type {import('../state.js').Shown} */ { inspection, key: file }) => {
      const protectedFile = Boolean(inspection?.tracks.some((t) => t.protection));
      form.hidden = !protectedFile;
      none.hidden = protectedFile;
      if (file !== shown) {
        shown = file;
        input.value = '';
        out.replaceChildren();
      }
    };
  },
};

/** @param {import('../pkg/ismvault.js').Diagnosis[]} found */
function answer(found) {
  const proven = found.filter((t) => t.verdict === 'proven').length;
  const words = proven === found.length ? 'The key fits.'
    : proven ? `The key fits ${plural(proven, 'track')} of ${found.length}.`
      : found.some((t) => t.verdict === 'disproven') ? 'This is not the key.' : 'Nothing tells.';
  return [
    h('p', { class: `note ${proven === found.length ? 'ok' : 'bad'}` }, h('b', {}, words)),
    h('ul', { class: 'findings' }, found.map((track) => {
      const [shape, word] = SHAPE[track.verdict];
      return h('li', { class: track.verdict },
        h('span', { class: 'severity' }, h('span', { 'aria-hidden': 'true' }, shape), ` ${word}`),
        h('span', {}, track.sentence));
    })),
  ];
}
