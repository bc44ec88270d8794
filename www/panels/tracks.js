// The tracks as a table one can read aloud.

import { bytes, count, h, plural, rate, time } from '../dom.js';

/** @typedef {import('../pkg/ismvault.js').TrackSummary} Track */
/** @typedef {import('../dom.js').Child} Child */

const num = (/** @type {string} */ text, /** @type {string} */ title = '') => h('span', { title: title || null }, text);
const kbits = (/** @type {number | null} */ n) => num(rate(n), n == null ? 'unknown' : `${count(n)} bit/s`);

/** @type {[string, (track: Track) => Child, string?][]} heading, cell, and for numbers their unit */
const COLUMNS = [
  ['Track', (t) => [h('b', {}, String(t.id)), ` ${t.kind}`, t.language === 'und' ? null : h('small', {}, ' ', t.language)]],
  ['Codec', (t) => [h('code', {}, t.codec ?? 'unknown'), h('small', {}, format(t))]],
  ['Protection', protection],
  ['Duration', (t) => num(time(t.duration_seconds), `${t.duration_ticks} ticks of 1/${t.timescale} s`), ''],
  ['Average', (t) => kbits(t.bitrate.measured), 'kbit/s'],
  ['Peak', (t) => kbits(t.bitrate.peak), 'kbit/s'],
  ['Declared', (t) => kbits(t.bitrate.declared), 'kbit/s'],
  ['Samples', (t) => num(count(t.samples), `${count(t.bytes)} bytes`), ''],
  ['Fragments', (t) => num(count(t.fragments)), ''],
];

/** @param {Track} track */
function format(track) {
  const parts = [];
  if (track.width) parts.push(`${track.width} × ${track.height}`);
  if (track.frame_rate) parts.push(`${Number(track.frame_rate.toFixed(3))} fps`);
  if (track.channels) parts.push(track.channels === 1 ? 'mono' : track.channels === 2 ? 'stereo' : `${track.channels} channels`);
  if (track.sample_rate) parts.push(`${track.sample_rate / 1000} kHz`);
  return parts.join(', ');
}

/**
 * @param {Track} track
 * @returns {Child}
 */
function protection(track) {
  if (!track.protection) return 'clear';
  const { scheme, algorithm } = track.protection;
  return [h('b', {}, scheme ?? 'unknown scheme'), h('small', {}, algorithm)];
}

export const tracks = {
  /**
   * @param {HTMLElement} body
   */
  mount(body) {
    /** @type {import('../pkg/ismvault.js').Inspection | null | undefined} */
    let shown;
    return (/** @type {import('../state.js').Shown} */ { inspection }) => {
      if (inspection === shown) return;
      shown = inspection;
      if (!inspection?.tracks.length) {
        body.replaceChildren(h('p', { class: 'muted' }, inspection ? 'No tracks were found.' : ''));
        return;
      }
      const cells = (/** @type {Track} */ track) => COLUMNS.map(([name, cell, unit]) =>
        h('td', { 'data-label': unit ? `${name}, ${unit}` : name, class: unit != null && 'num' }, h('div', {}, cell(track))));
      body.replaceChildren(
        h('table', {},
          h('thead', {}, h('tr', {}, COLUMNS.map(([name, , unit]) =>
            h('th', { scope: 'col', class: unit != null && 'num' }, name, unit && h('small', {}, unit))))),
          h('tbody', {}, inspection.tracks.map((track) => h('tr', {}, cells(track))))),
        h('p', { class: 'small muted' },
          [`Brands ${inspection.brands.join(', ') || 'none'}`, h('span', { title: `${count(inspection.size)} bytes` }, bytes(inspection.size)),
            plural(inspection.fragments, 'fragment')].flatMap((part, i) => (i ? [' · ', part] : [part]))),
      );
    };
  },
};
