// What several panels have in common: fields for keys, and a task with progress.

import { h, refused, say, wait } from '../dom.js';

/**
 * A field for keys: masked, with a button to look at them; no password manager's business.
 *
 * @param {string} id
 * @param {string} label
 * @param {HTMLFormElement} form
 */
export function secretArea(id, label, form) {
  const input = h('textarea', { id, rows: 2, spellcheck: 'false', autocomplete: 'off', required: true, class: 'mono secret', 'data-1p-ignore': '', 'data-lpignore': 'true', 'data-bwignore': '' });
  const eye = h('button', { type: 'button', class: 'copy', 'aria-pressed': 'false' }, 'Show');
  eye.addEventListener('click', () => {
    const hidden = input.classList.toggle('secret');
    eye.textContent = hidden ? 'Show' : 'Hide';
    eye.setAttribute('aria-pressed', String(!hidden));
  });
  addEventListener('pagehide', () => { input.value = ''; });
  form.addEventListener('done', () => { input.value = ''; });
  return [h('label', { for: id }, label), h('div', { class: 'with-button' }, input, eye)];
}

/** @typedef {{ done: number, total: number }} Progress */
/** @typedef {{ make(job: any, options: { signal: AbortSignal, update: (progress: Progress) => void }): Promise<boolean> }} Maker */

/**
 * Does a job with progress and Cancel in place of its button.
 *
 * @param {{ button: HTMLButtonElement, out: HTMLElement, job: any, actions: Maker }} task
 */
export async function task({ button, out, job, actions }) {
  const live = new AbortController();
  const bar = h('progress', { max: 1, 'aria-label': button.textContent });
  const words = h('span', { class: 'num' });
  const cancel = h('button', { type: 'button' }, 'Cancel');
  cancel.addEventListener('click', () => live.abort());
  button.disabled = true;
  out.replaceChildren(h('div', { class: 'run' }, bar, h('div', { class: 'actions-row' }, words, cancel)));
  const started = performance.now();
  const update = (/** @type {Progress} */ { done, total }) => {
    if (!total) return;
    const part = done / total;
    const seconds = (performance.now() - started) / 1000;
    bar.value = part;
    words.textContent = `${Math.floor(part * 100)} % · ${wait(seconds / part * (1 - part))}`;
  };
  try {
    const made = await actions.make(job, { signal: live.signal, update });
    out.replaceChildren();
    if (made) button.form?.dispatchEvent(new Event('done'));
  } catch (/** @type {any} */ refusal) {
    if (refusal.code === 'cancelled') say(refusal.message);
    out.replaceChildren(refusal.code === 'cancelled' ? '' : refused(refusal));
  } finally {
    button.disabled = false;
  }
}
