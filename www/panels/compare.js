// Files opened together: what is wrong between them, and two side by side.

import { h, refused, svg } from '../dom.js';
import { row } from './findings.js';

export const compare = {
  mount(body, actions) {
    const set = h('div', { class: 'results' });
    const a = h('select', { id: 'cmp-a', 'aria-label': 'First file' });
    const b = h('select', { id: 'cmp-b', 'aria-label': 'Second file' });
    const out = h('div', { class: 'results', 'aria-live': 'polite' });
    const pick = h('div', { class: 'actions-row' }, a, h('span', {}, 'against'), b);
    const hint = h('p', { class: 'muted' }, 'Open a second file, or the manifests that belong to this one, to compare them.');
    body.append(hint, set, pick, out);
    let known = '';
    let shownSet;
    let asked = 0;

    async function update() {
      const mine = ++asked;
      const [x, y] = [Number(a.value), Number(b.value)];
      if (!x || !y || x === y) return out.replaceChildren(x && x === y ? h('p', { class: 'muted' }, 'Choose two different files.') : '');
      try {
        const names = [a, b].map((select) => select.selectedOptions[0].text);
        const [found, ...lines] = await Promise.all([actions.compare(x, y), actions.timelines(x), actions.timelines(y)]);
        if (mine === asked) out.replaceChildren(...result(found, ...names), ...alignment(lines, names));
      } catch (refusal) {
        if (mine === asked) out.replaceChildren(refused(refusal));
      }
    }
    a.addEventListener('change', update);
    b.addEventListener('change', update);

    return (state) => {
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
      if (now === known || state.view !== 'compare') return;
      known = now;
      for (const [select, at] of [[a, 0], [b, 1]]) {
        const was = select.value;
        select.replaceChildren(...media.map((f) => h('option', { value: String(f.key) }, f.name)));
        select.value = media.some((f) => String(f.key) === was) ? was : String(media[at]?.key ?? '');
      }
      if (a.value === b.value) b.value = String(media.find((f) => String(f.key) !== a.value)?.key ?? '');
      update();
    };
  },
};

/** Whether the fragments of two files begin together, drawn one above the other. */
function alignment(lines, names) {
  const tracks = lines[0].map((one) => [one, lines[1].find((other) => other.track === one.track)]).filter(([, other]) => other);
  return tracks.map((pair) => {
    const starts = pair.map((line) => line.fragments.map((p) => p.start));
    const end = Math.max(...pair.map((line) => line.fragments.at(-1).start + line.fragments.at(-1).duration));
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

function result(found, first, second) {
  const table = (title, list) => list.length > 0 && [
    h('h4', {}, title),
    h('table', { class: 'diff' },
      h('thead', {}, h('tr', {}, ['', first, second].map((t) => h('th', { scope: 'col' }, t)))),
      h('tbody', {}, list.map((d) => h('tr', {},
        h('th', { scope: 'row' }, d.of === 'box' ? h('code', {}, d.what) : `${d.of}: ${d.what}`),
        h('td', { 'data-label': first }, h('div', {}, d.a == null ? '–' : h('code', {}, d.a))),
        h('td', { 'data-label': second }, h('div', {}, d.b == null ? '–' : h('code', {}, d.b))))))),
  ];
  return [h('p', { class: `note ${found.same_meaning ? 'ok' : ''}` }, h('b', {}, found.verdict)), table('In meaning', found.meaning), table('Box by box', found.boxes)].flat(2).filter(Boolean);
}
