// Files opened together: what is wrong between them, and two side by side.

import { h, refused, svg } from '../dom.js';
import { row } from './findings.js';
import { endOf } from './parts.js';

/** @typedef {import('../pkg/ismvault.js').Timeline} Timeline */
/** @typedef {import('../pkg/ismvault.js').Comparison} Comparison */
/** @typedef {import('../pkg/ismvault.js').Difference} Difference */

export const compare = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const set = h('div', { class: 'results' });
    const a = h('select', { id: 'cmp-a', 'aria-label': 'First file' });
    const b = h('select', { id: 'cmp-b', 'aria-label': 'Second file' });
    const out = h('div', { class: 'results', 'aria-live': 'polite' });
    const pick = h('div', { class: 'actions-row' }, a, h('span', {}, 'against'), b);
    /** @type {number[] | null} */
    let taken = null;
    const hint = h('p', { class: 'muted' }, 'Open a second file, or the manifests that belong to this one, to compare them.');
    body.append(hint, set, pick, out);
    let known = '';
    /** @type {unknown} */
    let shownSet;
    let asked = 0;

    async function update() {
      const mine = ++asked;
      const [x, y] = [Number(a.value), Number(b.value)];
      if (!x || !y || x === y) return out.replaceChildren(x && x === y ? h('p', { class: 'muted' }, 'Choose two different files.') : '');
      try {
        const names = /** @type {[string, string]} */ ([a, b].map((select) => select.selectedOptions[0].text));
        const [found, first, second] = await Promise.all([actions.call('compare', { a: x, b: y }), actions.call('timelines', { key: x }), actions.call('timelines', { key: y })]);
        if (mine === asked) out.replaceChildren(...result(found, names), ...alignment(first, second, names));
      } catch (/** @type {any} */ refusal) {
        if (mine === asked) out.replaceChildren(refused(refusal));
      }
    }
    a.addEventListener('change', update);
    b.addEventListener('change', update);

    return (/** @type {import('../state.js').Shown} */ state) => {
      const media = state.files.filter((f) => f.kind === 'media' && f.inspection && f.reading == null && !f.refusal);
      hint.hidden = state.files.length > 1;
      pick.hidden = media.length < 2;
      if (state.set !== shownSet) {
        shownSet = state.set;
        set.replaceChildren(...(state.set && state.files.length > 1 ? [
          h('h4', {}, 'Between the files'),
          state.set.length ? h('ul', { class: 'findings' }, state.set.map((f) => row(f))) : h('p', { class: 'muted' }, 'Nothing is wrong between them.'),
        ] : []));
      }
      const now = media.map((f) => `${f.key} ${f.name}`).join('\n');
      if ((now === known && state.pair === taken) || state.view !== 'compare') return;
      known = now;
      for (const [at, select] of [a, b].entries()) {
        const was = select.value;
        select.replaceChildren(...media.map((f) => h('option', { value: String(f.key), translate: 'no' }, f.name)));
        select.value = media.some((f) => String(f.key) === was) ? was : String(media[at]?.key ?? '');
      }
      if (state.pair !== taken) {
        taken = state.pair;
        for (const [at, select] of [a, b].entries()) select.value = String(taken?.[at] ?? select.value);
      }
      if (a.value === b.value) b.value = String(media.find((f) => String(f.key) !== a.value)?.key ?? '');
      update();
    };
  },
};

/**
 * Whether the fragments of two files begin together, drawn one above the other.
 *
 * @param {Timeline[]} first
 * @param {Timeline[]} second
 * @param {[string, string]} names
 */
function alignment(first, second, names) {
  const tracks = first.flatMap((one) => second.filter((other) => other.track === one.track).slice(0, 1).map((other) => [one, other]));
  return tracks.map((pair) => {
    const starts = pair.map((line) => line.fragments.map((p) => p.start));
    const end = Math.max(...pair.map(endOf));
    let from = 0;
    const together = starts[0].filter((start) => {
      while (from < starts[1].length && starts[1][from] < start - 0.001) from += 1;
      return Math.abs((starts[1][from] ?? Infinity) - start) <= 0.001;
    }).length;
    const words = `Fragments of track ${pair[0].track}: ${together} of ${starts[0].length} in ${names[0]} begin when one of ${starts[1].length} in ${names[1]} does.`;
    const ticks = starts.map((list, row) => svg('path', {
      class: 'ticks', 'vector-effect': 'non-scaling-stroke',
      d: list.slice(0, 2000).map((s) => `M${(s / end * 1000).toFixed(2)} ${row * 22}v20`).join(''),
    }));
    return h('figure', {}, h('figcaption', {}, words), svg('svg', { viewBox: '0 0 1000 42', preserveAspectRatio: 'none', class: 'align', role: 'img', 'aria-label': words }, ...ticks));
  });
}

/**
 * @param {Comparison} found
 * @param {[string, string]} names
 */
function result(found, [first, second]) {
  const table = (/** @type {string} */ title, /** @type {Difference[]} */ list) => (!list.length ? [] : [
    h('h4', {}, title),
    h('table', { class: 'diff' },
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, h('span', { class: 'visually-hidden' }, 'What')), [first, second].map((name) => h('th', { scope: 'col', translate: 'no' }, name)))),
      h('tbody', {}, list.map((d) => h('tr', {},
        h('th', { scope: 'row' }, d.of === 'box' ? h('code', {}, d.what) : `${d.of}: ${d.what}`),
        h('td', { 'data-label': first }, h('div', {}, d.a == null ? '–' : h('code', {}, d.a))),
        h('td', { 'data-label': second }, h('div', {}, d.b == null ? '–' : h('code', {}, d.b))))))),
  ]);
  return [h('p', { class: `note ${found.same_meaning ? 'ok' : ''}` }, h('b', {}, found.verdict)), ...table('In meaning', found.meaning), ...table('Box by box', found.boxes)];
}
