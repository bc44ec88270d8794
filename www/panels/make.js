// Other files of these files: one of a set, in other boxes, in order again,
// fragmented, decrypted; and manifests for them. To add a way: a row in WAYS.

import { h, inputOf, plural, rate, refused } from '../dom.js';
import { stem } from '../names.js';
import { manifestsOf } from '../state.js';
import { manifests } from './manifests.js';
import { fragmented, secretArea, select, task } from './parts.js';

/** @typedef {import('../actions.js').Actions} Actions */
/** @typedef {import('../actions.js').NewFile} NewFile */
/** @typedef {import('../dom.js').Child} Child */
/** @typedef {import('../state.js').Shown} Shown */
/** @typedef {Shown & { key: number }} Media the file shown, where there is one */

/** @type {[string, string][]} */
const PROFILES = [
  ['dual', 'dual: cenc and PIFF in one'],
  ['piff', 'piff: for Smooth Streaming'],
  ['cenc', 'cenc: for DASH and browsers'],
];
const counter = (/** @type {import('../pkg/ismvault.js').TrackSummary} */ track) => ['piff', 'cenc'].includes(track.protection?.scheme ?? '');
const isProtected = (/** @type {Shown} */ { inspection }) => Boolean(inspection?.tracks.some((track) => track.protection));
const hasFragments = (/** @type {Shown} */ { kind, inspection }) => kind === 'media' && Boolean(inspection?.fragments);
/** Whether samples stand in `moov` itself. */
const isProgressive = (/** @type {Shown} */ { inspection }) => Boolean(inspection && inspection.fragments === 0 && inspection.tracks.some(({ samples }) => samples > 0));

/**
 * Every way to another file: when it is offered, and what it needs. `build`
 * gives the elements of its form, `run` what the core is to do.
 *
 * @typedef {{
 *   id: string, title: string, words: string, action: string, offered(state: Shown): boolean,
 *   changes?(state: Shown): string, build?(form: HTMLFormElement, state: Shown, actions: Actions): Child,
 *   run(form: HTMLFormElement, state: Media): NewFile,
 * }} Way
 */

/** @type {Way[]} */
const WAYS = [
  {
    id: 'set',
    title: 'One file of these',
    words: 'One fragmented file with the video and audio you choose, interleaved by time. Samples are copied as they are.',
    offered: (state) => state.kind === 'media' && fragmented(state).length > 1,
    changes: (state) => fragmented(state).map(({ key }) => key).join(),
    build: buildSet,
    action: 'Make one file',
    run: (form, state) => {
      const chosen = [.../** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('input:checked'))].map((input) => input.value.split('/').map(Number));
      const inputs = fragmented(state)
        .map(({ key, name }) => ({ key, name, tracks: chosen.filter(([file]) => file === key).map(([, track]) => track) }));
      const first = inputs.find(({ tracks }) => tracks.length);
      return { type: 'mux', data: { inputs, manifests: manifestsOf(state.files) }, name: `${stem(first?.name ?? state.name)}-muxed.ismv` };
    },
  },
  {
    id: 'assemble',
    title: 'One file of fragments',
    words: 'moov is made from this manifest: codecs, languages, protection. The fragments are put behind it in order.',
    offered: (state) => state.kind === 'manifest' && Boolean(state.fragments?.length),
    build: (_, state) => [h('p', {}, `${plural(state.fragments?.length ?? 0, 'fragment')} opened with the manifest.`)],
    action: 'Make one file',
    run: (_, state) => ({ type: 'assemble', data: { manifest: state.file instanceof File ? state.file : new Blob(), files: state.fragments ?? [] }, name: `${stem(state.name)}.ismv` }),
  },
  {
    id: 'fragment',
    title: 'Fragment it',
    words: 'Fragments of about two seconds that begin with sync samples. After that the file can be protected.',
    offered: (state) => state.kind === 'media' && isProgressive(state),
    action: 'Fragment',
    run: (_, state) => ({ type: 'fragment', data: { key: state.key }, name: `${stem(state.name)}.ismv` }),
  },
  {
    id: 'rebox',
    title: 'Other boxes, without the key',
    words: 'PIFF and cenc encrypt alike; only the boxes differ. These are written anew, the media is not touched, however large it is.',
    offered: (state) => hasFragments(state) && Boolean(state.inspection?.tracks.some(counter)),
    build: () => [h('label', { class: 'inline' }, 'Profile ', select('profile', PROFILES, 'Profile'))],
    action: 'Write the boxes',
    run: (form, state) => {
      const profile = inputOf(form, 'profile').value;
      const name = `${stem(state.name)}-${profile}.${profile === 'piff' ? 'ismv' : 'mp4'}`;
      return { type: 'mux', data: { inputs: [{ key: state.key, name: state.name }], options: { profile } }, name };
    },
  },
  {
    id: 'decrypt',
    title: 'Decrypt',
    words: 'The file clear, with its original sample entries.',
    offered: (state) => hasFragments(state) && isProtected(state),
    build: (form) => secretArea('make-keys', 'The key; with its KID or track in front where there are several', form),
    action: 'Decrypt and save …',
    run: (form, state) => ({ type: 'decrypt', data: { key: state.key, keys: form.querySelector('textarea')?.value ?? '' }, name: `${stem(state.name)}-clear.mp4` }),
  },
  {
    id: 'repair',
    title: 'Repair',
    words: 'Decode times added; offsets, mfra and the order of fragments made anew; a live manifest and a broken end left out.',
    offered: (state) => hasFragments(state),
    action: 'Repair',
    run: (_, state) => {
      const [, extension] = state.name.match(/\.([^.]+)$/) ?? [null, 'ismv'];
      return { type: 'mux', data: { inputs: [{ key: state.key, name: '' }], options: { mend: true } }, name: `${stem(state.name)}-repaired.${extension}` };
    },
  },
];

/**
 * The tracks of a set: one video, audio by language.
 *
 * @type {NonNullable<Way['build']>}
 */
function buildSet(_, state, actions) {
  const rows = h('tbody');
  const under = h('input', { type: 'number', min: '1', step: '1', class: 'short', 'aria-label': 'Best video under so many kbit/s' });
  let asked = 0;
  const choose = async () => {
    const files = fragmented(state);
    const job = { under: under.value ? Number(under.value) : undefined };
    const turn = ++asked;
    try {
      const { all, best } = await actions.call('candidates', { keys: files.map(({ key }) => key), job });
      if (turn !== asked) return; // more was typed meanwhile
      const chosen = new Set(best.flatMap(([file, tracks]) => tracks.map((track) => `${file}/${track}`)));
      rows.replaceChildren(...all.map((c) => {
        const { key, name } = files[c.file];
        const input = h('input', { type: c.kind === 'video' ? 'radio' : 'checkbox', name: c.kind, value: `${key}/${c.track}`, checked: chosen.has(`${c.file}/${c.track}`), 'aria-label': [c.kind, `${rate(c.bitrate)} kbit/s`, c.dimensions?.join(' × ') ?? c.language, name].join(', ') });
        const size = c.dimensions ? `${c.dimensions[0]} × ${c.dimensions[1]}` : c.language === 'und' ? '' : c.language;
        return h('tr', {}, h('td', {}, h('label', { class: 'choice' }, input, h('span', {}, c.kind))), h('td', { class: 'num' }, `${rate(c.bitrate)} kbit/s`), h('td', {}, size), h('td', {}, h('code', {}, c.codec)), h('td', { class: 'wrap' }, h('span', { translate: 'no' }, name), h('small', {}, `track ${c.track}`)));
      }));
    } catch (/** @type {any} */ refusal) {
      rows.replaceChildren(h('tr', {}, h('td', { colspan: '5' }, refused(refusal))));
    }
  };
  under.addEventListener('input', choose);
  choose();
  return [
    h('label', { class: 'inline' }, 'Best video under ', under, ' kbit/s'),
    h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, h('th', {}, 'Track'), h('th', { class: 'num' }, 'Bitrate'), h('th', {}, 'Size, language'), h('th', {}, 'Codec'), h('th', {}, 'File'))), rows)),
  ];
}

/**
 * A way's card. What stands in it for each file is kept while that is open: a form
 * half filled, a job under way.
 *
 * @typedef {{ way: Way, root: HTMLElement, now: string | null, kept: Map<string, Node[]> }} Card
 */

export const make = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    /** @type {Card[]} */
    const cards = WAYS.map((way) => ({ way, root: h('article', { class: 'way', id: `way-${way.id}` }), now: null, kept: new Map() }));
    const own = manifests(actions);
    const manifestCard = h('article', { class: 'way', id: 'way-manifests' }, h('h4', {}, 'Manifests'), h('p', { class: 'muted' }, 'Written from what the files say. For DASH and HLS each track becomes a file of its own with a segment index.'), own.form);
    body.append(...cards.map(({ root }) => root), manifestCard);
    /** @type {Shown} */
    let latest;

    /**
     * @param {Way} way
     * @param {Shown} state
     */
    function draw(way, state) {
      const form = h('form', { autocomplete: 'off' });
      const out = h('div', { 'aria-live': 'polite' });
      const button = h('button', {}, way.action);
      form.append(...h('div', {}, way.build?.(form, state, actions), h('div', { class: 'actions-row' }, button), out).childNodes);
      form.addEventListener('submit', async (event) => {
        event.preventDefault();
        const { key } = latest;
        if (button.disabled || key == null) return;
        await task({ button, out, job: way.run(form, { ...latest, key }), actions });
      });
      return [h('h4', {}, way.title), h('p', { class: 'muted' }, way.words), form];
    }

    return (/** @type {import('../state.js').Shown} */ state) => {
      latest = state;
      // A form goes with its file, and with it the keys typed into it.
      for (const { kept } of cards) for (const old of kept.keys()) if (!state.files.some(({ key }) => old.startsWith(`${key} `))) kept.delete(old);
      if (state.view !== 'make') return;
      for (const card of cards) {
        const offered = Boolean(state.key && state.reading == null && card.way.offered(state));
        card.root.hidden = !offered;
        const now = offered ? `${state.key} ${card.way.changes?.(state) ?? ''}` : null;
        if (now === card.now) continue;
        card.now = now;
        if (now == null) {
          card.root.replaceChildren();
          continue;
        }
        const nodes = card.kept.get(now) ?? draw(card.way, state);
        card.kept.set(now, nodes);
        card.root.replaceChildren(...nodes);
      }
      manifestCard.hidden = !fragmented(state).length;
      own.update(state);
    };
  },
};

