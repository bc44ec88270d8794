// The task: options in the order a person decides them, what will be written,
// one button; then progress; then the result.

import { block, bytes, copyButton, count, download, h, identifier, plural, refused, rows, wait } from '../dom.js';
import { fieldOf, valuesOf } from '../fields.js';
import { asksWhere } from '../sinks.js';

const PREVIEW_DELAY = 120;

function field(label, control, hint) {
  const id = `f-${label.toLowerCase().replace(/[^a-z]+/g, '-')}`;
  control.id = id;
  const note = hint && h('p', { class: 'small muted', id: `${id}-hint` }, hint);
  if (note) control.setAttribute('aria-describedby', note.id);
  return h('div', { class: 'field' }, h('label', { for: id }, label), control, note);
}

/** A field for a key: masked, with a button to look at it; no password manager's business. */
function secretField(label, name, hint) {
  const input = h('input', { name, type: 'text', autocomplete: 'off', spellcheck: 'false', class: 'mono secret', 'data-1p-ignore': '', 'data-lpignore': 'true', 'data-bwignore': '' });
  const eye = h('button', { type: 'button', class: 'copy', 'aria-pressed': 'false', 'aria-label': `Show ${label.toLowerCase()}` }, 'Show');
  eye.addEventListener('click', () => {
    const hidden = !input.classList.toggle('secret');
    eye.textContent = hidden ? 'Hide' : 'Show';
    eye.setAttribute('aria-pressed', String(hidden));
  });
  const made = field(label, input, hint);
  made.querySelector('label').after(h('div', { class: 'with-button' }, input, eye));
  return made;
}

function buildForm(inspection, rows) {
  const row = (name) => rows.find((field) => field.name === name);
  const at = (place) => rows.filter((field) => field.place === place).map((field) => fieldOf(field));
  const radio = (value, label, checked) => h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'source', value, checked }), label);
  const kid = field(row('kid').label, h('input', { name: 'kid', type: 'text', autocomplete: 'off', spellcheck: 'false', class: 'mono', placeholder: '00000000-0000-0000-0000-000000000000' }), 'As a UUID, in the order of tenc. Left empty, one is made.');
  const key = secretField(row('key').label, 'key', '32 hex digits or 24 base64 characters.');
  const seed = secretField(row('seed').label, 'seed', 'Base64, 30 bytes or more. With a KID it gives the content key.');
  const file = h('div', { class: 'field' }, h('label', { for: 'f-keys' }, row('keys').label),
    h('textarea', { name: 'keys', id: 'f-keys', rows: 3, spellcheck: 'false', autocomplete: 'off', class: 'mono secret', placeholder: 'KID, key, video\nKID, key, audio', 'aria-describedby': 'f-keys-hint' }),
    h('p', { class: 'small muted', id: 'f-keys-hint' }, 'CSV, JSON or CPIX. Tracks: a number, all, audio, video, sd, hd, uhd.'));
  const track = (t) => {
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
    h('fieldset', {}, h('legend', {}, row('tracks').label), inspection.tracks.map(track)),
    h('details', {}, h('summary', {}, 'More options'), at('more')),
    h('div', { class: 'preview', 'aria-live': 'polite' }),
    h('button', { class: 'primary wide' }, asksWhere() ? 'Protect and save …' : 'Protect'));
  const show = () => {
    const source = form.elements.source.value;
    kid.hidden = source === 'random' || source === 'file';
    file.hidden = source !== 'file';
    key.hidden = source !== 'key';
    seed.hidden = source !== 'seed';
  };
  form.addEventListener('change', show);
  show();
  return form;
}

/** Which of the fields for keys each source has. */
const SOURCES = { random: [], key: ['kid', 'key'], seed: ['kid', 'seed'], file: ['keys'] };

function options(form, rows) {
  const chosen = SOURCES[form.elements.source.value];
  const asked = rows.filter(({ place, name }) => place !== 'key' || chosen.includes(name));
  const job = valuesOf(form, asked);
  // One IV for a track is no choice.
  if (job.profile === 'cbcs') delete job.iv_size;
  return { ...job, tracks: [...form.querySelectorAll('[name=track]:checked')].map((box) => Number(box.value)) };
}

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
    eye.textContent = hidden ? 'Hide' : 'Show';
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
    update(run) {
      const seconds = (performance.now() - run.started) / 1000;
      const part = run.total ? run.done / run.total : 0;
      bar.value = part;
      const speed = run.done / 1e6 / seconds;
      words.textContent = run.step !== 'write'
        ? run.step === 'measure' ? `Measuring fragments, ${Math.floor(part * 100)} %` : 'Preparing …'
        : `${Math.floor(part * 100)} % · ${speed.toFixed(speed < 10 ? 1 : 0)} MB/s · ${wait(seconds / part * (1 - part))}`;
    },
  };
}

function done(run, actions) {
  const link = run.url && h('a', { class: 'button primary wide', href: run.url, download: run.name }, `Download ${run.name}`);
  link?.addEventListener('click', () => actions.keep('fileKept'));
  const again = h('button', { type: 'button' }, 'Protect again');
  again.addEventListener('click', actions.again);
  const { preview, receipt } = run;
  const test = h('button', { type: 'button' }, 'Test play');
  test.addEventListener('click', () => actions.go('play'));
  const sum = h('span', {}, receipt.sha256 ? identifier(receipt.sha256, 'SHA-256') : 'reading the file …');
  const save = h('button', { type: 'button', disabled: !receipt.sha256 }, 'Save the receipt');
  run.hash?.then((sha256) => {
    sum.replaceChildren(identifier(sha256, 'SHA-256'));
    save.disabled = false;
  }, (refusal) => sum.replaceChildren(refusal.message));
  save.addEventListener('click', () => download(`${JSON.stringify(receipt, null, 2)}\n`, `${run.name.replace(/\.mp4$/, '')}.receipt.json`, 'application/json'));
  return h('div', { class: 'run' },
    h('p', { class: 'note ok', role: 'status', tabindex: '-1' },
      h('b', {}, run.saved ? `Saved as ${run.saved}. ` : 'Protected. '),
      h('span', { title: `${count(run.size)} bytes` }, `${bytes(run.size)}, ${plural(preview.samples, 'sample')} of ${plural(preview.tracks.length, 'track')} encrypted, in ${run.seconds.toFixed(1)} s.`)),
    link,
    run.secret ? secretCard(run.secret, run.name, actions) : rows(...preview.keys.map((key) => ['KID', identifier(key.kid, 'KID')])),
    h('div', { class: 'note receipt' },
      h('p', {}, h('b', {}, 'Read back and compared. '), `${plural(receipt.samples_compared, 'sample')} decrypted again from what was written, each the same as it was${receipt.ivs_unique ? '; no IV twice' : ''}.`),
      rows(['SHA-256', sum]),
      h('div', { class: 'actions-row' }, test, save)),
    h('details', {}, h('summary', {}, 'For manifests and servers'),
      preview.keys.map((key) => rows(
        ['KID, GUID order', identifier(key.kid_guid, 'KID in GUID byte order')],
        ['CHECKSUM', identifier(key.checksum, 'CHECKSUM')],
      )),
      [['PlayReady Object', preview.object_base64], ['pssh box', preview.pssh_base64], ['Header XML', preview.header_xml]].map(([what, text]) =>
        h('div', {}, h('p', { class: 'small' }, what), block(text, what)))),
    again);
}

export const protect = {
  mount(body, actions) {
    let form = null;
    let rows = [];
    /** The form of each file, kept while it is open. */
    const forms = new WeakMap();
    let shownRun = null;
    let shownKey = null;
    let timer;
    let asked = 0;
    let progress = null;
    let phase;
    let judged = null;

    /** Shows what would be written; true where it can be. */
    async function preview() {
      const place = form.querySelector('.preview');
      const button = form.querySelector('button.primary');
      const mine = ++asked;
      const chosen = options(form, rows);
      const unfinished = missing(form);
      let shown;
      let ready = false;
      if (unfinished) {
        shown = h('p', { class: 'small muted' }, unfinished);
      } else {
        try {
          const { sentences } = await actions.preview(chosen);
          shown = [h('p', { class: 'small' }, h('b', {}, 'What will be written')), h('ul', { class: 'small' }, sentences.map((s) => h('li', {}, s)))];
          ready = true;
        } catch (refusal) {
          shown = refused(refusal);
        }
      }
      if (mine !== asked) return false;
      const words = [shown].flat();
      // Said again only where it says something else.
      if (place.textContent !== words.map((e) => e.textContent).join('')) place.replaceChildren(...words);
      button.disabled = !ready;
      return ready;
    }

    function missing({ elements }) {
      const source = elements.source.value;
      if (source === 'key' && !elements.key.value.trim()) return 'Paste the content key to go on.';
      if (source === 'file' && !elements.keys.value.trim()) return 'Paste the keys to go on.';
      if (source === 'seed' && !elements.seed.value.trim()) return 'Paste the key seed to go on.';
      if (source === 'seed' && !elements.kid.value.trim()) return 'A key seed needs the KID whose key it gives.';
      if (!form.querySelector('[name=track]:checked')) return 'Choose a track to protect.';
      return null;
    }

    /** Typed keys go when the form does. */
    function blank() {
      for (const name of ['key', 'seed', 'keys']) if (form) form.elements[name].value = '';
    }
    addEventListener('pagehide', blank);

    function showForm({ inspection, tables }) {
      const known = forms.get(inspection);
      if (known && known !== form) {
        form = known;
        preview();
      } else if (!known) {
        rows = tables.protect;
        form = buildForm(inspection, rows);
        forms.set(inspection, form);
        form.addEventListener('input', () => {
          clearTimeout(timer);
          timer = setTimeout(preview, PREVIEW_DELAY);
        });
        form.addEventListener('submit', async (event) => {
          event.preventDefault();
          const mine = form;
          clearTimeout(timer);
          // The options may be newer than the last preview.
          if (!(await preview()) || mine !== form) return;
          actions.protect(options(form, rows), { secret: form.elements.source.value === 'random' });
        });
        preview();
      }
      if (body.firstChild !== form) body.replaceChildren(form);
    }

    return (state) => {
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
      if (now === 'form') {
        if (!tables) return;
        const returning = changed && body.contains(document.activeElement);
        showForm(state);
        if (returning) form.querySelector('button.primary').focus();
        return;
      }
      if (now === 'writing') {
        if (changed) {
          progress = writing();
          const cancel = h('button', { type: 'button', class: 'wide' }, 'Cancel');
          cancel.addEventListener('click', () => {
            cancel.disabled = true;
            cancel.textContent = 'Stopping …';
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
      if (now === 'done') {
        const here = body.contains(document.activeElement) || document.activeElement === document.body;
        body.replaceChildren(done(run, actions));
        // The focus follows the task, unless it went elsewhere meanwhile.
        if (here) (body.querySelector('a.primary') ?? body.querySelector('.note')).focus({ preventScroll: true });
      } else if (now === 'failed') {
        const again = h('button', { type: 'button' }, 'Try again');
        again.addEventListener('click', actions.again);
        body.replaceChildren(refused(run.refusal), again);
        again.focus();
      } else if (now === 'refused') {
        const on = { progressive: 'Fragment it …', already_protected: 'Decrypt it, or write other boxes …', damaged: 'Repair it …', samples_in_moov_too: 'Repair it …' }[inspection.protectable.code];
        const way = on && h('button', { type: 'button', class: 'primary' }, on);
        way?.addEventListener('click', () => actions.go('make'));
        body.replaceChildren(h('p', {}, ...commands(inspection.protectable.reason)), way ?? '');
      } else {
        body.replaceChildren();
      }
    };
  },
};

/** A sentence with the command in it, which can be copied. */
function commands(text) {
  const found = text?.match(/^(.*?: )((?:ismvault|ffmpeg) [^.]*(?:\.[^ .]+)*[^.]*)\.?$/);
  return found ? [found[1], h('span', { class: 'id' }, h('code', {}, found[2]), copyButton(found[2], 'command'))] : [text];
}
