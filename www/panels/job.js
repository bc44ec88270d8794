// What is being written, over all views: how far, how fast, how long still.

import { h, wait } from '../dom.js';
import { running } from '../state.js';

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
    cancel.addEventListener('click', () => busy?.live?.abort());
    return (/** @type {import('../state.js').Shown} */ { files, current, view }) => {
      busy = running();
      // Where the file's own panel tells it, it is not told twice.
      section.hidden = !busy || (busy.key === current && view === 'overview');
      if (!busy || section.hidden) return;
      const { run } = busy;
      const part = run.total ? run.done / run.total : 0;
      const seconds = (performance.now() - run.started) / 1000;
      const queued = files.filter((file) => file.run?.phase === 'writing').length - 1;
      name.textContent = busy.name;
      bar.value = part;
      words.textContent = [
        `${Math.floor(part * 100)} %`,
        run.step === 'write' && part ? `${(run.done / 1e6 / seconds).toFixed(0)} MB/s` : null,
        run.step === 'write' && part ? wait(seconds / part * (1 - part)) : null,
        queued ? `${queued} more waiting` : null,
      ].filter(Boolean).join(' · ');
    };
  },
};
