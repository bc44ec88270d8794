// Lists too long to be made at once.

import { h } from './dom.js';

/**
 * A list of equal rows in which only those in view exist.
 *
 * @param {HTMLElement} container
 * @param {number} height
 * @param {(row: number) => HTMLElement} make
 */
export function virtual(container, height, make) {
  const sizer = h('div', { class: 'sizer' });
  container.append(sizer);
  let total = 0;
  let from = -1;
  let to = -1;
  const draw = (/** @type {boolean} */ again) => {
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
    /** @param {number} rows */
    draw(rows) {
      total = rows;
      sizer.style.height = `${rows * height}px`;
      draw(true);
    },
    /** @param {number} index */
    show(index) {
      const top = index * height;
      if (top < container.scrollTop) container.scrollTop = top;
      else if (top + height > container.scrollTop + container.clientHeight) container.scrollTop = top + height - container.clientHeight;
    },
  };
}
