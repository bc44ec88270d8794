// KIDs, schemes and protection headers, every value with its copy button.

import { block, copyButton, h, identifier, plural, rows, some } from '../dom.js';
import { decodedView } from './decoded.js';
import { kidCard } from './kids.js';

/** @typedef {import('../pkg/ismvault.js').Inspection} Inspection */
/** @typedef {import('../pkg/ismvault.js').ProtectionSummary & { tracks: number[] }} Scheme */

const hex = (/** @type {number} */ n) => `0x${n.toString(16)}`;

/**
 * Tracks that are protected alike, together.
 *
 * @param {Inspection} inspection
 */
function schemes(inspection) {
  /** @type {Map<string, Scheme>} */
  const groups = new Map();
  for (const track of inspection.tracks) {
    for (const scheme of track.schemes) {
      const key = JSON.stringify(scheme);
      const group = groups.get(key) ?? { ...scheme, tracks: [] };
      group.tracks.push(track.id);
      groups.set(key, group);
    }
  }
  return [...groups.values()];
}

/** @param {Scheme} scheme */
function schemeCard(scheme) {
  return h('article', {},
    h('h4', {}, scheme.tracks.length > 1 ? `Tracks ${scheme.tracks.join(' and ')}` : `Track ${scheme.tracks[0]}`),
    rows(
      ['KID', scheme.kid && identifier(scheme.kid, 'KID')],
      ['Scheme', `${scheme.scheme ?? 'unknown'} ${scheme.scheme_version}`],
      ['Algorithm', `${scheme.algorithm} (AlgorithmID ${scheme.algorithm_id})`],
      ['IV size', scheme.constant_iv ? `constant, ${scheme.constant_iv}` : plural(scheme.iv_size, 'byte')],
      ['Box', scheme.tenc.replace('uuid', 'uuid TrackEncryption (PIFF)')],
    ));
}

/** @param {import('../pkg/ismvault.js').SystemSummary} system */
function systemCard(system) {
  const { header } = system;
  const title = h('h4', {}, system.name, ' ', h('code', { class: 'muted' }, system.system_id));
  const place = system.in_fragment ? ', in a fragment' : '';
  const box = `${system.box === 'uuid' ? 'uuid (PIFF)' : 'pssh'} version ${system.version}, ${plural(system.data_size, 'byte')} of data, at ${hex(system.at)}${place}`;
  const kids = (/** @type {string[]} */ list, /** @type {string} */ what) => list.length > 0 && h('span', {}, some(list, (kid) => identifier(kid, what)));
  const data = system.data_size > 0 && h('details', {},
    h('summary', {}, header ? 'PlayReady Object, base64' : 'Data, base64'),
    h('div', { class: 'pre' }, copyButton(system.data_base64, header ? 'PlayReady Object' : 'header data'), h('pre', {}, system.data_base64)));
  if (!header) {
    return h('article', {}, title, rows(['Box', box], ['KIDs', kids(system.kids, 'KID')]), some(system.decoded.inner ?? [], decodedView), data);
  }
  const text = (/** @type {string | null} */ value, /** @type {string} */ what) => value && identifier(value, what);
  return h('article', {}, title,
    rows(
      ['Box', box],
      ['Header', `WRMHEADER ${header.version || 'without a version'}`],
      ['KID', kids(header.kids, 'KID')],
      ['KID, GUID order', kids(header.kids_guid, 'KID in GUID byte order')],
      ['KID, as written', kids(header.keys.map((key) => key.guid_base64), 'KID in base64')],
      ['CHECKSUM', kids(header.keys.map((key) => key.checksum).filter((sum) => sum != null), 'CHECKSUM')],
      ['Licence URL', text(header.la_url, 'LA_URL')],
      ['Licence page', text(header.lui_url, 'LUI_URL')],
      ['DS_ID', text(header.ds_id, 'DS_ID')],
      ['Custom attributes', text(header.custom_attributes, 'custom attributes')],
    ),
    h('details', { open: true }, h('summary', {}, 'Header XML'), block(header.xml, 'header XML')),
    system.decoded.inner?.some((object) => (object.inner ?? []).length > 1) && h('details', {}, h('summary', {}, 'Every record'), system.decoded.inner.map(decodedView)),
    data);
}

export const protection = {
  /**
   * @param {HTMLElement} body
   */
  mount(body) {
    /** @type {Inspection | null | undefined} */
    let shown;
    return (/** @type {import('../state.js').Shown} */ { inspection }) => {
      if (inspection === shown) return;
      shown = inspection;
      if (!inspection) return body.replaceChildren();
      const cards = [kidCard(inspection) ?? '', ...some(schemes(inspection), schemeCard), ...some(inspection.systems, systemCard)];
      body.replaceChildren(...(cards.length > 1 ? cards
        : [h('p', { class: 'muted' }, inspection.tracks.length ? 'None: no track says that it is protected, and there is no protection header.' : 'None was found.')]));
    };
  },
};
