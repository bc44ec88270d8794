// The job under way, over all views: how far, how fast, how long still; and those
// that failed while nobody looked.

import { $, h, t } from '../dom.js';
import { running, set, state } from '../state.js';
import { focusOf } from '../views.js';
import { progressWords } from './parts.js';

export const job = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const section = /** @type {HTMLElement} */ (body.parentElement);
    const name = h('button', { type: 'button', class: 'link' });
    const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Progress' });
    const words = h('span', { class: 'small num' });
    const cancel = h('button', { type: 'button' }, 'Cancel');
    const line = h('div', { class: 'line' }, name, bar, words, cancel);
    const failed = h('ul', { class: 'failed' });
    body.append(line, failed);
    /** @type {ReturnType<typeof running>} */
    let busy;
    name.addEventListener('click', () => {
      if (!busy) return;
      const { key } = busy;
      if (state.files.some((file) => file.key === key)) actions.show(/** @type {number} */ (key));
      actions.go(busy.view);
    });
    /** @type {unknown} */
    let told;
    /** @type {AbortController | null | undefined} */
    let stopped;
    cancel.addEventListener('click', () => {
      stopped = busy?.live;
      stopped?.abort();
      cancel.textContent = t('Stopping …');
    });
    return (/** @type {import('../state.js').Shown} */ { jobs, failures, view }) => {
      if (failures !== told) {
        told = failures;
        failed.replaceChildren(...failures.map((failure) => {
          const shut = h('button', { type: 'button', class: 'copy' }, 'Close');
          shut.addEventListener('click', () => {
            set({ failures: state.failures.filter((other) => other !== failure) });
            $('name').focus({ preventScroll: true });
          });
          return h('li', {}, h('b', {}, failure.name), ` was not made: ${failure.refusal.message}`, ' ', shut);
        }));
      }
      busy = running();
      // Where its own panel tells it, it is not told twice.
      const hidden = !busy || busy.seen();
      if (hidden && line.contains(document.activeElement)) focusOf(view);
      section.hidden = hidden && !failures.length;
      line.hidden = hidden;
      if (!busy || hidden) return;
      if (busy.live !== stopped) cancel.textContent = t('Cancel');
      const { run } = busy;
      const queued = jobs.length - 1;
      name.textContent = busy.name;
      bar.value = run.total ? run.done / run.total : 0;
      words.textContent = t([progressWords(run), queued ? `${queued} more waiting` : ''].filter(Boolean).join(' · '));
    };
  },
};
