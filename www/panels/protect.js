// The task: options in the order a person decides them, what will be written,
// one button; then progress; then the result.

import { $, block, bytes, copyButton, count, download, h, identifier, inputOf, plural, refused, rows, t } from '../dom.js';
import { fieldOf, valuesOf } from '../fields.js';
import { asksWhere } from '../pkg/lib/sinks.js';
import { next } from './next.js';
import { eyeOf, progressWords } from './parts.js';

/** @typedef {import('../actions.js').Actions} Actions */
/** @typedef {import('../pkg/ismvault.js').FormField} FormField */
/** @typedef {import('../pkg/ismvault.js').Protect} Protect */
/** @typedef {import('../state.js').Inspection} Inspection */
/** @typedef {import('../state.js').KeyPair} KeyPair */
/** @typedef {import('../state.js').Shown} Shown */

const PREVIEW_DELAY = 120;

/**
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string} hint
 */
function field(label, control, hint) {
  const id = `f-${label.toLowerCase().replace(/[^a-z]+/g, '-')}`;
  control.id = id;
  const note = h('p', { class: 'small muted', id: `${id}-hint` }, hint);
  control.setAttribute('aria-describedby', note.id);
  return h('div', { class: 'field' }, h('label', { for: id }, label), control, note);
}

/**
 * A field for a key: masked, with a button to look at it; no password manager's business.
 *
 * @param {string} label
 * @param {string} name
 * @param {string} hint
 */
function secretField(label, name, hint) {
  const input = h('input', { name, type: 'text', autocomplete: 'off', spellcheck: 'false', class: 'mono secret', 'data-1p-ignore': '', 'data-lpignore': 'true', 'data-bwignore': '' });
  const made = field(label, input, hint);
  made.querySelector('label')?.after(h('div', { class: 'with-button' }, input, eyeOf(input, label.toLowerCase())));
  return made;
}

/**
 * @param {Inspection} inspection
 * @param {FormField[]} rows
 */
function buildForm(inspection, rows) {
  const label = (/** @type {string} */ name) => rows.find((one) => one.name === name)?.label ?? name;
  const at = (/** @type {string} */ place) => rows.filter((field) => field.place === place).map((one) => fieldOf(one));
  const radio = (/** @type {string} */ value, /** @type {string} */ words, checked = false) => h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'source', value, checked }), words);
  const kid = field(label('kid'), h('input', { name: 'kid', type: 'text', autocomplete: 'off', spellcheck: 'false', class: 'mono', placeholder: '00000000-0000-0000-0000-000000000000' }), 'As a UUID, in the order of tenc. Left empty, one is made.');
  const key = secretField(label('key'), 'key', '32 hex digits or 24 base64 characters.');
  const seed = secretField(label('seed'), 'seed', 'Base64, 30 bytes or more. With a KID it gives the content key.');
  const file = h('div', { class: 'field' }, h('label', { for: 'f-keys' }, label('keys')),
    h('textarea', { name: 'keys', id: 'f-keys', rows: 3, spellcheck: 'false', autocomplete: 'off', class: 'mono secret', placeholder: 'KID, key, video\nKID, key, audio', 'aria-describedby': 'f-keys-hint' }),
    h('p', { class: 'small muted', id: 'f-keys-hint' }, 'CSV, JSON or CPIX. Tracks: a number, all, audio, video, sd, hd, uhd.'));
  const track = (/** @type {import('../pkg/ismvault.js').TrackSummary} */ t) => {
    const can = (t.kind === 'video' || t.kind === 'audio') && t.has_rule;
    const why = can ? '' : t.has_rule || t.kind === 'text' ? ', stays clear' : ', no rule for this codec';
    return h('label', { class: 'choice' },
      h('input', { type: 'checkbox', name: 'track', value: String(t.id), checked: can, disabled: !can }),
      h('span', {}, `${t.id} ${t.kind} `, h('code', {}, t.codec ?? ''), t.language === 'und' ? '' : ` ${t.language}`, why));
  };
  const [profile, ...plain] = at('plain');
  const form = h('form', { autocomplete: 'off' },
    profile,
    h('fieldset', {}, h('legend', {}, 'KID and key'),
      radio('random', 'Make both at random', true), radio('key', 'I have a key'), radio('seed', 'I have a key seed'), radio('file', 'I have several keys'),
      kid, key, seed, file),
    plain,
    h('fieldset', {}, h('legend', {}, label('tracks')), inspection.tracks.map(track)),
    h('details', {}, h('summary', {}, 'More options'), at('more')),
    h('div', { class: 'preview', 'aria-live': 'polite' }),
    h('div', { class: 'dock' }, h('p', { class: 'small muted' }), h('button', { class: 'primary wide' }, asksWhere() ? 'Protect and save …' : 'Protect')));
  const show = () => {
    const source = inputOf(form, 'source').value;
    kid.hidden = source === 'random' || source === 'file';
    file.hidden = source !== 'file';
    key.hidden = source !== 'key';
    seed.hidden = source !== 'seed';
  };
  form.addEventListener('change', show);
  show();
  return form;
}

/** @type {Record<string, string[]>} which of the fields for keys each source has */
const SOURCES = { random: [], key: ['kid', 'key'], seed: ['kid', 'seed'], file: ['keys'] };

/** @type {Record<string, string>} where the key comes from, in a word */
const KEYS = { random: 'a new key', key: 'your key', seed: 'the key of your seed', file: 'your keys' };

/**
 * What the form asks for.
 *
 * @param {HTMLFormElement} form
 * @param {FormField[]} rows
 * @returns {Protect}
 */
function options(form, rows) {
  const chosen = SOURCES[inputOf(form, 'source').value];
  const asked = rows.filter(({ place, name }) => place !== 'key' || chosen.includes(name));
  const job = /** @type {Protect} */ (valuesOf(form, asked));
  // One IV for a track is no choice.
  if (job.profile === 'cbcs') delete job.iv_size;
  return { ...job, tracks: [.../** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('[name=track]:checked'))].map((box) => Number(box.value)) };
}

/**
 * @param {KeyPair[]} secrets
 * @param {string} name
 * @param {Actions} actions
 */
function secretCard([secret], name, actions) {
  const save = h('button', { type: 'button' }, 'Save as JSON');
  save.addEventListener('click', () => {
    const { kid, key } = secret;
    download(`${JSON.stringify({ kid, key }, null, 2)}\n`, `${name.replace(/\.mp4$/, '')}.key.json`, 'application/json');
    actions.keep('keyKept');
  });
  const value = h('code', {}, '•'.repeat(32));
  const eye = h('button', { type: 'button', class: 'copy' }, 'Show');
  eye.addEventListener('click', () => {
    const hidden = value.textContent !== secret.key;
    value.textContent = hidden ? secret.key : '•'.repeat(32);
    eye.textContent = t(hidden ? 'Hide' : 'Show');
  });
  const copy = copyButton(secret.key, 'Content key');
  copy.addEventListener('click', () => actions.keep('keyKept'));
  return h('div', { class: 'note keys' },
    h('p', {}, h('b', {}, 'The key is shown here and nowhere else.'), ' Give it, with the KID, to your licence server before you close this file.'),
    rows(['KID', identifier(secret.kid, 'KID')], ['Key', h('span', { class: 'id' }, value, eye, copy)]),
    save);
}

function writing() {
  const bar = h('progress', { max: 1, value: 0, 'aria-label': 'Protecting' });
  const words = h('p', { class: 'num' });
  const root = h('div', { class: 'run' }, h('p', {}, h('b', {}, 'Protecting …')), bar, words);
  return {
    root,
    /** @param {import('../state.js').Writing} run */
    update(run) {
      bar.value = run.total ? run.done / run.total : 0;
      words.textContent = t(progressWords(run));
    },
  };
}

/**
 * @param {import('../state.js').Done} run
 * @param {Actions} actions
 */
function done(run, actions) {
  const link = !run.url ? null : h('a', { class: 'button primary wide', href: run.url, download: run.name }, `Download ${run.name}`);
  link?.addEventListener('click', () => actions.keep('fileKept'));
  const again = h('button', { type: 'button' }, 'Protect again');
  again.addEventListener('click', actions.again);
  const { preview, receipt } = run;
  const test = h('button', { type: 'button' }, 'Test play');
  test.addEventListener('click', () => actions.go('play'));
  const sum = h('span', {}, receipt.sha256 ? identifier(receipt.sha256, 'SHA-256') : 'reading the file …');
  const save = h('button', { type: 'button', disabled: !receipt.sha256 }, 'Save the receipt');
  run.hash.then((sha256) => {
    sum.replaceChildren(identifier(sha256, 'SHA-256'));
    save.disabled = false;
  }, (refusal) => sum.replaceChildren(refusal.message));
  save.addEventListener('click', () => download(`${JSON.stringify(receipt, null, 2)}\n`, `${run.name.replace(/\.mp4$/, '')}.receipt.json`, 'application/json'));
  return h('div', { class: 'run' },
    h('p', { class: 'note ok', role: 'status', tabindex: '-1' },
      h('b', {}, run.saved ? `Saved as ${run.saved}. ` : 'Protected. '),
      h('span', { title: `${count(run.size)} bytes` }, `${bytes(run.size)}, ${plural(preview.samples, 'sample')} of ${plural(preview.tracks.length, 'track')} encrypted, in ${run.seconds.toFixed(1)} s.`)),
    link,
    run.secret ? secretCard(run.secret, run.name, actions) : rows(...preview.keys.map((key) => /** @type {[string, HTMLElement]} */ (['KID', identifier(key.kid, 'KID')]))),
    h('div', { class: 'note receipt' },
      h('p', {}, h('b', {}, 'Read back and compared. '), receipt.ivs_unique
        ? `${plural(receipt.samples_compared, 'sample')} decrypted again from what was written, each the same as it was; no IV twice.`
        : `${plural(receipt.samples_compared, 'sample')} decrypted again from what was written, each the same as it was.`),
      // The hash comes later and is longer than what stands for it: nothing that is pressed moves.
      h('div', { class: 'actions-row' }, test, save),
      rows(['SHA-256', sum])),
    h('details', {}, h('summary', {}, 'For manifests and servers'),
      preview.keys.map((key) => rows(
        ['KID, GUID order', identifier(key.kid_guid, 'KID in GUID byte order')],
        ['CHECKSUM', identifier(key.checksum, 'CHECKSUM')],
      )),
      [['PlayReady Object', preview.object_base64], ['pssh box', preview.pssh_base64], ['Header XML', preview.header_xml]].map(([what, text]) =>
        h('div', {}, h('p', { class: 'small' }, what), block(text, what)))),
    again);
}

/** @typedef {HTMLFormElement} Form */

/**
 * The parts of a form that are drawn again.
 *
 * @param {Form} form
 */
const partsOf = (form) => ({
  place: /** @type {HTMLElement} */ (form.querySelector('.preview')),
  line: /** @type {HTMLElement} */ (form.querySelector('.dock p')),
  button: /** @type {HTMLButtonElement} */ (form.querySelector('button.primary')),
});

export const protect = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const title = $('protect-title');
    /** @type {Form | null} */
    let form = null;
    /** @type {FormField[]} */
    let rows = [];
    /** @type {WeakMap<Inspection, Form>} the form of each file, kept while it is open */
    const forms = new WeakMap();
    /** @type {Shown['run']} */
    let shownRun = null;
    /** @type {number | null} */
    let shownKey = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let asked = 0;
    /** @type {ReturnType<typeof writing> | null} */
    let progress = null;
    /** @type {string | null} */
    let phase = null;
    /** @type {Inspection | null} */
    let judged = null;

    /**
     * Shows what would be written of a file; true where it can be.
     *
     * @param {Form} form
     * @param {number} key
     */
    async function preview(form, key) {
      const { place, line, button } = partsOf(form);
      const mine = ++asked;
      const chosen = options(form, rows);
      const unfinished = missing(form);
      /** @type {HTMLElement[]} */
      let words;
      let short = unfinished;
      let ready = false;
      if (unfinished) {
        words = [h('p', { class: 'small muted' }, unfinished)];
      } else {
        try {
          const { sentences, samples, tracks } = await actions.preview(key, chosen);
          short = `${plural(samples, 'sample')} of ${plural(tracks.length, 'track')} · ${chosen.profile} · ${KEYS[inputOf(form, 'source').value]}`;
          words = [h('p', { class: 'small' }, h('b', {}, 'What will be written')), h('ul', { class: 'small' }, sentences.map((s) => h('li', {}, s)))];
          ready = true;
        } catch (/** @type {any} */ refusal) {
          words = [refused(refusal)];
          short = refusal.message;
        }
      }
      if (mine !== asked) return ready;
      // Said again only where it says something else.
      if (place.textContent !== words.map((e) => e.textContent).join('')) place.replaceChildren(...words);
      line.textContent = t(short ?? '');
      button.disabled = !ready;
      return ready;
    }

    /** @param {Form} form */
    function missing(form) {
      const has = (/** @type {string} */ name) => inputOf(form, name).value.trim();
      const source = inputOf(form, 'source').value;
      if (source === 'key' && !has('key')) return 'Paste the content key to go on.';
      if (source === 'file' && !has('keys')) return 'Paste the keys to go on.';
      if (source === 'seed' && !has('seed')) return 'Paste the key seed to go on.';
      if (source === 'seed' && !has('kid')) return 'A key seed needs the KID whose key it gives.';
      if (!form.querySelector('[name=track]:checked')) return 'Choose a track to protect.';
      return null;
    }

    /** Typed keys go when the form does. */
    function blank() {
      for (const name of ['key', 'seed', 'keys']) if (form) inputOf(form, name).value = '';
    }
    addEventListener('pagehide', blank);

    /**
     * The form of a file, made when it is first shown. What it asks for is asked
     * of that file, whichever is shown by then.
     *
     * @param {Inspection} inspection
     * @param {number} key
     */
    function formFor(inspection, key) {
      const known = forms.get(inspection);
      if (known) return known;
      const own = buildForm(inspection, rows);
      forms.set(inspection, own);
      own.addEventListener('input', () => {
        clearTimeout(timer);
        timer = setTimeout(() => preview(own, key), PREVIEW_DELAY);
      });
      own.addEventListener('submit', async (event) => {
        event.preventDefault();
        clearTimeout(timer);
        // As they are now: they may be newer than the last preview, and typed
        // keys go when another file is shown.
        const chosen = options(own, rows);
        const secret = inputOf(own, 'source').value === 'random';
        if (await preview(own, key)) actions.protect(key, chosen, { secret });
      });
      return own;
    }

    return (/** @type {import('../state.js').Shown} */ state) => {
      const { inspection, reading, run, tables } = state;
      if (state.key !== shownKey || (run !== shownRun && run?.phase !== 'writing')) {
        // Another file, or another run: nothing of the old one may stay.
        if (state.key !== shownKey) blank();
        phase = null;
      }
      [shownKey, shownRun] = [state.key, run];
      const now = run?.phase ?? (reading != null || !inspection ? 'waiting' : inspection.protectable.yes ? 'form' : 'refused');
      const changed = now !== phase;
      phase = now;
      title.textContent = t(now === 'refused' ? 'What next?' : 'Protect');
      if (now === 'form') {
        if (!tables || !inspection || state.key == null) return;
        rows = tables.protect;
        const returning = changed && body.contains(document.activeElement);
        const own = formFor(inspection, state.key);
        if (own !== form) {
          form = own;
          preview(own, state.key);
        }
        if (body.firstChild !== own) body.replaceChildren(own);
        if (returning) partsOf(own).button.focus();
        return;
      }
      if (run?.phase === 'writing') {
        if (changed || !progress) {
          progress = writing();
          const cancel = h('button', { type: 'button', class: 'wide' }, 'Cancel');
          cancel.addEventListener('click', () => {
            cancel.setAttribute('aria-disabled', 'true'); // disabled, it would lose the focus
            cancel.textContent = t('Stopping …');
            actions.cancel();
          });
          body.replaceChildren(progress.root, cancel);
          cancel.focus();
        }
        return progress.update(run);
      }
      // Drawn anew under a hand that is about to press it, a button is lost.
      if (!changed && inspection === judged) return;
      judged = inspection;
      if (run?.phase === 'done') {
        const here = body.contains(document.activeElement) || document.activeElement === document.body;
        body.replaceChildren(done(run, actions));
        // The focus follows the task, unless it went elsewhere meanwhile.
        const first = /** @type {HTMLElement | null} */ (body.querySelector('a.primary') ?? body.querySelector('.note'));
        if (here) first?.focus({ preventScroll: true });
      } else if (run?.phase === 'failed') {
        const again = h('button', { type: 'button' }, 'Try again');
        again.addEventListener('click', actions.again);
        body.replaceChildren(refused(run.refusal), again);
        again.focus();
      } else if (now === 'refused' && inspection) {
        const ways = next(inspection, actions.go);
        body.replaceChildren(...ways, h('p', { class: ways.length ? 'small muted' : null }, ...commands(inspection.protectable.reason)));
      } else {
        body.replaceChildren();
      }
    };
  },
};

/**
 * A sentence with the command in it, which can be copied.
 *
 * @param {string | null} text
 * @returns {import('../dom.js').Child[]}
 */
function commands(text) {
  // What this page does itself, it offers below.
  const [sentence, own] = text?.split(/: ismvault /) ?? [];
  if (own) return [`${sentence}.`];
  const found = text?.match(/^(.*?: )(ffmpeg [^.]*(?:\.[^ .]+)*[^.]*)\.?$/);
  return found ? [found[1], h('span', { class: 'id' }, h('code', {}, found[2]), copyButton(found[2], 'command'))] : [text];
}
