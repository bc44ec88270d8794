// The tracks as a table one can read aloud.

import { bytes, count, h, rate, time } from '../dom.js';

const COLUMNS = [
  ['Track', (t) => h('span', {}, h('b', {}, String(t.id)), ` ${t.kind}`)],
  ['Codec', (t) => h('code', {}, t.codec ?? 'unknown')],
  ['Language', (t) => t.language],
  ['Format', format],
  ['Duration', (t) => h('span', { class: 'num', title: `${t.duration_ticks} ticks of 1/${t.timescale} s` }, time(t.duration_seconds))],
  ['Bitrate, kbit/s', bitrates],
  ['Samples', (t) => h('span', { class: 'num', title: `${count(t.bytes)} bytes` }, `${count(t.samples)} in ${count(t.fragments)}`)],
  ['Protection', protection],
];

function format(track) {
  const parts = [];
  if (track.width) parts.push(`${track.width} × ${track.height}`);
  if (track.frame_rate) parts.push(`${Number(track.frame_rate.toFixed(3))} fps`);
  if (track.channels) parts.push(track.channels === 1 ? 'mono' : track.channels === 2 ? 'stereo' : `${track.channels} channels`);
  if (track.sample_rate) parts.push(`${track.sample_rate / 1000} kHz`);
  return parts.join(', ') || '–';
}

function bitrates({ bitrate }) {
  const exact = (n) => (n == null ? 'unknown' : `${count(n)} bit/s`);
  return h('span', { class: 'num', title: `declared ${exact(bitrate.declared)}, measured ${exact(bitrate.measured)}, peak fragment ${exact(bitrate.peak)}` },
    h('b', {}, rate(bitrate.measured)), ` peak ${rate(bitrate.peak)}`, bitrate.declared ? `, declared ${rate(bitrate.declared)}` : '');
}

function protection(track) {
  if (!track.protection) return 'clear';
  const { scheme, algorithm } = track.protection;
  return `${scheme ?? 'unknown scheme'}, ${algorithm}`;
}

export const tracks = {
  mount(body) {
    let shown;
    return ({ inspection }) => {
      if (inspection === shown) return;
      shown = inspection;
      if (!inspection?.tracks.length) {
        body.replaceChildren(h('p', { class: 'muted' }, inspection ? 'No tracks were found.' : ''));
        return;
      }
      const cells = (track) => COLUMNS.map(([name, cell]) => h('td', { 'data-label': name }, cell(track)));
      body.replaceChildren(
        h('table', {},
          h('thead', {}, h('tr', {}, COLUMNS.map(([name]) => h('th', { scope: 'col' }, name)))),
          h('tbody', {}, inspection.tracks.map((track) => h('tr', {}, cells(track))))),
        h('p', { class: 'small muted' },
          [`Brands ${inspection.brands.join(', ') || 'none'}`, h('span', { title: `${count(inspection.size)} bytes` }, bytes(inspection.size)),
            `${count(inspection.fragments)} fragments`].flatMap((part, i) => (i ? [' · ', part] : [part]))),
      );
    };
  },
};
