// Fragments as lanes: a row for each track, on one axis of time and one scale of
// bitrate. What is chosen here is what Samples and Boxes show.

import { bytes, count, h, plural, rate, refused, svg, t, time } from '../dom.js';
import { endOf } from './parts.js';

/** @typedef {import('../pkg/ismvault.js').Inspection} Inspection */
/** @typedef {import('../pkg/ismvault.js').Finding} Finding */
/** @typedef {import('../pkg/ismvault.js').Point} Point */
/** @typedef {import('../pkg/ismvault.js').Timeline} Timeline */
/** @typedef {{ track: number, at: number }} Chosen a fragment, by its track and moof */
/** @typedef {{ root: HTMLElement, show: (chosen: Chosen | null) => void }} Lanes */

/** More columns than pixels help nobody. */
const COLUMNS = 600;
/** Of many marks, the first say enough. */
const MARKS = 60;
/** The least that can be seen of a fragment and of a lane, in pixels. */
const [LEAST, LOWEST, HIGHEST] = [2, 14, 72];
/** Seconds between ticks of the axis. */
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400];
/** Files of more fragments are drawn when one asks for it. */
const AT_ONCE = 20000;

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(3)}%`;

/**
 * What is wrong with a fragment, in words.
 *
 * @param {Point} point
 * @param {Point | undefined} before
 * @param {Finding[]} findings
 */
function faults(point, before, findings) {
  const gap = before ? point.start - before.start - before.duration : 0;
  const words = findings.filter(({ at }) => at != null && at >= point.at && at < point.at + point.size).map(({ message }) => message);
  if (Math.abs(gap) > 0.002 && !words.some((w) => w.includes('gap') || w.includes('overlap'))) words.unshift(gap > 0 ? `A gap of ${gap.toFixed(3)} s before it.` : `An overlap of ${Math.abs(gap).toFixed(3)} s before it.`);
  return words;
}

/**
 * Draws the lanes of a file.
 *
 * @param {Timeline[]} lines
 * @param {Inspection} inspection
 * @param {(chosen: Chosen) => void} choose
 * @returns {Lanes}
 */
export function drawLanes(lines, inspection, choose) {
  // Captures of live channels begin at the hour of the day, or in 1970.
  const begin = Math.max(0, Math.min(...lines.map((line) => line.fragments[0]?.start ?? 0)));
  const end = Math.max(...lines.map(endOf), begin + 0.001);
  const place = (/** @type {number} */ seconds) => (seconds - begin) / (end - begin);
  const top = Math.max(...lines.map((line) => line.peak ?? 1), 1);
  const grave = inspection.findings.filter((f) => f.severity !== 'info');
  const hidden = lines.some((line) => line.fragments.some((p) => p.protected));
  const drawn = lines.map((line) => lane(line));
  const root = h('div', { class: 'lanes' },
    ...drawn.map(({ row }) => row),
    h('div', { class: 'axis', 'aria-hidden': 'true' }, axis(begin, end)),
    h('p', { class: 'small muted legend' }, 'Height is bitrate, on one scale.',
      ...(hidden ? [h('span', {}, h('i', { class: 'enc' }), ' protected'), h('span', {}, h('i', { class: 'clear' }), ' clear')] : []),
      ...(drawn.some(({ marked }) => marked) ? [h('span', {}, h('i', { class: 'mark' }, '▲'), ' something is wrong')] : [])));

  /** @param {Timeline} line */
  function lane(line) {
    const { fragments } = line;
    const track = inspection.tracks.find((t) => t.id === line.track);
    const height = Math.max(LOWEST, Math.round(HIGHEST * Math.min(1, (line.peak ?? 0) / top)));
    const scale = height / Math.max(line.peak ?? 1, 1);
    const step = Math.ceil(fragments.length / COLUMNS);
    let [whole, enc] = ['', ''];
    /** @type {HTMLElement[]} */
    const marks = [];
    for (let i = 0; i < fragments.length; i += step) {
      const part = fragments.slice(i, i + step);
      const last = part[part.length - 1];
      const [x, right] = [1000 * place(part[0].start), 1000 * place(last.start + last.duration)];
      const full = Math.max(...part.map((p) => p.bitrate)) * scale;
      const sum = (/** @type {'bytes' | 'protected'} */ what) => part.reduce((n, p) => n + p[what], 0);
      const share = sum('protected') / Math.max(sum('bytes'), 1);
      const width = Math.max(right - x - (step === 1 ? Math.min(1, (right - x) / 4) : 0), 0.4);
      const bar = (/** @type {number} */ tall) => `M${x.toFixed(2)} ${height}v${-tall.toFixed(2)}h${width.toFixed(2)}v${tall.toFixed(2)}z`;
      whole += bar(Math.max(full, LEAST));
      if (share) enc += bar(Math.max(full * share, LEAST));
      const wrong = marks.length < MARKS && part.some((p, k) => faults(p, fragments[i + k - 1], grave).length);
      if (wrong) marks.push(h('i', { class: 'mark', style: { left: percent(x / 1000) } }, '▲'));
    }
    const cursor = h('i', { class: 'cursor' });
    const slider = h('div', {
      class: 'lane', tabindex: 0, role: 'slider', style: { height: `${height + 12}px` }, 'aria-label': `Fragments of track ${line.track}`,
      'aria-valuemin': 1, 'aria-valuemax': fragments.length, 'aria-valuenow': 1, 'aria-valuetext': words(line, 0),
    },
    svg('svg', { viewBox: `0 0 1000 ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', height },
      svg('path', { d: whole, class: hidden ? 'clear' : 'enc pale' }), svg('path', { d: enc, class: 'enc' })),
    cursor, ...marks);
    let index = 0;
    const pick = (/** @type {number} */ wanted) => {
      index = Math.min(Math.max(wanted, 0), fragments.length - 1);
      choose({ track: line.track, at: fragments[index].at });
    };
    slider.addEventListener('click', (event) => {
      const box = slider.getBoundingClientRect();
      const at = begin + (event.clientX - box.left) / box.width * (end - begin);
      const found = fragments.findLastIndex((p) => p.start <= at);
      slider.focus();
      pick(found);
    });
    slider.addEventListener('keydown', (event) => {
      /** @type {Record<string, number>} */
      const moves = { ArrowLeft: index - 1, ArrowRight: index + 1, PageUp: index + 10, PageDown: index - 10, Home: 0, End: fragments.length - 1 };
      const others = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (others) {
        const next = drawn[lines.indexOf(line) + others];
        if (!next) return;
        event.preventDefault();
        next.slider.focus();
        return next.near(fragments[index].start);
      }
      if (!(event.key in moves)) return;
      event.preventDefault();
      pick(moves[event.key]);
    });
    const near = (/** @type {number} */ start) => pick(fragments.findLastIndex((p) => p.start <= start + 0.001));
    const show = (/** @type {Chosen | null} */ chosen) => {
      const found = chosen?.track === line.track ? fragments.findIndex((p) => p.at === chosen.at) : -1;
      cursor.hidden = found < 0;
      if (found < 0) return;
      index = found;
      const point = fragments[index];
      cursor.style.left = percent(place(point.start));
      cursor.style.width = percent(point.duration / (end - begin));
      slider.setAttribute('aria-valuenow', String(index + 1));
      slider.setAttribute('aria-valuetext', t(words(line, index)));
    };
    cursor.hidden = true;
    const facts = [['average', line.average], ['peak', line.peak], ['declared', line.declared]].filter(([, value]) => value);
    const row = h('div', { class: 'row' },
      h('div', {}, h('b', {}, `${line.track} ${track?.kind ?? ''}`), h('div', { class: 'small muted' }, track?.codec ?? '')),
      slider,
      h('div', { class: 'small muted' }, facts.map(([name, value]) => h('div', {}, `${name} `, h('b', {}, rate(/** @type {number} */ (value))))), h('div', {}, 'kbit/s')));
    return { row, slider, near, show, marked: marks.length > 0 };
  }

  /**
   * @param {Timeline} line
   * @param {number} index
   */
  function words(line, index) {
    const p = line.fragments[index];
    const kept = p.protected ? `, ${Math.round(100 * p.protected / Math.max(p.bytes, 1))} % of it protected` : hidden ? ', clear' : '';
    const wrong = faults(p, line.fragments[index - 1], grave);
    return `Fragment ${count(index + 1)} of ${count(line.fragments.length)} at ${time(p.start)}: ${p.duration.toFixed(3)} s, ${plural(p.samples, 'sample')}, ${bytes(p.bytes)}, ${rate(p.bitrate)} kbit/s${kept}${p.sync ? '' : '; begins without a sync sample'}.${wrong.length ? ` ${wrong.join(' ')}` : ''}`;
  }

  return {
    root,
    show(chosen) {
      for (const own of drawn) own.show(chosen);
    },
  };
}

/**
 * The ticks of the axis: at most nine.
 *
 * @param {number} begin
 * @param {number} end
 */
function axis(begin, end) {
  const length = end - begin;
  const step = STEPS.find((s) => length / s <= 8) ?? Math.ceil(length / 8 / 3600) * 3600;
  const ticks = [];
  for (let i = 0; i * step <= length; i += 1) {
    const at = begin + i * step;
    const words = end < 60 ? `${Number(at.toFixed(1))}${i ? '' : ' s'}` : time(at).replace(/\.\d+$/, '').replace(end < 3600 ? /^00:/ : '', '');
    ticks.push(h('span', { style: { left: percent(i * step / length) } }, words));
  }
  return ticks;
}

export const lanes = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const section = /** @type {HTMLElement} */ (body.parentElement);
    /** @type {Inspection | null} */
    let shown = null;
    /** @type {Lanes | null} */
    let drawn = null;
    /** @type {Chosen | null} */
    let told = null;
    const detail = h('p', { class: 'small detail-line' });

    /**
     * @param {Inspection} inspection
     * @param {number} key
     */
    async function draw(inspection, key) {
      const lines = await actions.timelines(key, inspection);
      if (shown !== inspection) return;
      drawn = drawLanes(lines, inspection, (chosen) => actions.choose(key, chosen));
      body.replaceChildren(drawn.root, detail);
      told = null;
      detail.textContent = t('Choose a fragment, by a click or the arrow keys.');
    }

    return (/** @type {import('../state.js').Shown} */ { inspection, reading, key, chosen }) => {
      const now = reading == null ? inspection : null;
      const fragments = now?.tracks.reduce((n, t) => n + t.fragments, 0) ?? 0;
      section.hidden = !fragments;
      if (now !== shown) {
        shown = now;
        drawn = null;
        body.replaceChildren();
        if (!now || !fragments || key == null) return;
        const begin = () => draw(now, key).catch((refusal) => shown === now && body.replaceChildren(refused(refusal)));
        if (fragments <= AT_ONCE) begin();
        else body.replaceChildren(h('button', { type: 'button', onclick: begin }, `Draw ${count(fragments)} fragments`));
      }
      if (!drawn || !now || chosen === told) return;
      told = chosen;
      drawn.show(chosen);
      const slider = chosen && drawn.root.querySelector(`[aria-label="Fragments of track ${chosen.track}"]`);
      if (!slider) return;
      detail.replaceChildren(`${slider.getAttribute('aria-valuetext')} `,
        h('button', { type: 'button', class: 'link', onclick: () => actions.go('samples') }, 'Its samples'), ' ',
        h('button', { type: 'button', class: 'link', onclick: () => actions.jump(chosen.at) }, 'Its boxes'));
    };
  },
};
