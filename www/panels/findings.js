// What is wrong, or worth knowing, in plain sentences.

import { h } from '../dom.js';

const SEVERITY = { error: ['■', 'Error'], warning: ['▲', 'Warning'], info: ['●', 'Note'] };

function place({ at, path, times = 1 }) {
  if (at == null) return null;
  const often = times > 1 ? `${times} times, first ` : '';
  return h('span', { class: 'small muted' }, ` ${often}at byte ${at}${path ? `, in ${path}` : ''}`);
}

function row(finding) {
  const [shape, word] = SEVERITY[finding.severity];
  return h('li', { class: finding.severity },
    h('span', { class: 'severity' }, h('span', { 'aria-hidden': 'true' }, shape), ` ${word}`),
    h('span', {}, finding.track ? `Track ${finding.track}: ` : '', finding.message, place(finding)));
}

export const findings = {
  mount(body) {
    return ({ inspection, refusal, reading }) => {
      if (refusal) {
        body.replaceChildren(h('ul', { class: 'findings' }, row({ severity: 'error', message: refusal.message, at: refusal.at, path: refusal.path })));
      } else if (inspection?.findings.length) {
        body.replaceChildren(h('ul', { class: 'findings' }, inspection.findings.map(row)));
      } else {
        body.replaceChildren(h('p', { class: 'muted' }, reading == null ? 'Nothing to tell.' : ''));
      }
    };
  },
};
