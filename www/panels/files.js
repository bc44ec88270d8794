// The open files, where there are several: a set under its manifest, the state of
// each, and what can be done with two of them or with all.

import { $, h } from '../dom.js';
import { inOrder } from '../state.js';
import { verdict } from '../verdict.js';
import { fragmented } from './parts.js';

/** @type {Record<string, string>} */
const MARKS = { '…': ', being protected', '⋯': ', waits for its turn', '■': ', has errors', '✓': ', protected' };

/**
 * How a file is, in one sign.
 *
 * @param {import('../state.js').OpenFile} entry
 */
function markOf(entry) {
  if (entry.run?.phase === 'writing') return entry.run.step === 'turn' ? '⋯' : '…';
  if (verdict(entry)[1]) return '■';
  return entry.run?.phase === 'done' ? '✓' : '';
}

export const files = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const nav = /** @type {HTMLElement} */ (body.parentElement);
    const list = h('ul');
    const compare = h('button', { type: 'button', class: 'wide' }, 'Compare these two');
    const make = h('button', { type: 'button', class: 'wide' }, 'Make one file of them');
    const hint = h('p', { class: 'small muted' }, 'Tick two to compare them.');
    body.append(list, hint, compare, make);
    /** @type {Set<number>} the files that are ticked */
    const ticked = new Set();
    let known = '';

    /** @param {boolean} several whether there are files to compare */
    function offer(several = true) {
      hint.hidden = !several || ticked.size > 1;
      compare.hidden = ticked.size !== 2;
      for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (list.querySelectorAll('input'))) {
        box.checked = ticked.has(Number(box.value));
      }
    }
    compare.addEventListener('click', () => actions.compare([...ticked]));
    make.addEventListener('click', () => {
      const first = inOrder().find(({ kind, inspection }) => kind === 'media' && inspection?.fragments);
      if (first) actions.show(first.key);
      actions.go('make');
    });

    /**
     * @param {import('../state.js').OpenFile} entry
     * @param {boolean} current
     * @param {boolean} inSet
     */
    function rowOf(entry, current, inSet) {
      const mark = markOf(entry);
      const bad = mark === '■';
      const open = h('button', { type: 'button', 'aria-current': current ? 'true' : null, title: entry.name, translate: 'no' }, h('span', { translate: 'no' }, entry.name), mark && h('span', { class: bad ? 'mark bad' : 'mark', 'aria-hidden': 'true' }, mark), mark && h('span', { class: 'visually-hidden' }, MARKS[mark]));
      open.addEventListener('click', () => actions.show(entry.key));
      const tick = entry.kind === 'media' && h('input', { type: 'checkbox', value: String(entry.key), 'aria-label': `Compare ${entry.name}` });
      if (tick) {
        tick.addEventListener('change', () => {
          ticked.delete(entry.key);
          if (tick.checked) ticked.add(entry.key);
          // Of three the one ticked first is let go.
          if (ticked.size > 2) ticked.delete([...ticked][0]);
          offer();
        });
      }
      const shut = h('button', { type: 'button', class: 'shut', 'aria-label': `Close ${entry.name}` }, '×');
      shut.addEventListener('click', () => {
        if (actions.close(entry.key) && !nav.contains(document.activeElement)) $('name').focus();
      });
      return h('li', { class: inSet && entry.kind === 'media' ? 'of-set' : null }, open, tick, shut);
    }

    return (/** @type {import('../state.js').Shown} */ state) => {
      nav.hidden = state.files.length < 2;
      make.hidden = fragmented(state).length < 2;
      const now = JSON.stringify([state.files.map((f) => [f.key, markOf(f)]), state.current]);
      if (known === now) return;
      known = now;
      const held = list.contains(document.activeElement);
      const ordered = inOrder();
      const inSet = ordered[0]?.kind === 'manifest' && ordered.some(({ kind }) => kind === 'media');
      for (const key of ticked) if (!state.files.some((file) => file.key === key)) ticked.delete(key);
      list.replaceChildren(...ordered.map((entry) => rowOf(entry, entry.key === state.current, inSet)));
      const several = ordered.filter(({ kind }) => kind === 'media').length > 1;
      for (const box of list.querySelectorAll('input')) box.hidden = !several;
      offer(several);
      // The list is made anew; who was in it still is.
      if (held) (/** @type {HTMLElement | null} */ (list.querySelector('[aria-current]')) ?? $('name')).focus();
    };
  },
};
