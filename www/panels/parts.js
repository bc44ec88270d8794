// What several panels have in common: fields for keys, and a task with progress.

import { h, refused, say, t, wait } from '../dom.js';

/**
 * A button that shows what is typed into a masked field.
 *
 * @param {HTMLElement} input
 * @param {string} [what]
 */
export function eyeOf(input, what) {
  const eye = h('button', { type: 'button', class: 'copy', 'aria-pressed': 'false', 'aria-label': what ? `Show ${what}` : null }, 'Show');
  eye.addEventListener('click', () => {
    const hidden = input.classList.toggle('secret');
    eye.textContent = t(hidden ? 'Show' : 'Hide');
    eye.setAttribute('aria-pressed', String(!hidden));
  });
  return eye;
}

// No key waits in a page that one may come back to.
globalThis.addEventListener?.('pagehide', () => {
  for (const field of /** @type {NodeListOf<HTMLTextAreaElement>} */ (document.querySelectorAll('textarea.secret'))) field.value = '';
});

/**
 * A field for keys: masked, with a button to look at them; no password manager's business.
 *
 * @param {string} id
 * @param {string} label
 * @param {HTMLFormElement} form
 */
export function secretArea(id, label, form) {
  const input = h('textarea', { id, rows: 2, spellcheck: 'false', autocomplete: 'off', required: true, class: 'mono secret', 'data-1p-ignore': '', 'data-lpignore': 'true', 'data-bwignore': '' });
  form.addEventListener('done', () => { input.value = ''; });
  return [h('label', { for: id }, label), h('div', { class: 'with-button' }, input, eyeOf(input))];
}

/**
 * Where the last fragment of a track ends, in seconds.
 *
 * @param {import('../pkg/ismvault.js').Timeline} line
 */
export function endOf({ fragments }) {
  const last = fragments.at(-1);
  return last ? last.start + last.duration : 0;
}

/**
 * The media files that are open and here, and have fragments.
 *
 * @param {import('../state.js').Shown} state
 */
export const fragmented = ({ files }) => files.filter(({ kind, file, inspection, reading, refusal }) => kind === 'media' && file instanceof File && reading == null && !refusal && Boolean(inspection?.fragments));

/**
 * A choice of one.
 *
 * @param {string} name
 * @param {[string, string][]} rows value and words
 * @param {string} label
 */
export const select = (name, rows, label) => h('select', { name, 'aria-label': label }, rows.map(([value, text]) => h('option', { value }, text)));

/**
 * Does a job with progress and Cancel in place of its button.
 *
 * @param {{ button: HTMLButtonElement, out: HTMLElement, job: import('../actions.js').NewFile, actions: import('../actions.js').Actions }} task
 */
export async function task({ button, out, job, actions }) {
  const live = new AbortController();
  const bar = h('progress', { max: 1, 'aria-label': button.textContent });
  const words = h('span', { class: 'num' });
  const cancel = h('button', { type: 'button' }, 'Cancel');
  cancel.addEventListener('click', () => live.abort());
  button.disabled = true;
  out.replaceChildren(h('div', { class: 'run' }, bar, h('div', { class: 'actions-row' }, words, cancel)));
  const update = (/** @type {import('../state.js').Writing} */ run) => {
    if (run.total) bar.value = run.done / run.total;
    words.textContent = t(progressWords(run));
  };
  try {
    const made = await actions.make(job, { live, update, seen: () => out.checkVisibility() });
    out.replaceChildren();
    if (made) button.form?.dispatchEvent(new Event('done'));
  } catch (/** @type {any} */ refusal) {
    if (refusal.code === 'cancelled') say(refusal.message);
    out.replaceChildren(refusal.code === 'cancelled' ? '' : refused(refusal));
    // Who has gone on to something else is told there.
    if (refusal.code !== 'cancelled' && !out.checkVisibility()) actions.failed(job.name, refusal);
  } finally {
    button.disabled = false;
  }
}

/**
 * How far a job is, how fast, and how long it still takes.
 *
 * @param {import('../state.js').Writing} run
 */
export function progressWords(run) {
  const seconds = (performance.now() - run.started) / 1000;
  const part = run.total ? run.done / run.total : 0;
  const speed = run.done / 1e6 / seconds;
  switch (run.step) {
    case 'turn': return 'Waits for its turn: another job is under way.';
    case 'part': return `${Math.floor(part * 100)} % · ${wait(seconds / part * (1 - part))}`;
    case 'measure': return `Measuring fragments, ${Math.floor(part * 100)} %`;
    case 'write': return `${Math.floor(part * 100)} % · ${speed.toFixed(speed < 10 ? 1 : 0)} MB/s · ${wait(seconds / part * (1 - part))}`;
    default: return 'Preparing …';
  }
}
