// A protection header that was recognised, with everything in it.

import { block, copyButton, h, identifier, rows, some } from '../dom.js';

/**
 * A KID in every form people meet it.
 *
 * @param {import('../pkg/ismvault.js').KidForms} forms
 */
export function kidForms(forms) {
  return rows(
    ['KID (tenc, MPD)', identifier(forms.kid, 'KID')],
    ['GUID byte order', identifier(forms.guid, 'KID in GUID byte order')],
    ['base64', identifier(forms.base64, 'KID in base64')],
    ['base64, GUID order', identifier(forms.guid_base64, 'KID in base64, GUID byte order')],
  );
}

/**
 * @param {import('../pkg/ismvault.js').Decoded} decoded
 * @returns {HTMLElement}
 */
export function decodedView(decoded) {
  return h('div', { class: 'decoded' },
    h('p', {}, h('b', {}, decoded.title)),
    some(decoded.findings ?? [], (f) => h('p', { class: `note ${f.severity === 'info' ? '' : 'bad'}` }, f.message, ' ', f.advice)),
    some(decoded.kids ?? [], kidForms),
    decoded.facts && rows(...decoded.facts.map(({ name, value }) => /** @type {[string, HTMLElement]} */ ([name, h('span', { class: 'id' }, h('code', {}, value), copyButton(value, name))]))),
    decoded.header && block(decoded.header.xml, 'header XML'),
    decoded.base64 && h('details', {}, h('summary', {}, 'Its bytes, base64'), block(decoded.base64, decoded.title)),
    some(decoded.inner ?? [], decodedView));
}
