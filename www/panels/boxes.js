// Every box: a tree whose rows are made as they come into view, the fields of
// the one selected, and its bytes; a field marks its bytes, a byte its field.

import { bytes as size, count, h, refused, t, time } from '../dom.js';
import { virtual } from '../virtual.js';
import { hexView } from './hex.js';

/** @typedef {import('../pkg/ismvault.js').Branch} Branch */
/** @typedef {import('../pkg/ismvault.js').BoxField & { row?: HTMLElement }} Field */
/**
 * A box in the list. Those inside are known once they were read, or when there
 * are none to be.
 *
 * @typedef {{
 *   kind: string, name: string | null, words?: string, source: string | null, at: number, size: number, depth: number,
 *   number: number, children: Row[] | null, loadable: boolean, open: boolean, parent: Row | null, top: Row | null,
 *   media?: Row, inside?: import('../pkg/ismvault.js').BoxKind[],
 * }} Row `media` is the mdat of a moof, shown as one with it; `inside` the kinds in a moof, where they are known
 */

const ROW = 24;
/** Boxes at the top that are not looked into. */
const OPAQUE = new Set(['mdat', 'free', 'skip']);
/** Fragments that one search looks into. */
const LOOKED = 2000;
/** Those that hold boxes. */
const PARENTS = new Set(['moov', 'moof', 'mfra', 'meta']);
const opens = (/** @type {Row} */ row) => (row.children ? row.children.length > 0 : row.loadable);
/** Whether a row, or the media shown with it, has a byte. */
const has = (/** @type {Row} */ row, /** @type {number} */ offset) => [row, row.media].some((own) => own && own.at <= offset && offset < own.at + own.size);
/** A box that is read whole. */
const WHOLE = 128 << 20;

export const boxes = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    let key = 0;
    /** @type {import('../pkg/lib/reading.js').Readable} */
    let file = new Blob();
    /** @type {Row[]} */
    let rows = [];
    /** Boxes at the top. */
    let tops = 0;
    let selected = 0;
    /** @type {Field | null} */
    let field = null;
    let epoch = 0;
    let search = 0;

    const filter = h('input', { type: 'search', 'aria-label': 'Find a box', placeholder: 'Find a box, or go to an offset ( / )', spellcheck: 'false', autocomplete: 'off', id: 'box-filter' });
    const told = h('p', { class: 'small muted', role: 'status' });
    const list = h('div', { class: 'tree', role: 'tree', tabindex: '0', 'aria-label': 'Boxes' });
    const detail = h('div', { class: 'detail' });
    body.append(
      h('div', { class: 'split' }, h('div', { class: 'side' }, filter, told, list), detail),
    );

    const tree = virtual(list, ROW, (i) => {
      const row = rows[i];
      const twisty = opens(row) ? (row.open ? '▾' : '▸') : '';
      const element = h('div', {
        class: `branch${i === selected ? ' selected' : ''}`, role: 'treeitem', id: `box-${i}`,
        'aria-level': String(row.depth + 1), 'aria-selected': String(i === selected),
        'aria-expanded': opens(row) ? String(Boolean(row.open)) : null,
        'aria-setsize': String(row.parent?.children?.length ?? tops), 'aria-posinset': String(row.number + 1),
      },
      h('span', { class: 'twisty', 'aria-hidden': 'true' }, twisty),
      h('code', {}, row.media ? `${row.kind} + ${row.media.kind}` : short(row.kind)), h('span', { class: 'what' }, row.words ?? row.name ?? 'unknown box'),
      h('span', { class: 'where' }, count(row.at)));
      element.style.paddingLeft = `${8 + row.depth * 14}px`;
      element.addEventListener('click', (event) => {
        select(i);
        if (event.target instanceof Element && event.target.classList.contains('twisty')) toggle(i);
      });
      element.addEventListener('dblclick', () => toggle(i));
      return element;
    });

    function redraw() {
      tree.draw(rows.length);
      active();
    }

    /** Names the selected row, where it is in view. */
    function active() {
      if (document.getElementById(`box-${selected}`)) list.setAttribute('aria-activedescendant', `box-${selected}`);
      else list.removeAttribute('aria-activedescendant');
    }
    list.addEventListener('scroll', active, { passive: true });

    /**
     * The boxes inside a row; none of one that cannot be read.
     *
     * @param {Row} row
     */
    async function inside(row) {
      if (!row.children && row.loadable) {
        const branch = await actions.call('tree', { key, at: row.at, size: row.size }).catch(() => null);
        row.children = branch ? adopted(branch, row) : [];
        if (row.media) row.children.push({ ...row.media, number: row.children.length });
      }
      return row.children ?? [];
    }

    /**
     * @param {number} i
     * @param {boolean} [to]
     */
    async function toggle(i, to) {
      const row = rows[i];
      if (!row || !opens(row) || row.open === to) return;
      const mine = epoch;
      const children = await inside(row);
      if (mine !== epoch) return;
      const at = rows.indexOf(row);
      if (row.open) {
        let end = at + 1;
        while (end < rows.length && rows[end].depth > row.depth) end++;
        rows.splice(at + 1, end - at - 1);
        row.open = false;
      } else {
        /** @type {Row[]} */
        const opened = [];
        const add = (/** @type {Row} */ child) => {
          opened.push(child);
          if (child.open) child.children?.forEach(add);
        };
        children.forEach(add);
        rows.splice(at + 1, 0, ...opened);
        row.open = true;
      }
      redraw();
    }

    /**
     * Selects a row, and in it the field that has a byte.
     *
     * @param {number} i
     * @param {number | null} offset
     */
    function select(i, offset = null, chosen = true) {
      selected = Math.max(0, Math.min(rows.length - 1, i));
      if (chosen && rows.length) actions.mark('boxes', offset ?? rows[selected].at);
      redraw();
      tree.show(selected);
      show(rows[selected], offset);
    }

    /**
     * @param {Row | undefined} row
     * @param {number | null} offset
     */
    async function show(row, offset) {
      if (!row) return detail.replaceChildren();
      const mine = ++epoch;
      field = null;
      const top = row.top ?? row;
      const path = [];
      for (let r = /** @type {Row | null} */ (row); r; r = r.parent) path.unshift(short(r.kind));
      const head = [
        h('h4', {}, h('code', {}, row.kind), ` ${row.name ?? 'unknown box'}`),
        h('p', { class: 'small muted' }, [row.source, path.length > 1 ? path.join('/') : null, `${count(row.size)} bytes at ${count(row.at)} (0x${row.at.toString(16)})`].filter(Boolean).join(' · ')),
      ];
      /** @type {import('../pkg/ismvault.js').FieldTable & { fields: Field[] }} */
      let table = { fields: [], total: 0 };
      let problem = null;
      if (!OPAQUE.has(top.kind) && top.size <= WHOLE) {
        try {
          table = await actions.call('fields', { key, at: top.at, size: top.size, box: row.at, from: 0 });
        } catch (/** @type {any} */ refusal) {
          problem = refused(refusal);
        }
      }
      if (mine !== epoch) return;
      const hex = hexView(file, row, table.fields, (f) => mark(f));
      const lines = h('tbody');
      const caption = table.total > table.fields.length ? `${count(table.fields.length)} of ${count(table.total)} fields` : null;
      const line = (/** @type {Field} */ f) => {
        const tr = h('tr', { tabindex: lines.childElementCount ? '-1' : '0' }, h('th', { scope: 'row' }, f.name), h('td', {}, h('code', {}, f.value)), h('td', { class: 'num where' }, `${count(f.at)}, ${f.len}`));
        tr.addEventListener('click', () => mark(f));
        tr.addEventListener('keydown', (event) => {
          const next = event.key === 'ArrowDown' ? tr.nextElementSibling : event.key === 'ArrowUp' ? tr.previousElementSibling : null;
          if (next instanceof HTMLElement) {
            [tr.tabIndex, next.tabIndex] = [-1, 0];
            next.focus();
          } else if (event.key === 'Enter' || event.key === ' ') mark(f);
          else return;
          event.preventDefault();
        });
        f.row = tr;
        return tr;
      };
      lines.append(...table.fields.map(line));
      /** @param {Field} f */
      function mark(f) {
        field?.row?.classList.remove('marked');
        field = f;
        f.row?.classList.add('marked');
        f.row?.scrollIntoView({ block: 'nearest' });
        hex.mark(f);
      }
      const more = h('button', { type: 'button' }, 'More fields');
      more.hidden = table.fields.length >= table.total;
      more.addEventListener('click', async () => {
        const next = await actions.call('fields', { key, at: top.at, size: top.size, box: row.at, from: table.fields.length });
        table.fields.push(...next.fields);
        lines.append(...next.fields.map(line));
        more.hidden = table.fields.length >= table.total || !next.fields.length;
      });
      const parts = h('div', {}, head,
        problem,
        table.error && h('p', { class: 'note bad' }, table.error.message),
        table.fields.length > 0 && h('div', { class: 'fields', tabindex: '0', role: 'region', 'aria-label': 'Fields' },
          h('table', { class: 'plain' }, h('thead', { class: 'visually-hidden' }, h('tr', {}, ['Field', 'Value', 'Offset, bytes'].map((t) => h('th', { scope: 'col' }, t)))), lines), more),
        caption && h('p', { class: 'small muted' }, caption),
        hex.root);
      detail.replaceChildren(...parts.childNodes);
      hex.draw();
      const wanted = offset != null && table.fields.filter((f) => f.at <= offset && offset < f.at + f.len).pop();
      if (wanted) mark(wanted);
    }

    list.addEventListener('keydown', async (event) => {
      const row = rows[selected];
      const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
      /** @type {Record<string, number>} */
      const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
      if (moves[event.key]) select(selected + moves[event.key]);
      else if (event.key === 'ArrowRight') {
        if (row?.open) select(selected + 1);
        else await toggle(selected, true);
      } else if (event.key === 'ArrowLeft') {
        if (row?.open) await toggle(selected, false);
        else if (row?.parent) select(rows.indexOf(row.parent));
      } else if (event.key === 'Enter' || event.key === ' ') await toggle(selected);
      else if (/^\w$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) ahead(event.key.toLowerCase());
      else return;
      event.preventDefault();
    });

    // What is typed in the tree goes to the next box that begins so.
    let typed = '';
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let pausing;
    const ahead = (/** @type {string} */ letter) => {
      clearTimeout(pausing);
      pausing = setTimeout(() => { typed = ''; }, 1000);
      const from = selected + (typed ? 0 : 1);
      typed += letter;
      for (let step = 0; step < rows.length; step++) {
        const i = (from + step) % rows.length;
        if (rows[i].kind.toLowerCase().startsWith(typed)) return select(i);
      }
    };

    /**
     * Goes to the first box from `from` on whose code or name has this text,
     * or, on Enter, to the box at an offset.
     *
     * @param {string} text
     * @param {number} from
     * @param {boolean} entered
     */
    async function find(text, from, entered) {
      const wanted = text.trim().toLowerCase();
      const mine = ++search;
      told.textContent = '';
      if (!wanted || !rows.length) return;
      const offset = /^(0x[0-9a-f]+|\d[\d,.]*)$/.test(wanted) ? Number(wanted.replaceAll(/[,.]/g, '')) : null;
      if (offset != null) {
        if (entered) return reveal(offset);
        told.textContent = t('Enter goes to this offset.');
        return;
      }
      let looked = 0;
      const matches = (/** @type {{ kind: string, name: string | null }} */ r) => r.kind.toLowerCase().includes(wanted) || Boolean(r.name?.toLowerCase().includes(wanted));
      /** @type {Map<object, boolean>} most fragments have the same kinds inside, which are looked through once */
      const among = new Map();
      const mayLead = (/** @type {Row} */ { media, inside: kinds }) => {
        if (!kinds || (media && matches(media))) return true;
        const known = among.get(kinds) ?? kinds.some(matches);
        among.set(kinds, known);
        return known;
      };
      for (let step = 0; step < rows.length; step++) {
        const i = (from + step) % rows.length;
        const row = rows[i];
        if (!row) break;
        if (matches(row)) {
          told.textContent = '';
          return select(i);
        }
        if (!row.open && opens(row) && (row.children || mayLead(row))) {
          if (!row.children && ++looked % 50 === 0) told.textContent = t(`Looking … ${count(step)} of ${count(rows.length)}`);
          if (looked > LOOKED) {
            told.textContent = t(`Not found in ${count(LOOKED)} fragments. Enter goes on from here.`);
            select(i);
            return;
          }
          await inside(row);
          if (mine !== search) return;
          if (leads(row, matches)) {
            await open(row, matches);
            const found = rows.findIndex((r, at) => at > rows.indexOf(row) && matches(r));
            told.textContent = '';
            if (mine === search && found > 0) return select(found);
          }
        }
      }
      told.textContent = t(`No box with "${text.trim()}".`);
    }

    /**
     * Opens a row and those inside it that lead to a match.
     *
     * @param {Row} row
     * @param {(row: Row) => boolean} matches
     */
    async function open(row, matches) {
      if (!leads(row, matches)) return;
      await toggle(rows.indexOf(row), true);
      for (const child of row.children ?? []) await open(child, matches);
    }

    /**
     * Selects the smallest box that has this byte, and the field there.
     *
     * @param {number} offset
     */
    async function reveal(offset) {
      let i = rows.findIndex((r) => r.depth === 0 && has(r, offset));
      if (i < 0) {
        told.textContent = t(`No box has the byte ${count(offset)}.`);
        return;
      }
      told.textContent = '';
      for (;;) {
        const row = rows[i];
        const child = (await inside(row)).find((c) => has(c, offset));
        if (!child) break;
        await toggle(i, true);
        i = rows.indexOf(child);
      }
      select(i, offset);
      list.focus({ preventScroll: true });
    }

    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let typing;
    // While one types, the search begins where the selection was.
    let begun = 0;
    filter.addEventListener('focus', () => { begun = selected; });
    filter.addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(() => find(filter.value, begun, false), 250);
    });
    filter.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') {
        clearTimeout(typing);
        find(filter.value, selected + 1, true);
      } else if (event.key === 'ArrowDown' || event.key === 'Escape') {
        list.focus();
        event.preventDefault();
        event.stopPropagation();
      }
    });

    /**
     * @param {number} ofKey
     * @param {import('../pkg/lib/reading.js').Readable} of
     * @param {import('../pkg/ismvault.js').Inspection} inspection
     */
    async function fill(ofKey, of, inspection) {
      [key, file, rows, selected, field] = [ofKey, of, [], 0, null];
      detail.replaceChildren();
      redraw();
      const mine = ++epoch;
      const columns = await actions.call('tops', { key });
      if (mine !== epoch) return;
      rows = topRows(columns, inspection);
      tops = rows.length;
      const all = columns.at.length;
      told.textContent = t(all === 1 ? `1 box at the top, ${size(file.size)}` : `${count(all)} boxes at the top, ${size(file.size)}`);
      redraw();
      select(0, null, false);
    }

    return (/** @type {import('../state.js').Shown} */ state) => {
      if (state.view !== 'boxes' || !state.inspection || state.reading != null || state.key == null || !state.file) return;
      const at = actions.arrive();
      const ready = state.key === key ? Promise.resolve() : fill(state.key, state.file, state.inspection);
      if (typeof at === 'number') ready.then(() => reveal(at));
    };
  },
};

/**
 * The boxes at the top; an mdat right behind its moof is one row with it.
 *
 * @param {import('../pkg/ismvault.js').Tops} columns
 * @param {import('../pkg/ismvault.js').Inspection} inspection
 */
export function topRows(columns, inspection) {
  const meaning = meanings(columns, inspection);
  /** @type {Row[]} */
  const rows = [];
  for (const [i, at] of columns.at.entries()) {
    const kind = columns.kinds[columns.kind[i]];
    /** @type {Row} */
    const row = {
      ...kind, words: meaning[i], at, number: rows.length, size: columns.size[i], depth: 0, children: null,
      loadable: PARENTS.has(kind.kind) && columns.size[i] <= WHOLE, open: false, parent: null, top: null,
      inside: columns.insides[columns.inside[i]],
    };
    const last = rows.at(-1);
    if (kind.kind === 'mdat' && last?.kind === 'moof' && last.at + last.size === at && !last.media) last.media = { ...row, depth: 1, parent: last };
    else rows.push(row);
  }
  return rows;
}

/**
 * What fragments are, and what belongs to them: number, track, time.
 *
 * @param {import('../pkg/ismvault.js').Tops} columns
 * @param {import('../pkg/ismvault.js').Inspection} inspection
 */
export function meanings({ kinds, kind, track, time: times, sync }, inspection) {
  const words = new Map(inspection.tracks.map((own) => [own.id, own.kind]));
  // Where two tracks are of one kind, their numbers tell them apart.
  const doubled = new Set(words.values()).size < inspection.tracks.length;
  let number = 0;
  /** @type {(string | undefined)[]} */
  const found = [];
  for (const [i, own] of kind.entries()) {
    const code = kinds[own].kind;
    if (code === 'moof') {
      number += 1;
      const id = track[i];
      const whose = id ? `${words.get(id) ?? 'track'}${doubled || !words.has(id) ? ` ${id}` : ''}` : null;
      const when = Number.isNaN(times[i]) ? null : time(times[i]);
      found.push([number, whose, when, sync[i] ? 'sync' : null].filter((part) => part != null).join(' · '));
    } else found.push(code === 'mdat' && number && kinds[kind[i - 1]].kind === 'moof' ? `media of ${number}` : undefined);
  }
  return found;
}

/**
 * The boxes inside a box, as rows below it.
 *
 * @param {Branch} branch
 * @param {Row} row
 * @returns {Row[]}
 */
function adopted(branch, row) {
  return (branch.children ?? []).map((child, number) => {
    /** @type {Row} */
    const own = { ...child, children: null, number, depth: row.depth + 1, loadable: false, open: false, parent: row, top: row.top ?? row };
    own.children = adopted(child, own);
    return own;
  });
}

/**
 * Whether a row leads to a match.
 *
 * @param {Row} row
 * @param {(row: Row) => boolean} matches
 * @returns {boolean}
 */
const leads = (row, matches) => Boolean(row.children?.some((c) => matches(c) || leads(c, matches)));

/** A code, or of a uuid its first digits. */
const short = (/** @type {string} */ kind) => (kind.startsWith('uuid[') ? `uuid ${kind.slice(5, 13)}…` : kind);
