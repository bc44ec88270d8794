// The bytes of a box.

import { count, h, t } from '../dom.js';
import { virtual } from '../virtual.js';

/** @typedef {import('../pkg/ismvault.js').BoxField} BoxField */

const ROW = 20;
/** Bytes at hand at a time. */
const WINDOW = 64 << 10;

/**
 * The bytes of a box, 64 KiB at a time; `chosen` hears of the field whose byte
 * was clicked.
 *
 * @param {import('../pkg/lib/reading.js').Readable} file
 * @param {{ at: number, size: number }} row
 * @param {BoxField[]} fields
 * @param {(field: BoxField) => void} chosen
 */
export function hexView(file, row, fields, chosen) {
  let from = 0;
  let have = new Uint8Array();
  /** @type {BoxField | null} */
  let marked = null;
  const pane = h('div', { class: 'hex', tabindex: '0', role: 'region', 'aria-label': 'Bytes' });
  const where = h('span', { class: 'small muted' });
  const back = h('button', { type: 'button', class: 'copy' }, '◂ 64 KiB');
  const on = h('button', { type: 'button', class: 'copy' }, '64 KiB ▸');
  const bar = h('div', { class: 'id' }, back, on, where);
  const view = virtual(pane, ROW, (i) => {
    const at = from + i * 16;
    const line = have.subarray(i * 16, i * 16 + 16);
    const cells = [...line].map((byte, j) => {
      const abs = row.at + at + j;
      const hit = marked && abs >= marked.at && abs < marked.at + marked.len;
      return h('span', { class: hit ? 'hit' : null, 'data-at': String(abs) }, byte.toString(16).padStart(2, '0'));
    });
    const text = [...line].map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
    return h('div', { class: 'hexrow' }, h('span', { class: 'where' }, (row.at + at).toString(16).padStart(8, '0')), h('span', { class: 'octets' }, cells), h('span', { class: 'ascii' }, text));
  });
  pane.addEventListener('click', ({ target }) => {
    const place = target instanceof HTMLElement && target.dataset.at;
    if (!place) return;
    const at = Number(place);
    const found = fields.filter((f) => f.at <= at && at < f.at + f.len).sort((a, b) => a.len - b.len)[0];
    if (found) chosen(found);
  });
  /** @param {number} to */
  async function read(to) {
    from = Math.max(0, Math.min(Math.floor(to / WINDOW) * WINDOW, row.size));
    try {
      have = new Uint8Array(await file.slice(row.at + from, row.at + Math.min(row.size, from + WINDOW)).arrayBuffer());
    } catch {
      have = new Uint8Array();
    }
    bar.hidden = row.size <= WINDOW;
    back.disabled = from === 0;
    on.disabled = from + WINDOW >= row.size;
    where.textContent = t(`bytes ${count(from)} to ${count(from + have.length)} of ${count(row.size)} of this box`);
    view.draw(Math.ceil(have.length / 16));
  }
  back.addEventListener('click', () => read(from - WINDOW));
  on.addEventListener('click', () => read(from + WINDOW));
  return {
    root: h('div', {}, bar, pane),
    draw: () => read(0),
    /** @param {BoxField} f */
    async mark(f) {
      marked = f;
      const offset = f.at - row.at;
      if (offset < from || offset >= from + have.length) await read(offset);
      view.draw(Math.ceil(have.length / 16));
      view.show(Math.floor((offset - from) / 16));
    },
  };
}
