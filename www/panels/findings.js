// What is wrong, or worth knowing, in plain sentences; one click to the bytes.

import { count, h, plural, t } from '../dom.js';

const SEVERITY = { error: ['■', 'Error'], warning: ['▲', 'Warning'], info: ['●', 'Note'] };

/** @typedef {Partial<import('../pkg/ismvault.js').Finding> & { severity: import('../pkg/ismvault.js').Severity, message: string }} Finding */

/**
 * Where it is, who trips over it, who says so.
 *
 * @param {HTMLElement | null} place
 * @param {Finding} finding
 */
function origin(place, { fails, source, severity }) {
  const who = fails && severity !== 'info' ? `Fails: ${fails}` : null;
  return [place, who, source].filter((part) => part).flatMap((part, i) => (i ? [' · ', part] : [part]));
}

const GRAVITY = ['error', 'warning', 'info'];

/** What one reads at once; the worst come first. */
const FIRST = 3;

/** @type {Record<import('../pkg/ismvault.js').Mend, [string, import('../state.js').View]>} */
const MENDS = { repair: ['Repair it …', 'make'], header: ['Change the header …', 'header'] };

/**
 * One finding. `jump` shows its bytes, `go` leads to where it is taken away.
 *
 * @param {Finding} finding
 * @param {((at: number) => void) | null} [jump]
 * @param {(view: import('../state.js').View) => void} [go]
 */
export function row(finding, jump, go) {
  const [shape, word] = SEVERITY[finding.severity];
  const { at, path, times = 1 } = finding;
  const often = times > 1 ? `${count(times)} times, first ` : '';
  const words = at == null ? '' : `${often}at byte ${count(at)}${path ? `, in ${path}` : ''}`;
  const place = !words ? null : (jump ? h('button', { type: 'button', class: 'link small', title: 'Show the bytes' }, words) : h('span', { class: 'small muted' }, words));
  if (jump && at != null) place?.addEventListener('click', () => jump(at));
  const mend = go && finding.mend && MENDS[finding.mend];
  return h('li', { class: finding.severity },
    h('span', { class: 'severity' }, h('span', { 'aria-hidden': 'true' }, shape), ` ${word}`),
    h('div', {},
      h('p', {}, finding.file ? h('code', {}, `${finding.file} `) : '', finding.track ? `Track ${finding.track}: ` : '', finding.message),
      // The message is the core's own; its title says the same in general.
      finding.title && t(finding.title) !== finding.title ? h('p', {}, finding.title) : null,
      finding.evidence?.length ? h('pre', { class: 'evidence', tabindex: '0', role: 'region', 'aria-label': 'Evidence' }, finding.evidence.join('\n')) : null,
      finding.advice && h('p', { class: 'small muted' }, finding.advice),
      mend && h('button', { type: 'button', class: 'small', onclick: () => go(mend[1]) }, mend[0]),
      h('p', { class: 'small muted' }, ...origin(place, finding))));
}

export const findings = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    /** @type {unknown} */
    let shown;
    /** @type {string | undefined} */
    let of;
    /** @type {unknown} */
    let beside;
    return (/** @type {import('../state.js').Shown} */ { inspection, refusal, reading, kind, set, name }) => {
      const manifest = kind === 'manifest' && !refusal;
      const now = manifest ? set : refusal ?? (reading == null ? inspection : null);
      if (now === shown && name === of && set === beside) return;
      [shown, of, beside] = [now, name, set];
      if (manifest) {
        const own = set?.filter((f) => f.file === name) ?? [];
        body.replaceChildren(own.length ? h('ul', { class: 'findings' }, own.map((f) => row({ ...f, file: undefined })))
          : h('p', { class: 'muted' }, 'Open its media files with it to check them against each other; Compare shows all files together.'));
        return;
      }
      if (refusal) {
        body.replaceChildren(h('ul', { class: 'findings' }, row({ severity: 'error', message: refusal.message, at: refusal.at, path: refusal.path })));
        return;
      }
      // What is wrong between the files that are open is wrong with this one too.
      const list = [...inspection?.findings ?? [], ...(set ?? []).filter((f) => f.file === name).map((f) => ({ ...f, file: undefined }))]
        .sort((a, b) => GRAVITY.indexOf(a.severity) - GRAVITY.indexOf(b.severity));
      if (!now || !list.length) return body.replaceChildren(h('p', { class: 'muted' }, now ? 'No problems found.' : ''));
      const jump = inspection?.tracks.length || inspection?.fragments ? actions.jump : null;
      const grave = list.filter((f) => f.severity !== 'info');
      const notes = list.filter((f) => f.severity === 'info');
      const go = inspection?.tracks.length ? actions.go : undefined;
      const own = (/** @type {Finding} */ f) => row(f, jump, go);
      const [first, more] = [grave.slice(0, FIRST), grave.slice(FIRST)];
      body.replaceChildren(
        grave.length ? h('ul', { class: 'findings' }, first.map(own)) : h('p', { class: 'muted' }, 'No errors, no warnings.'),
        ...(more.length ? [h('details', {}, h('summary', {}, `${more.length} more`), h('ul', { class: 'findings' }, more.map(own)))] : []),
        ...(notes.length ? [h('details', {}, h('summary', {}, plural(notes.length, 'note')), h('ul', { class: 'findings' }, notes.map((f) => row(f, jump))))] : []));
    };
  },
};
