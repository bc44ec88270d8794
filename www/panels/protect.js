// The task: options in the order a person decides them, what will be written,
// one button; then progress; then the result.

import { block, bytes, copyButton, count, download, h, identifier, plural, refused, rows, wait } from '../dom.js';
import { asksWhere } from '../sinks.js';

const HEADER_VERSIONS = [
  ['4.0', 'every PlayReady client'],
  ['4.1', 'PlayReady 2 and later'],
  ['4.2', 'PlayReady 3 and later, Windows 10'],
  ['4.3', 'PlayReady 4 and later'],
];
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

function buildForm(inspection, profiles) {
  const select = (name, options) => h('select', { name }, options.map(([value, text]) => h('option', { value }, text)));
  const text = (name, props) => h('input', { name, type: 'text', autocomplete: 'off', spellcheck: 'false', ...props });
  const radio = (value, label, checked) => h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'source', value, checked }), label);
  const purpose = h('p', { class: 'small muted' });
  const profile = select('profile', profiles.map(({ name }) => [name, name]));
  const tell = () => { purpose.textContent = `${profiles.find(({ name }) => name === profile.value).purpose}.`; };
  profile.addEventListener('change', tell);
  tell();
  const kid = field('KID', text('kid', { class: 'mono', placeholder: '00000000-0000-0000-0000-000000000000' }), 'As a UUID, in the order of tenc. Left empty, one is made.');
  const key = secretField('Content key', 'key', '32 hex digits or 24 base64 characters.');
  const seed = secretField('Key seed', 'seed', 'Base64, 30 bytes or more. With a KID it gives the content key.');
  const file = h('div', { class: 'field' }, h('label', { for: 'f-keys' }, 'Keys with their tracks'),
    h('textarea', { name: 'keyFile', id: 'f-keys', rows: 3, spellcheck: 'false', autocomplete: 'off', class: 'mono secret', placeholder: 'KID, key, video\nKID, key, audio', 'aria-describedby': 'f-keys-hint' }),
    h('p', { class: 'small muted', id: 'f-keys-hint' }, 'CSV, JSON or CPIX. Tracks: a number, all, audio, video, sd, hd, uhd.'));
  const track = (t) => {
    const can = (t.kind === 'video' || t.kind === 'audio') && t.has_rule;
    const why = can ? '' : t.has_rule || t.kind === 'text' ? ', stays clear' : ', no rule for this codec';
    return h('label', { class: 'choice' },
      h('input', { type: 'checkbox', name: 'track', value: String(t.id), checked: can, disabled: !can }),
      h('span', {}, `${t.id} ${t.kind} `, h('code', {}, t.codec ?? ''), t.language === 'und' ? '' : ` ${t.language}`, why));
  };
  const form = h('form', { autocomplete: 'off' },
    h('div', { class: 'field' }, h('label', { for: 'f-profile' }, 'Profile'), profile, purpose),
    h('fieldset', {}, h('legend', {}, 'KID and key'),
      radio('random', 'Make both at random', true), radio('key', 'I have a key'), radio('seed', 'I have a key seed'), radio('file', 'I have several keys'),
      kid, key, seed, file),
    field('Licence URL', text('laUrl', { type: 'url', inputmode: 'url', placeholder: 'https://…' }), 'Where players ask for a licence (LA_URL). It may be left out.'),
    h('fieldset', {}, h('legend', {}, 'Tracks'), inspection.tracks.map(track)),
    h('details', {}, h('summary', {}, 'More options'),
      field('Clear lead', h('input', { name: 'clearLead', type: 'number', min: '0', value: '0', class: 'short' }), 'Fragments of each track that stay clear at the start.'),
      field('IV size', select('ivSize', [['8', '8 bytes, every client'], ['16', '16 bytes, PlayReady 4 and later']])),
      h('label', { class: 'choice' }, h('input', { type: 'checkbox', name: 'widevine' }), 'A Widevine header too'),
      field('Header version', select('headerVersion', [['', 'the oldest that can say it'], ...HEADER_VERSIONS.map(([v, who]) => [v, `${v}, ${who}`])])),
      field('Licence page URL', text('luiUrl', { type: 'url', inputmode: 'url', placeholder: 'https://…' }), 'For people without a licence (LUI_URL).'),
      field('Custom attributes', h('textarea', { name: 'customAttributes', rows: 3, spellcheck: 'false', class: 'mono', placeholder: '<PACKAGER>…</PACKAGER>' }), 'XML of your own, put into the header as it is.')),
    h('div', { class: 'preview', 'aria-live': 'polite' }),
    h('button', { class: 'primary wide' }, asksWhere() ? 'Protect and save …' : 'Protect'));
  profile.id = 'f-profile';
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

function options(form) {
  const { elements } = form;
  const source = elements.source.value;
  const value = (name) => elements[name].value.trim() || undefined;
  return {
    profile: elements.profile.value,
    kid: source === 'random' || source === 'file' ? undefined : value('kid'),
    keyFile: source === 'file' ? elements.keyFile.value : undefined,
    clearLead: Number(elements.clearLead.value) || 0,
    ivSize: Number(elements.ivSize.value),
    widevine: elements.widevine.checked,
    key: source === 'key' ? elements.key.value : undefined,
    seed: source === 'seed' ? elements.seed.value : undefined,
    laUrl: value('laUrl'),
    luiUrl: value('luiUrl'),
    customAttributes: value('customAttributes'),
    headerVersion: elements.headerVersion.value || undefined,
    tracks: [...form.querySelectorAll('[name=track]:checked')].map((box) => Number(box.value)),
  };
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
      const chosen = options(form);
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
      if (source === 'file' && !elements.keyFile.value.trim()) return 'Paste the keys to go on.';
      if (source === 'seed' && !elements.seed.value.trim()) return 'Paste the key seed to go on.';
      if (source === 'seed' && !elements.kid.value.trim()) return 'A key seed needs the KID whose key it gives.';
      if (!form.querySelector('[name=track]:checked')) return 'Choose a track to protect.';
      return null;
    }

    /** Typed keys go when the form does. */
    function blank() {
      for (const name of ['key', 'seed', 'keyFile']) if (form) form.elements[name].value = '';
    }
    addEventListener('pagehide', blank);

    function showForm({ inspection, profiles }) {
      const known = forms.get(inspection);
      if (known && known !== form) {
        form = known;
        preview();
      } else if (!known) {
        form = buildForm(inspection, profiles);
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
          actions.protect(options(form), { secret: form.elements.source.value === 'random' });
        });
        preview();
      }
      if (body.firstChild !== form) body.replaceChildren(form);
    }

    return (state) => {
      const { inspection, reading, run, profiles } = state;
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
        if (!profiles.length) return;
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
