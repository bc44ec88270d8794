// What next? The ways on from a file that is not to be protected as it is.

import { h } from '../dom.js';

/** @typedef {import('../pkg/ismvault.js').Inspection} Inspection */
/** @typedef {import('../state.js').View} View */
/** @typedef {[string, string, View]} Way what to do, what it does, and where */

/** @type {Way[]} */
const PROTECTED = [
  ['Prove the key', 'Whatever may be it, against CHECKSUM and samples.', 'key'],
  ['Play it here', 'With the key, and with a wrong one beside it.', 'play'],
  ['Change the header', 'LA_URL, KIDs, versions 4.0 to 4.3.', 'header'],
  ['Decrypt it, or write other boxes', 'For browsers, or as PIFF; the media stays as it is.', 'make'],
];
/** @type {Way[]} */
const DAMAGED = [
  ['Repair it', 'What is whole is kept, and put in order.', 'make'],
  ['Look at its boxes', 'What stands where, down to the byte.', 'boxes'],
];
/** @type {Record<string, Way[]>} by why it cannot be protected */
const WAYS = {
  already_protected: PROTECTED,
  damaged: DAMAGED,
  samples_in_moov_too: DAMAGED,
  progressive: [['Fragment it', 'Its samples in fragments, as Smooth Streaming has them.', 'make'], ['Look at its boxes', 'What stands where, down to the byte.', 'boxes']],
};

/**
 * The ways on, the first one foremost; nothing where there is none.
 *
 * @param {Inspection} inspection
 * @param {(view: View) => void} go
 * @returns {HTMLElement[]}
 */
export function next(inspection, go) {
  const all = WAYS[inspection.protectable.code ?? ''] ?? [];
  // Nothing is made of a file whose header cannot be read.
  const ways = inspection.tracks.length ? all : all.filter(([, , view]) => view !== 'make');
  if (!ways.length) return [];
  return [h('ul', { class: 'steps' }, ways.map(([title, words, view], i) => h('li', {},
    h('button', { type: 'button', class: i ? 'step' : 'step primary', onclick: () => go(view) }, h('b', {}, title), h('span', { class: 'small' }, words)))))];
}
