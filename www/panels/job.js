// The job under way, over all views: how far, how fast, how long still.

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
    const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Progress' });
    const words = h('span', { class: 'small num' });
    const cancel = h('button', { type: 'button' }, 'Cancel');
    body.append(name, bar, words, cancel);
    /** @type {ReturnType<typeof running>} */
    let busy;
    name.addEventListener('click', () => {
      if (!busy) return;
      if (busy.key != null) actions.show(busy.key);
      actions.go(busy.view);
    });
    /** @type {AbortController | null | undefined} */
    let stopped;
    cancel.addEventListener('click', () => {
      stopped = busy?.live;
      stopped?.abort();
      cancel.textContent = 'Stopping …';
    });
    return (/** @type {import('../state.js').Shown} */ { jobs, current, view }) => {
      busy = running();
      // Where its own panel tells it, it is not told twice.
      const hidden = !busy || (view === busy.view && (busy.key == null || busy.key === current));
      if (hidden && section.contains(document.activeElement)) $(view === 'overview' ? 'name' : `tab-${view}`).focus({ preventScroll: true });
      section.hidden = hidden;
      if (!busy || hidden) return;
      if (busy.live !== stopped) cancel.textContent = 'Cancel';
      const { run } = busy;
      const queued = jobs.length - 1;
      name.textContent = busy.name;
      bar.value = run.total ? run.done / run.total : 0;
      words.textContent = [progressWords(run), queued ? `${queued} more waiting` : ''].filter(Boolean).join(' · ');
    };
  },
};
