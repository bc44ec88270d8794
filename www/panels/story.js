// Is it the key, the header or the boxes? The links that playing needs, each with
// its shape, and the first broken one is where it fails.

import { h } from '../dom.js';

/** @typedef {import('../pkg/ismvault.js').Link} Link */
/** @typedef {import('../state.js').View} View */

/** @type {Record<Link['holds'], [string, string]>} shape, and the word for it */
const SHAPES = {
  yes: ['✓', 'holds'],
  nearly: ['▲', 'has warnings'],
  no: ['■', 'broken'],
  unknown: ['?', 'not known yet'],
  unneeded: ['–', 'not needed'],
};

/** @type {Record<Link['part'], [string, View]>} name, and where more of it stands */
const PARTS = {
  key: ['Key', 'key'],
  header: ['Header', 'header'],
  tracks: ['Tracks', 'boxes'],
  samples: ['Samples', 'samples'],
};

export const story = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const section = /** @type {HTMLElement} */ (body.parentElement);
    /** @type {unknown} */
    let shown;
    return (/** @type {import('../state.js').Shown} */ { inspection, reading }) => {
      const links = reading == null ? inspection?.story : null;
      section.hidden = !links;
      if (links === shown) return;
      shown = links;
      if (!links) return body.replaceChildren();
      body.replaceChildren(h('ol', { class: 'story' }, links.map(({ part, holds, reason, at }) => {
        const [shape, word] = SHAPES[holds];
        const [name, view] = PARTS[part];
        const open = () => (at == null ? actions.go(view) : actions.jump(at));
        return h('li', { class: holds },
          h('button', { type: 'button', title: at == null ? null : 'Show the bytes', onclick: open },
            h('span', { class: 'shape', 'aria-hidden': 'true' }, shape),
            h('span', {}, h('b', {}, name), h('span', { class: 'visually-hidden' }, `, ${word}: `), h('span', { class: 'reason' }, reason))));
      })));
    };
  },
};
