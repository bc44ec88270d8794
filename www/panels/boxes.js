// Every box: a tree whose rows are made as they come into view, the fields of
// the one selected, and its bytes; a field marks its bytes, a byte its field.

import { bytes as size, count, h, plural, refused } from '../dom.js';

const ROW = 24;
const HEX_ROW = 20;
/** Bytes the hex view has at hand at a time. */
const WINDOW = 64 << 10;
/** Boxes at the top that are not looked into. */
const OPAQUE = new Set(['mdat', 'free', 'skip']);
/** Fragments that one search looks into. */
const LOOKED = 2000;
/** Those that hold boxes. */
const PARENTS = new Set(['moov', 'moof', 'mfra', 'meta']);
const opens = (row) => (row.children ? row.children.length > 0 : row.loadable);
/** A box that is read whole. */
const WHOLE = 128 << 20;

/** A list of equal rows in which only those in view exist. */
function virtual(container, height, make) {
  const sizer = h('div', { class: 'sizer' });
  container.append(sizer);
  let total = 0;
  let from = -1;
  let to = -1;
  const draw = (again) => {
    const first = Math.max(0, Math.floor(container.scrollTop / height) - 10);
    const last = Math.min(total, Math.ceil((container.scrollTop + container.clientHeight) / height) + 10);
    if (!again && first === from && last === to) return;
    [from, to] = [first, last];
    const rows = [];
    for (let i = first; i < last; i++) {
      const row = make(i);
      row.style.transform = `translateY(${i * height}px)`;
      rows.push(row);
    }
    sizer.replaceChildren(...rows);
  };
  container.addEventListener('scroll', () => draw(false), { passive: true });
  new ResizeObserver(() => draw(false)).observe(container);
  return {
    draw(rows) {
      total = rows;
      sizer.style.height = `${rows * height}px`;
      draw(true);
    },
    show(index) {
      const top = index * height;
      if (top < container.scrollTop) container.scrollTop = top;
      else if (top + height > container.scrollTop + container.clientHeight) container.scrollTop = top + height - container.clientHeight;
    },
  };
}

export const boxes = {
  mount(body, actions) {
    let key = null;
    let file = null;
    let rows = [];
    /** Boxes at the top. */
    let tops = 0;
    let selected = 0;
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
        'aria-setsize': String(row.parent?.children.length ?? tops), 'aria-posinset': String((row.parent ? row.parent.children.indexOf(row) : row.number) + 1),
      },
      h('span', { class: 'twisty', 'aria-hidden': 'true' }, twisty),
      h('code', {}, short(row.kind)), h('span', { class: 'what' }, row.name ?? 'unknown box'),
      h('span', { class: 'where' }, count(row.at)));
      element.style.paddingLeft = `${8 + row.depth * 14}px`;
      element.addEventListener('click', (event) => {
        select(i);
        if (event.target.classList.contains('twisty')) toggle(i);
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

    async function load(i) {
      const row = rows[i];
      if (row.children || !row.loadable) return;
      const branch = await actions.tree(key, row.at, row.size);
      row.children = branch.children ?? [];
      adopt(row);
    }

    async function toggle(i, to) {
      const row = rows[i];
      if (!row || !opens(row) || row.open === to) return;
      const mine = epoch;
      if (!row.open) await load(i).catch(() => { row.children = []; });
      if (mine !== epoch) return;
      const at = rows.indexOf(row);
      if (row.open) {
        let end = at + 1;
        while (end < rows.length && rows[end].depth > row.depth) end++;
        rows.splice(at + 1, end - at - 1);
        row.open = false;
      } else {
        const inside = [];
        const add = (child) => {
          inside.push(child);
          if (child.open) child.children.forEach(add);
        };
        row.children.forEach(add);
        rows.splice(at + 1, 0, ...inside);
        row.open = true;
      }
      redraw();
    }

    function select(i, focusField = null) {
      selected = Math.max(0, Math.min(rows.length - 1, i));
      redraw();
      tree.show(selected);
      field = focusField;
      show(rows[selected]);
    }

    async function show(row) {
      if (!row) return detail.replaceChildren();
      const mine = ++epoch;
      const top = row.top ?? row;
      const path = [];
      for (let r = row; r; r = r.parent) path.unshift(short(r.kind));
      const head = [
        h('h4', {}, h('code', {}, row.kind), ` ${row.name ?? 'unknown box'}`),
        h('p', { class: 'small muted' }, [row.source, path.length > 1 ? path.join('/') : null, `${count(row.size)} bytes at ${count(row.at)} (0x${row.at.toString(16)})`].filter(Boolean).join(' · ')),
      ];
      let table = { fields: [], total: 0 };
      let problem = null;
      if (!OPAQUE.has(top.kind) && top.size <= WHOLE) {
        try {
          table = await actions.fields(key, top.at, top.size, row.at, 0);
        } catch (refusal) {
          problem = refused(refusal);
        }
      }
      if (mine !== epoch) return;
      const hex = hexView(row, table.fields, (f) => mark(f));
      const lines = h('tbody');
      const caption = table.total > table.fields.length ? `${count(table.fields.length)} of ${count(table.total)} fields` : null;
      const line = (f) => {
        const tr = h('tr', { tabindex: lines.childElementCount ? '-1' : '0' }, h('th', { scope: 'row' }, f.name), h('td', {}, h('code', {}, f.value)), h('td', { class: 'num where' }, `${count(f.at)}, ${f.len}`));
        tr.addEventListener('click', () => mark(f));
        tr.addEventListener('keydown', (event) => {
          const next = { ArrowDown: tr.nextElementSibling, ArrowUp: tr.previousElementSibling }[event.key];
          if (next) {
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
      function mark(f) {
        field?.row?.classList.remove('marked');
        field = f;
        f.row.classList.add('marked');
        f.row.scrollIntoView({ block: 'nearest' });
        hex.mark(f);
      }
      const more = h('button', { type: 'button' }, 'More fields');
      more.hidden = table.fields.length >= table.total;
      more.addEventListener('click', async () => {
        const next = await actions.fields(key, top.at, top.size, row.at, table.fields.length);
        table.fields.push(...next.fields);
        lines.append(...next.fields.map(line));
        more.hidden = table.fields.length >= table.total || !next.fields.length;
      });
      detail.replaceChildren(...head, ...[
        problem,
        table.error && h('p', { class: 'note bad' }, table.error.message),
        table.fields.length > 0 && h('div', { class: 'fields', tabindex: '0', role: 'region', 'aria-label': 'Fields' },
          h('table', { class: 'plain' }, h('thead', { class: 'visually-hidden' }, h('tr', {}, ['Field', 'Value', 'Offset, bytes'].map((t) => h('th', { scope: 'col' }, t)))), lines), more),
        caption && h('p', { class: 'small muted' }, caption),
        hex.root,
      ].filter(Boolean));
      hex.draw();
      const wanted = typeof field === 'number' && table.fields.filter((f) => f.at <= field && field < f.at + f.len).pop();
      field = null;
      if (wanted) mark(wanted);
    }

    /** The bytes of a box, 64 KiB at a time. */
    function hexView(row, fields, chosen) {
      let from = 0;
      let have = new Uint8Array();
      let marked = null;
      const pane = h('div', { class: 'hex', tabindex: '0', role: 'region', 'aria-label': 'Bytes' });
      const where = h('span', { class: 'small muted' });
      const back = h('button', { type: 'button', class: 'copy' }, '◂ 64 KiB');
      const on = h('button', { type: 'button', class: 'copy' }, '64 KiB ▸');
      const bar = h('div', { class: 'id' }, back, on, where);
      const view = virtual(pane, HEX_ROW, (i) => {
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
        const at = Number(target.dataset?.at);
        if (!target.dataset?.at) return;
        const found = fields.filter((f) => f.at <= at && at < f.at + f.len).sort((a, b) => a.len - b.len)[0];
        if (found) chosen(found);
      });
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
        where.textContent = `bytes ${count(from)} to ${count(from + have.length)} of ${count(row.size)} of this box`;
        view.draw(Math.ceil(have.length / 16));
      }
      back.addEventListener('click', () => read(from - WINDOW));
      on.addEventListener('click', () => read(from + WINDOW));
      return {
        root: h('div', {}, bar, pane),
        draw: () => read(0),
        async mark(f) {
          marked = f;
          const offset = f.at - row.at;
          if (offset < from || offset >= from + have.length) await read(offset);
          view.draw(Math.ceil(have.length / 16));
          view.show(Math.floor((offset - from) / 16));
        },
      };
    }

    list.addEventListener('keydown', async (event) => {
      const row = rows[selected];
      const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
      const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
      if (moves[event.key]) select(selected + moves[event.key]);
      else if (event.key === 'ArrowRight') {
        if (row?.open) select(selected + 1);
        else await toggle(selected, true);
      } else if (event.key === 'ArrowLeft') {
        if (row?.open) await toggle(selected, false);
        else if (row?.parent) select(rows.indexOf(row.parent));
      } else if (event.key === 'Enter' || event.key === ' ') await toggle(selected);
      else return;
      event.preventDefault();
    });

    /**
     * Goes to the first box from `from` on whose code or name has this text,
     * or, on Enter, to the box at an offset.
     */
    async function find(text, from, entered) {
      const wanted = text.trim().toLowerCase();
      const mine = ++search;
      told.textContent = '';
      if (!wanted || !rows.length) return;
      const offset = /^(0x[0-9a-f]+|\d[\d,]*)$/.test(wanted) ? Number(wanted.replaceAll(',', '')) : null;
      if (offset != null) {
        if (entered) return reveal(offset);
        told.textContent = 'Enter goes to this offset.';
        return;
      }
      let looked = 0;
      const matches = (r) => r.kind.toLowerCase().includes(wanted) || r.name?.toLowerCase().includes(wanted);
      for (let step = 0; step < rows.length; step++) {
        const i = (from + step) % rows.length;
        const row = rows[i];
        if (!row) break;
        if (matches(row)) {
          told.textContent = '';
          return select(i);
        }
        if (!row.open && opens(row)) {
          if (!row.children && ++looked % 50 === 0) told.textContent = `Looking … ${count(step)} of ${count(rows.length)}`;
          if (looked > LOOKED) {
            told.textContent = `Not found in ${count(LOOKED)} fragments. Enter goes on from here.`;
            select(i);
            return;
          }
          await load(i).catch(() => { row.children = []; });
          if (mine !== search) return;
          const inside = (r) => r.children?.some((c) => matches(c) || inside(c));
          if (inside(row)) {
            await open(row, (c) => matches(c));
            const found = rows.findIndex((r, at) => at > rows.indexOf(row) && matches(r));
            told.textContent = '';
            if (mine === search && found > 0) return select(found);
          }
        }
      }
      told.textContent = `No box with "${text.trim()}".`;
    }

    /** Opens a row and those inside it that lead to a match. */
    async function open(row, matches) {
      const leads = (r) => r.children?.some((c) => matches(c) || leads(c));
      if (!leads(row)) return;
      await toggle(rows.indexOf(row), true);
      for (const child of row.children) await open(child, matches);
    }

    /** Selects the smallest box that has this byte, and the field there. */
    async function reveal(offset) {
      let i = rows.findIndex((r) => r.depth === 0 && r.at <= offset && offset < r.at + r.size);
      if (i < 0) {
        told.textContent = `No box has the byte ${count(offset)}.`;
        return;
      }
      told.textContent = '';
      for (;;) {
        const row = rows[i];
        await load(i).catch(() => { row.children = []; });
        const child = row.children?.find((c) => c.at <= offset && offset < c.at + c.size);
        if (!child) break;
        await toggle(i, true);
        i = rows.indexOf(child);
      }
      select(i, offset);
      list.focus({ preventScroll: true });
    }

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

    /** Tells the boxes inside where they are. */
    const adopt = (row) => row.children?.forEach((child) => {
      child.parent = row;
      child.top = row.top ?? row;
      child.depth = row.depth + 1;
      adopt(child);
    });

    async function fill(entry) {
      [key, file, rows, selected, field] = [entry.key, entry.file, [], 0, null];
      detail.replaceChildren();
      redraw();
      const mine = ++epoch;
      const columns = await actions.tops(key);
      if (mine !== epoch) return;
      tops = columns.at.length;
      rows = Array.from(columns.at, (at, i) => {
        const kind = columns.kinds[columns.kind[i]];
        return { ...kind, at, number: i, size: columns.size[i], depth: 0, children: null, loadable: PARENTS.has(kind.kind) && columns.size[i] <= WHOLE };
      });
      told.textContent = `${plural(rows.length, 'box')} at the top, ${size(file.size)}`.replace('boxs', 'boxes');
      redraw();
      select(0);
    }

    return (state) => {
      if (state.view !== 'boxes' || !state.inspection || state.reading != null) return;
      const jump = actions.takeJump();
      const ready = state.key === key ? Promise.resolve() : fill(state);
      if (jump != null) ready.then(() => reveal(jump));
    };
  },
};

/** A code, or of a uuid its first digits. */
const short = (kind) => (kind.startsWith('uuid[') ? `uuid ${kind.slice(5, 13)}…` : kind);
