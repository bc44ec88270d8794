// The header editor: one PlayReady header as a form, in every version side by
// side, and put into the open file.

import { block, h, inputOf, refused, rows } from '../dom.js';

/** @typedef {import('../state.js').Shown} Shown */
/** @typedef {import('../pkg/ismvault.js').Attempt} Attempt */

/** @type {['xml' | 'object_base64' | 'pssh_base64' | 'object_hex' | 'pssh_hex' | 'ismc' | 'mpd' | 'hls', string][]} */
const FORMS = [
  ['xml', 'XML'], ['object_base64', 'PlayReady Object, base64'], ['pssh_base64', 'pssh box, base64'],
  ['object_hex', 'PlayReady Object, hex'], ['pssh_hex', 'pssh box, hex'],
  ['ismc', 'For .ismc'], ['mpd', 'For MPD'], ['hls', 'For HLS'],
];
const DELAY = 150;
/** Fields that the address keeps; never a key. */
const TEXTS = /** @type {const} */ (['kids', 'la_url', 'lui_url', 'ds_id', 'custom_attributes']);
const CHECKS = ['cbc', 'on_demand'];

export const header = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const text = (/** @type {string} */ name, /** @type {string} */ label, /** @type {Record<string, string | number>} */ props = {}) => {
      const input = h(props.rows ? 'textarea' : 'input', { name, id: `w-${name}`, autocomplete: 'off', spellcheck: 'false', ...props });
      return h('div', { class: 'field' }, h('label', { for: `w-${name}` }, label), input);
    };
    const check = (/** @type {string} */ name, /** @type {string} */ label) => h('label', { class: 'choice' }, h('input', { type: 'checkbox', name }), label);
    const form = h('form', { class: 'header-editor', autocomplete: 'off' },
      text('kids', 'KIDs', { rows: 2, class: 'mono', placeholder: 'One a line, as UUIDs' }),
      text('key', 'Content key, for CHECKSUM', { class: 'mono secret', 'data-1p-ignore': '', 'data-lpignore': 'true' }),
      text('la_url', 'Licence URL (LA_URL)', { type: 'text', inputmode: 'url', placeholder: 'https://…' }),
      text('lui_url', 'Licence page URL (LUI_URL)', { type: 'text', inputmode: 'url', placeholder: 'https://…' }),
      text('ds_id', 'Domain service (DS_ID)', { class: 'mono', placeholder: '16 bytes in base64' }),
      text('custom_attributes', 'Custom attributes', { rows: 2, class: 'mono', placeholder: '<PACKAGER>…</PACKAGER>' }),
      h('div', { class: 'field' }, check('cbc', 'AES-CBC (cbcs) instead of AES-CTR'), check('on_demand', 'Licence on demand (DECRYPTORSETUP)')));
    const out = h('div', { class: 'versions' });
    const result = h('div', { class: 'results' });
    /** Whether the form was filled once. */
    let begun = false;
    body.append(form, out, result);
    addEventListener('pagehide', () => { inputOf(form, 'key').value = ''; });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let asked = 0;
    /** @type {Shown | null} */
    let entry = null;
    /** @type {Shown['inspection']} */
    let filled = null;
    /** @type {WeakMap<object, Record<string, string>>} */
    const kept = new WeakMap();

    const options = () => {
      const value = (/** @type {string} */ name) => inputOf(form, name).value.trim() || undefined;
      const key = value('key');
      return {
        // A key is that of the first KID.
        kids: inputOf(form, 'kids').value.split(/[\s,]+/).filter(Boolean), keys: key ? [key] : [],
        la_url: value('la_url'), lui_url: value('lui_url'), ds_id: value('ds_id'), custom_attributes: value('custom_attributes'),
        cbc: inputOf(form, 'cbc').checked, on_demand: inputOf(form, 'on_demand').checked,
      };
    };

    async function update() {
      const mine = ++asked;
      if (!inputOf(form, 'kids').value.trim() && !inputOf(form, 'on_demand').checked) {
        out.replaceChildren(h('p', { class: 'muted' }, 'Give a KID to see the header in every version.'));
        return;
      }
      let shown;
      try {
        shown = (await actions.call('everyVersion', { options: options() })).map(version);
      } catch (/** @type {any} */ refusal) {
        shown = [refused(refusal)];
      }
      if (mine === asked) out.replaceChildren(...shown);
    }

    /** @param {Attempt} attempt */
    function version({ version: number, clients, forms, refusal }) {
      const write = h('button', { type: 'button' }, 'Put into a copy of this file');
      write.hidden = !entry?.inspection?.tracks.length || !(entry.file instanceof Blob);
      write.addEventListener('click', () => put(number, write));
      return h('article', {},
        h('h4', {}, `Version ${number}`),
        h('p', { class: 'small muted' }, `Read by ${clients}.`),
        !forms ? h('p', { class: 'note' }, refusal?.message) : [
          rows(['Size', `${forms.object_size} bytes`]),
          FORMS.map(([name, label], i) => h('details', { open: i === 0 }, h('summary', {}, label), block(forms[name], `${label}, version ${number}`))),
          write,
        ]);
    }

    /**
     * @param {string} number
     * @param {HTMLButtonElement} button
     */
    async function put(number, button) {
      if (!entry?.inspection || entry.key == null) return;
      button.disabled = true;
      const { name: file, key: mine, inspection } = entry;
      const named = inputOf(form, 'kids').value.toLowerCase().replace(/[^0-9a-f\s,]/g, '').split(/[\s,]+/);
      const missed = inspection.tracks.filter((t) => t.protection?.kid && !named.includes(t.protection.kid.replaceAll('-', '')));
      try {
        const notes = [
          'A copy with another header. Its media was copied as it is.',
          missed.length ? `The header does not name the KID of track ${missed.map((t) => t.id).join(' and ')}: no client will ask for its licence.` : '',
          inspection.tracks.some((t) => t.protection) ? '' : 'The file is clear; a header alone does not protect it.',
        ].filter(Boolean);
        const name = file.replace(/(\.[^.]+)?$/, (end) => `-header${end || '.mp4'}`);
        const job = /** @type {const} */ ({ type: 'reheader', data: { key: mine, options: { ...options(), version: number } }, name, notes });
        await actions.make(job, { live: new AbortController(), update() {}, seen: () => false });
        result.replaceChildren();
      } catch (/** @type {any} */ refusal) {
        result.replaceChildren(refused(refusal));
      } finally {
        button.disabled = false;
      }
    }

    /** What the form says, for the address. */
    function inWords() {
      const own = new URLSearchParams();
      for (const name of TEXTS) if (inputOf(form, name).value.trim()) own.set(name, inputOf(form, name).value.trim());
      for (const name of CHECKS) if (inputOf(form, name).checked) own.set(name, '');
      return own;
    }

    form.addEventListener('input', ({ target }) => {
      if (target !== inputOf(form, 'key')) actions.mark('header', inWords());
      clearTimeout(timer);
      timer = setTimeout(update, DELAY);
    });
    form.addEventListener('submit', (event) => event.preventDefault());

    return (/** @type {import('../state.js').Shown} */ state) => {
      entry = state;
      if (state.view !== 'header' || state.reading != null) return;
      const asked = actions.arrive();
      const named = asked instanceof URLSearchParams ? asked : null;
      if (begun && filled === state.inspection && !named) return;
      begun = true;
      // What was typed for a file is there when one comes back to it.
      if (filled) kept.set(filled, Object.fromEntries([...new FormData(form)].filter(([name]) => name !== 'key').map(([name, value]) => [name, String(value)])));
      filled = state.inspection;
      // What the file has now is where one begins.
      const known = state.inspection?.systems.find((s) => s.header)?.header;
      const tracks = state.inspection?.tracks.map((t) => t.protection?.kid).filter(Boolean) ?? [];
      inputOf(form, 'kids').value = [...new Set(known?.kids.length ? known.kids : tracks)].join('\n');
      for (const name of /** @type {const} */ (['la_url', 'lui_url', 'ds_id', 'custom_attributes'])) inputOf(form, name).value = known?.[name] ?? '';
      inputOf(form, 'key').value = '';
      const typed = filled && kept.get(filled);
      for (const [name, value] of Object.entries(typed ?? {})) if (inputOf(form, name).type !== 'checkbox') inputOf(form, name).value = value;
      for (const name of CHECKS) inputOf(form, name).checked = Boolean(typed?.[name]);
      if (named) {
        for (const name of TEXTS) inputOf(form, name).value = named.get(name) ?? '';
        for (const name of CHECKS) inputOf(form, name).checked = named.has(name);
      }
      result.replaceChildren();
      update();
    };
  },
};
