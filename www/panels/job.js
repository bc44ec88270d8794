// What is being protected, over all views: how far, how fast, how long still.

import { $, h } from '../dom.js';
import { running } from '../state.js';
import { progressWords } from './parts.js';

export const job = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const section = /** @type {HTMLElement} */ (body.parentElement);
    const name = h('button', { type: 'button', class: 'link' });
    const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Protecting' });
    const words = h('span', { class: 'small num' });
    const cancel = h('button', { type: 'button' }, 'Cancel');
    body.append(name, bar, words, cancel);
    /** @type {ReturnType<typeof running>} */
    let busy;
    name.addEventListener('click', () => {
      if (!busy) return;
      actions.show(busy.key);
      actions.go('overview');
    });
    /** @type {AbortController | null | undefined} */
    let stopped;
    cancel.addEventListener('click', () => {
      stopped = busy?.live;
      stopped?.abort();
      cancel.textContent = 'Stopping …';
    });
    return (/** @type {import('../state.js').Shown} */ { files, current, view }) => {
      busy = running();
      // Where the file's own panel tells it, it is not told twice.
      const hidden = !busy || (busy.key === current && view === 'overview');
      if (hidden && section.contains(document.activeElement)) $(view === 'overview' ? 'name' : `tab-${view}`).focus({ preventScroll: true });
      section.hidden = hidden;
      if (!busy || hidden) return;
      if (busy.live !== stopped) cancel.textContent = 'Cancel';
      const { run } = busy;
      const queued = files.filter((file) => file.run?.phase === 'writing').length - 1;
      name.textContent = busy.name;
      bar.value = run.total ? run.done / run.total : 0;
      words.textContent = [progressWords(run), queued ? `${queued} more waiting` : ''].filter(Boolean).join(' · ');
    };
  },
};
