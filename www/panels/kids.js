// Every KID of a file once, in the form one needs, and where it is named.

import { copyButton, h, keepChoice, some } from '../dom.js';

/** @typedef {import('../pkg/ismvault.js').Inspection} Inspection */

const bytesOf = (/** @type {string} */ uuid) => Uint8Array.from(uuid.replaceAll('-', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const base64 = (/** @type {Uint8Array} */ bytes) => btoa(String.fromCharCode(...bytes));

/**
 * The other byte order of a UUID, as GUIDs have it.
 *
 * @param {string} uuid
 */
export function swapped(uuid) {
  const pairs = uuid.replaceAll('-', '').match(/../g) ?? [];
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return order.map((at, i) => `${[4, 6, 8, 10].includes(i) ? '-' : ''}${pairs[at]}`).join('');
}

/** @type {[string, string, (kid: string) => string][]} its name for the page, for copying, and how it is made */
export const FORMS = [
  ['UUID', 'KID as a UUID', (kid) => kid],
  ['32 hex', 'KID in hex', (kid) => kid.replaceAll('-', '')],
  ['GUID order', 'KID in GUID byte order', swapped],
  ['base64', 'KID in base64', (kid) => base64(bytesOf(kid))],
  ['base64, as in the header', 'KID in base64 of the GUID byte order', (kid) => base64(bytesOf(swapped(kid)))],
];

/**
 * The KIDs of a file, each with where it is named.
 *
 * @param {Inspection} inspection
 */
export function kidsOf(inspection) {
  /** @type {Map<string, string[]>} */
  const places = new Map();
  const name = (/** @type {string | null} */ kid, /** @type {string} */ place) => {
    if (!kid) return;
    const own = places.get(kid) ?? [];
    if (!own.includes(place)) own.push(place);
    places.set(kid, own);
  };
  for (const track of inspection.tracks) for (const { kid } of track.schemes) name(kid, `track ${track.id}`);
  for (const system of inspection.systems) for (const kid of system.header?.kids ?? system.kids) name(kid, system.name);
  return [...places];
}

/**
 * What open files have of some KIDs, in sentences; nothing where no file has any.
 *
 * @param {string[]} kids
 * @param {{ name: string, inspection: Inspection | null }[]} files
 */
export function kidsAmong(kids, files) {
  const known = files.flatMap(({ name, inspection }) => {
    const own = inspection ? new Map(kidsOf(inspection)) : null;
    return own?.size ? [{ name, own }] : [];
  });
  if (!known.length) return [];
  return [...new Set(kids)].flatMap((kid) => {
    const told = known.flatMap(({ name, own }) => {
      const places = own.get(kid);
      if (places) return [`${kid} is the KID of ${places.join(', ')} in ${name}.`];
      const other = swapped(kid);
      const turned = own.get(other);
      return turned ? [`${kid} is ${other} with its bytes in the other order, the KID of ${turned.join(', ')} in ${name}.`] : [];
    });
    const among = known.length === 1 ? `not a KID of ${known[0].name}` : 'a KID of none of the open files';
    return told.length ? told : [`${kid} is ${among}.`];
  });
}

/**
 * Nothing where the file names none.
 *
 * @param {Inspection} inspection
 */
export function kidCard(inspection) {
  const kids = kidsOf(inspection);
  if (!kids.length) return null;
  const body = h('tbody');
  const choice = h('select', { 'aria-label': 'Form of the KIDs' }, FORMS.map(([form], at) => h('option', { value: String(at) }, form)));
  const draw = () => {
    const [, what, make] = FORMS[Number(choice.value)] ?? FORMS[0];
    body.replaceChildren(...some(kids, ([kid, places]) => h('tr', {},
      h('td', { 'data-label': 'KID' }, h('span', { class: 'id' }, h('code', {}, make(kid)), copyButton(make(kid), what))),
      h('td', { 'data-label': 'Named by', class: 'wrap' }, places.join(', ')))));
  };
  keepChoice(choice, 'kid-form', draw);
  return h('article', { class: 'kids' },
    h('h4', {}, kids.length === 1 ? 'The KID ' : 'The KIDs ', h('label', { class: 'inline' }, h('span', { class: 'visually-hidden' }, 'Form'), choice)),
    h('table', {}, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'KID'), h('th', { scope: 'col' }, 'Named by'))), body));
}
