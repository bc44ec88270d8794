// A file that was made here: of what, and its download.

import { bytes, downloadUrl, h, plural } from '../dom.js';

export const made = {
  /**
   * @param {HTMLElement} body
   */
  mount(body) {
    const section = /** @type {HTMLElement} */ (body.parentElement);
    /** @type {number | null} */
    let shown = null;
    let url = '';
    return (/** @type {import('../state.js').Shown} */ { made: from, file, name, key }) => {
      section.hidden = !from;
      if (key === shown) return;
      shown = key;
      if (url) URL.revokeObjectURL(url);
      url = '';
      if (!from || !(file instanceof File)) return body.replaceChildren();
      url = downloadUrl(file, name);
      const link = h('a', { class: 'button', href: url, download: name }, `Download ${name}`);
      link.addEventListener('click', () => { from.kept = true; });
      body.replaceChildren(
        h('p', {}, from.saved ? `Made of ${from.of}, and saved as ${from.saved}.` : `Made of ${from.of}: ${bytes(file.size)}, not saved yet.`),
        from.compared ? h('p', { class: 'small muted' }, `Read again and compared: ${plural(from.compared, 'sample')}, each the same as it was.`) : '',
        ...(from.notes?.length ? [h('ul', { class: 'small muted' }, from.notes.map((note) => h('li', {}, note)))] : []),
        ...(from.saved ? [] : [h('div', { class: 'actions-row' }, link)]));
    };
  },
};
