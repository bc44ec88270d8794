// Fragments in lanes and tables, and the samples of one of them.

import { count, h, plural, rate, refused, svg, t, time } from '../dom.js';
import { drawLanes } from './lanes.js';

/** @typedef {import('../pkg/ismvault.js').Inspection} Inspection */
/** @typedef {import('../pkg/ismvault.js').Point} Point */
/** @typedef {import('../pkg/ismvault.js').SampleRow} SampleRow */
/** @typedef {import('../pkg/ismvault.js').Timeline} Timeline */
/** @typedef {import('../pkg/ismvault.js').TrackSamples} TrackSamples */

/** Rows of a table that are made at once. */
const ROWS = 500;

export const samples = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    /** @type {number | null} */
    let key = null;
    /** @type {Timeline[]} */
    let lines = [];
    /** @type {import('./lanes.js').Lanes | null} */
    let drawn = null;
    /** @type {import('./lanes.js').Chosen | null} */
    let chosen = null;
    const plots = h('div', { class: 'plots' });
    const align = h('p', { class: 'small muted' });
    const out = h('div', { class: 'results' });
    body.append(plots, align, out);

    /**
     * @param {number} of
     * @param {Inspection} inspection
     */
    async function fill(of, inspection) {
      key = of;
      [chosen, drawn] = [null, null];
      plots.replaceChildren();
      out.replaceChildren();
      align.textContent = '';
      const found = await actions.timelines(of, inspection);
      if (key !== of) return;
      lines = found;
      if (!lines.length) {
        plots.replaceChildren(h('p', { class: 'muted' }, 'The file has no fragments; samples are listed for fragmented files.'));
        return;
      }
      drawn = drawLanes(lines, inspection, (wanted) => actions.choose(of, wanted));
      plots.replaceChildren(drawn.root, ...lines.map((line) => table(line, of)));
      align.textContent = t(alignment());
    }

    /** @param {Timeline} line */
    function durations(line) {
      const all = line.fragments.map((p) => p.duration.toFixed(3));
      const kinds = [...new Set(all)];
      if (kinds.length === 1) return `${plural(all.length, 'fragment')} of ${kinds[0]} s`;
      const sorted = line.fragments.map((p) => p.duration).sort((a, b) => a - b);
      return `${plural(all.length, 'fragment')} of ${sorted[0].toFixed(3)} to ${sorted[sorted.length - 1].toFixed(3)} s`;
    }

    /**
     * The table behind a lane, made when it is opened, some rows at a time.
     *
     * @param {Timeline} line
     * @param {number} of
     */
    function table(line, of) {
      const rowsOf = h('tbody');
      let made = 0;
      const more = h('button', { type: 'button' }, 'More rows');
      const add = () => {
        for (const p of line.fragments.slice(made, made + ROWS)) {
          const open = h('button', { type: 'button', class: 'link' }, `${made + 1}`);
          open.addEventListener('click', () => actions.choose(of, { track: line.track, at: p.at }));
          made += 1;
          rowsOf.append(h('tr', {}, [open, time(p.start), p.duration.toFixed(3), count(p.samples), count(p.bytes), rate(p.bitrate), p.sync ? 'yes' : 'no', count(p.at)].map((cell, i) => h('td', { class: 'num', 'data-label': HEADS[i] }, h('div', {}, cell)))));
        }
        more.hidden = made >= line.fragments.length;
      };
      more.addEventListener('click', add);
      const details = h('details', {}, h('summary', {}, `Track ${line.track} as a table: ${durations(line)}`),
        h('table', {}, h('thead', {}, h('tr', {}, HEADS.map((t) => h('th', { scope: 'col', class: 'num' }, t)))), rowsOf), more);
      details.addEventListener('toggle', () => {
        if (details.open && !made) add();
      });
      return details;
    }

    /** Whether fragments of the tracks begin together. */
    function alignment() {
      const [first, ...others] = lines;
      if (!others.length) return '';
      const starts = others.map((line) => line.fragments.map((p) => p.start));
      return others.map((line, i) => {
        let together = 0;
        let from = 0;
        for (const p of first.fragments) {
          while (from < starts[i].length && starts[i][from] < p.start - 0.05) from += 1;
          if (Math.abs((starts[i][from] ?? Infinity) - p.start) <= 0.05) together += 1;
        }
        return `Fragments of tracks ${first.track} and ${line.track} begin within 50 ms of each other ${count(together)} of ${count(first.fragments.length)} times.`;
      }).join(' ');
    }

    /** @param {import('./lanes.js').Chosen} wanted */
    async function choose(wanted) {
      const point = lines.find(({ track }) => track === wanted.track)?.fragments.find(({ at }) => at === wanted.at);
      if (key == null || !point) return;
      if (chosen) actions.mark('samples', wanted.at); // the first is only where one begins
      chosen = wanted;
      drawn?.show(wanted);
      const mine = key;
      try {
        const found = await actions.call('samples', { key, at: point.at, size: point.size });
        if (mine !== key || chosen !== wanted) return;
        out.replaceChildren(h('h4', {}, `Fragment at byte ${count(point.at)}`), ...found.map(trackTable));
      } catch (/** @type {any} */ refusal) {
        if (mine === key && chosen === wanted) out.replaceChildren(refused(refusal));
      }
    }

    /** @param {TrackSamples} fragment */
    function trackTable({ track, samples: list, problem }) {
      const rows = h('tbody');
      let made = 0;
      const more = h('button', { type: 'button' }, 'More samples');
      const largest = Math.max(...list.map((s) => s.size), 1);
      const add = () => {
        for (const s of list.slice(made, made + ROWS)) rows.append(sampleRow(s, largest));
        made += ROWS;
        more.hidden = made >= list.length;
      };
      more.addEventListener('click', add);
      add();
      const heads = ['Sample', 'Time', 'Size', 'Sync', 'IV', 'Clear and protected'];
      return h('section', { class: 'samples' },
        h('p', {}, h('b', {}, `Track ${track}, ${plural(list.length, 'sample')}`), h('span', { class: 'small muted legend' }, h('i', { class: 'clear' }), ' clear ', h('i', { class: 'enc' }), ' protected')),
        problem && h('p', { class: 'note bad' }, problem.message),
        h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Samples of track ${track}` },
          h('table', { class: 'plain' }, h('thead', {}, h('tr', {}, heads.map((t, i) => h('th', { scope: 'col', class: i < 3 ? 'num' : null }, t)))), rows), more));
    }

    /**
     * @param {SampleRow} s
     * @param {number} largest
     */
    function sampleRow(s, largest) {
      /** @type {[number, number][]} */
      const map = s.kid == null ? [[s.size, 0]] : s.subsamples ?? [[0, s.size]];
      const words = s.kid == null ? 'clear' : s.subsamples ? map.map(([c, p]) => `${count(c)} clear, ${count(p)} protected`).join('; ') : 'all protected';
      let x = 0;
      const parts = map.flatMap(([clear, enc]) => /** @type {[number, string][]} */ ([[clear, 'clear'], [enc, 'enc']])).filter(([n]) => n).slice(0, 200).map(([n, kind]) => {
        const width = n / largest * 1000;
        const rect = svg('rect', { x: x.toFixed(2), y: 0, width: Math.max(width, 0.5).toFixed(2), height: 10, class: kind });
        x += width;
        return rect;
      });
      const bar = svg('svg', { viewBox: '0 0 1000 10', preserveAspectRatio: 'none', class: 'map', role: 'img', 'aria-label': words }, svg('title', {}, words), ...parts);
      return h('tr', {},
        h('td', { class: 'num', 'data-label': 'Sample' }, h('div', {}, String(s.number))),
        h('td', { class: 'num', 'data-label': 'Time', title: s.decode_time == null ? null : `decoded at ${s.decode_time} ticks` }, h('div', {}, s.seconds == null ? '–' : s.seconds.toFixed(3))),
        h('td', { class: 'num', 'data-label': 'Size' }, h('div', {}, count(s.size))),
        h('td', { 'data-label': 'Sync' }, h('div', {}, s.sync ? 'sync' : '')),
        h('td', { 'data-label': 'IV' }, h('code', {}, s.iv || '')),
        h('td', { 'data-label': 'Clear and protected' }, bar));
    }

    return (/** @type {import('../state.js').Shown} */ state) => {
      if (state.view !== 'samples' || !state.inspection || state.reading != null || state.key == null) return;
      const at = actions.arrive();
      const show = () => {
        const named = typeof at === 'number' && lines.find(({ fragments }) => fragments.some((p) => p.at === at));
        if (named && state.key != null) return actions.choose(state.key, { track: named.track, at });
        const [line] = lines;
        const wanted = state.chosen ?? (line && { track: line.track, at: line.fragments[0].at });
        if (wanted && (wanted.at !== chosen?.at || wanted.track !== chosen?.track)) choose(wanted);
      };
      if (state.key === key) return show();
      fill(state.key, state.inspection).then(show, (refusal) => plots.replaceChildren(refused(refusal)));
    };
  },
};

const HEADS = ['Fragment', 'Start', 'Seconds', 'Samples', 'Bytes', 'kbit/s', 'Sync', 'At byte'];
