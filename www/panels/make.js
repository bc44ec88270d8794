// Other files of these files: one of a set, in other boxes, in order again,
// fragmented, decrypted; and manifests for them. To add a way: a row in WAYS.

import { bytes, copyButton, h, plural, rate, refused, say } from '../dom.js';
import { stem } from '../names.js';
import { secretArea, task } from './parts.js';

const PROFILES = [
  ['dual', 'dual: cenc and PIFF in one'],
  ['piff', 'piff: for Smooth Streaming'],
  ['cenc', 'cenc: for DASH and browsers'],
];
const FORMATS = [
  ['dash', 'DASH (.mpd), on-demand'],
  ['hls', 'HLS (.m3u8), byte ranges'],
  ['ism', 'Smooth Streaming (.ism, .ismc)'],
];

const select = (name, rows, label) => h('select', { name, 'aria-label': label }, rows.map(([value, text]) => h('option', { value }, text)));
const counter = (track) => ['piff', 'cenc'].includes(track.protection?.scheme);
const isProtected = ({ inspection }) => inspection?.tracks.some((track) => track.protection);
/** Whether samples stand in `moov` itself. */
const isProgressive = ({ inspection }) => inspection && inspection.fragments === 0 && inspection.tracks.some(({ samples }) => samples > 0);

/**
 * Every way to another file: when it is offered, and what it needs. `build`
 * gives the elements of its form, `run` what the core is to do.
 */
const WAYS = [
  {
    id: 'set',
    title: 'One file of these',
    words: 'One fragmented file with the video and audio you choose, interleaved by time. Samples are copied as they are.',
    offered: (state) => state.kind === 'media' && media(state).length > 1,
    changes: (state) => media(state).map(({ key }) => key).join(),
    build: buildSet,
    action: 'Make one file',
    run: (form, state) => {
      const chosen = [...form.querySelectorAll('input:checked')].map((input) => input.value.split('/').map(Number));
      const inputs = media(state)
        .map(({ key, name }) => ({ key, name, tracks: chosen.filter(([file]) => file === key).map(([, track]) => track) }))
        .filter(({ tracks }) => tracks.length);
      const manifests = state.files.filter((f) => f.kind === 'manifest' && !f.refusal).map(({ name, file }) => ({ name, file }));
      return { type: 'mux', data: { inputs, manifests }, name: `${stem(inputs[0]?.name ?? state.name)}-muxed.ismv` };
    },
  },
  {
    id: 'assemble',
    title: 'One file of fragments',
    words: 'moov is made from this manifest: codecs, languages, protection. The fragments are put behind it in order.',
    offered: (state) => state.kind === 'manifest' && state.fragments?.length,
    build: (_, state) => [h('p', {}, `${plural(state.fragments.length, 'fragment')} opened with the manifest.`)],
    action: 'Make one file',
    run: (_, state) => ({ type: 'assemble', data: { manifest: state.file, files: state.fragments }, name: `${stem(state.name)}.ismv` }),
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
    offered: (state) => state.kind === 'media' && state.inspection?.tracks.some(counter) && state.inspection.fragments > 0,
    build: () => [h('label', { class: 'inline' }, 'Profile ', select('profile', PROFILES, 'Profile'))],
    action: 'Write the boxes',
    run: (form, state) => {
      const profile = form.elements.profile.value;
      const name = `${stem(state.name)}-${profile}.${profile === 'piff' ? 'ismv' : 'mp4'}`;
      return { type: 'mux', data: { inputs: [{ key: state.key, name: state.name }], options: { profile } }, name };
    },
  },
  {
    id: 'decrypt',
    title: 'Decrypt',
    words: 'The file clear, with its original sample entries.',
    offered: (state) => state.kind === 'media' && isProtected(state) && state.inspection.fragments > 0,
    build: (form) => secretArea('make-keys', 'The key; with its KID or track in front where there are several', form),
    action: 'Decrypt and save …',
    run: (form, state) => ({ type: 'decrypt', data: { key: state.key, keys: form.querySelector('textarea').value }, name: `${stem(state.name)}-clear.mp4`, writes: true }),
  },
  {
    id: 'repair',
    title: 'Repair',
    words: 'Decode times added; offsets, mfra and the order of fragments made anew; a live manifest and a broken end left out.',
    offered: (state) => state.kind === 'media' && state.inspection?.fragments > 0,
    action: 'Repair',
    run: (_, state) => {
      const [, extension] = state.name.match(/\.([^.]+)$/) ?? [null, 'ismv'];
      return { type: 'mux', data: { inputs: [{ key: state.key, name: '' }], options: { mend: true } }, name: `${stem(state.name)}-repaired.${extension}` };
    },
  },
];

const media = (state) => state.files.filter((f) => f.kind === 'media' && f.inspection && f.reading == null && !f.refusal && f.inspection.fragments > 0);

/** The tracks of a set: one video, audio by language. */
function buildSet(_, state, actions) {
  const rows = h('tbody');
  const under = h('input', { type: 'number', min: '1', step: '1', class: 'short', 'aria-label': 'Best video under so many kbit/s' });
  const choose = async () => {
    const files = media(state);
    const limit = under.value ? Number(under.value) * 1000 : undefined;
    try {
      const { all, best } = await actions.candidates(files.map(({ key }) => key), limit);
      const chosen = new Set(best.flatMap(([file, tracks]) => tracks.map((track) => `${file}/${track}`)));
      rows.replaceChildren(...all.map((c) => {
        const { key, name } = files[c.file];
        const input = h('input', { type: c.kind === 'video' ? 'radio' : 'checkbox', name: c.kind, value: `${key}/${c.track}`, checked: chosen.has(`${c.file}/${c.track}`) });
        const size = c.dimensions ? `${c.dimensions[0]} × ${c.dimensions[1]}` : c.language === 'und' ? '' : c.language;
        return h('tr', {}, h('td', {}, h('label', { class: 'choice' }, input, h('span', {}, c.kind))), h('td', { class: 'num' }, `${rate(c.bitrate)} kbit/s`), h('td', {}, size), h('td', {}, h('code', {}, c.codec)), h('td', { class: 'wrap' }, name, h('small', {}, `track ${c.track}`)));
      }));
    } catch (refusal) {
      rows.replaceChildren(h('tr', {}, h('td', { colspan: '5' }, refused(refusal))));
    }
  };
  under.addEventListener('change', choose);
  choose();
  return [
    h('label', { class: 'inline' }, 'Best video under ', under, ' kbit/s'),
    h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, h('th', {}, 'Track'), h('th', { class: 'num' }, 'Bitrate'), h('th', {}, 'Size, language'), h('th', {}, 'Codec'), h('th', {}, 'File'))), rows)),
  ];
}

/** Manifests for files, and the files as they need them. */
function manifests(actions) {
  const format = select('format', FORMATS, 'Format');
  const list = h('fieldset', {}, h('legend', {}, 'Files'));
  const button = h('button', {}, 'Write manifests');
  const out = h('div', { class: 'results', 'aria-live': 'polite' });
  const form = h('form', {}, h('label', { class: 'inline' }, 'Format ', format), list, h('div', { class: 'actions-row' }, button), out);
  let known = '';
  let urls = [];
  let state;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const keys = [...list.querySelectorAll('input:checked')].map((input) => Number(input.value));
    const inputs = media(state).filter(({ key }) => keys.includes(key)).map(({ key, name }) => ({ key, name }));
    if (!inputs.length) return out.replaceChildren(h('p', { class: 'muted' }, 'Choose a file.'));
    button.disabled = true;
    out.replaceChildren(h('p', { class: 'muted' }, 'Reading …'));
    for (const url of urls) URL.revokeObjectURL(url);
    urls = [];
    try {
      const { texts, media: files, notes } = await actions.publish(inputs, format.value, stem(inputs[0].name));
      const row = (name, size, blob) => {
        const url = URL.createObjectURL(blob);
        urls.push(url);
        return h('li', {}, h('a', { href: url, download: name }, name), h('span', { class: 'muted' }, ` ${bytes(size)}`));
      };
      const all = h('button', { type: 'button' }, 'Save all to a folder …');
      all.addEventListener('click', () => saveAll([...texts.map(({ name, text }) => [name, new Blob([text])]), ...files.map(({ name, blob }) => [name, blob])], all));
      out.replaceChildren(
        ...(notes.length ? [h('ul', { class: 'small muted' }, notes.map((note) => h('li', {}, note)))] : []),
        h('ul', { class: 'plain' }, texts.map(({ name, text }) => row(name, text.length, new Blob([text], { type: 'text/plain' }))), files.map(({ name, blob }) => row(name, blob.size, blob))),
        ...(globalThis.showDirectoryPicker ? [h('div', { class: 'actions-row' }, all)] : []),
        h('details', {}, h('summary', {}, `Read ${texts[0].name}`), h('div', { class: 'pre' }, copyButton(texts[0].text, texts[0].name), h('pre', {}, texts[0].text))));
      say(`${plural(texts.length, 'manifest')} written.`);
    } catch (refusal) {
      out.replaceChildren(refused(refusal));
    } finally {
      button.disabled = false;
    }
  });
  return {
    form,
    update(now) {
      state = now;
      const files = media(state);
      const mark = files.map(({ key }) => key).join();
      if (mark === known) return;
      known = mark;
      list.replaceChildren(h('legend', {}, 'Files'), ...files.map(({ key, name }) => h('label', { class: 'choice' }, h('input', { type: 'checkbox', value: String(key), checked: key === state.key || files.length === 1 }), h('span', {}, name))));
      out.replaceChildren();
    },
  };
}

async function saveAll(files, button) {
  let folder;
  try {
    folder = await showDirectoryPicker({ mode: 'readwrite' });
  } catch {
    return; // thought better of it
  }
  button.disabled = true;
  try {
    for (const [name, blob] of files) {
      button.textContent = `Saving ${name} …`;
      const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await blob.stream().pipeTo(writable);
    }
    button.textContent = `Saved in ${folder.name}`;
  } catch (error) {
    button.textContent = `Not saved: ${error.message}`;
  }
}

export const make = {
  mount(body, actions) {
    const cards = WAYS.map((way) => ({ way, root: h('article', { class: 'way', id: `way-${way.id}` }), now: null, form: null }));
    const own = manifests(actions);
    const manifestCard = h('article', { class: 'way', id: 'way-manifests' }, h('h4', {}, 'Manifests'), h('p', { class: 'muted' }, 'Written from what the files say. For DASH and HLS each track becomes a file of its own with a segment index.'), own.form);
    body.append(...cards.map(({ root }) => root), manifestCard);
    let latest;

    function draw(card, state) {
      const { way, root } = card;
      const form = h('form', { autocomplete: 'off' });
      const out = h('div', { 'aria-live': 'polite' });
      const button = h('button', {}, way.action);
      form.append(...[way.build?.(form, state, actions) ?? []].flat(), h('div', { class: 'actions-row' }, button), out);
      form.addEventListener('submit', async (event) => {
        event.preventDefault();
        if (button.disabled) return;
        let job;
        try {
          job = way.run(form, latest);
        } catch (error) {
          return out.replaceChildren(refused(error));
        }
        await task({ button, out, job, actions });
      });
      root.replaceChildren(h('h4', {}, way.title), h('p', { class: 'muted' }, way.words), form);
    }

    return (state) => {
      latest = state;
      if (state.view !== 'make') return;
      for (const card of cards) {
        const offered = Boolean(state.key && state.reading == null && card.way.offered(state));
        card.root.hidden = !offered;
        const now = offered ? `${state.key} ${card.way.changes?.(state) ?? ''}` : null;
        if (now === card.now) continue;
        card.now = now;
        if (offered) draw(card, state);
        else card.root.replaceChildren();
      }
      manifestCard.hidden = !media(state).length;
      own.update(state);
    };
  },
};

