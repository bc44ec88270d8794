// Does it play? The file, or what protecting made of it, through Media Source
// Extensions and EME ClearKey: with the right key, and beside it with a wrong
// one. Where there is no ClearKey, decrypted by us into plain media source.

import { block, h, refused, rows, say, t } from '../dom.js';
import { access, ask } from '../licence.js';
import { systems } from '../systems.js';
import { decodedView } from './decoded.js';
import { secretArea } from './parts.js';

/** @typedef {import('../pkg/ismvault.js').Playable} Kind */
/** @typedef {Kind & { parts: Blob[] }} Playable */
/** @typedef {Map<string, Uint8Array<ArrayBuffer>>} Keys by KID */
/** @typedef {{ plays: boolean, words: string }} Outcome */

const SECONDS = 20;
/** How long a picture may take to come. */
const PATIENCE = 8000;
const SYSTEM = 'org.w3.clearkey';
/** PlayReady's SystemID. */
const PLAYREADY = '9a04f079-9840-4286-ab92-e65be0885f95';

const base64url = (/** @type {Uint8Array} */ bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const unhex = (/** @type {string} */ text) => Uint8Array.from(text.replace(/[^0-9a-f]/gi, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
const mime = (/** @type {Kind} */ { mime: type, video, audio }) => `${type}; codecs="${[...video, ...audio].join(', ')}"`;
/** What EME is asked for: video and audio each by itself. */
const capabilities = (/** @type {Kind} */ { video, audio }) => ({
  ...(video.length && { videoCapabilities: video.map((codec) => ({ contentType: `video/mp4; codecs="${codec}"` })) }),
  ...(audio.length && { audioCapabilities: audio.map((codec) => ({ contentType: `audio/mp4; codecs="${codec}"` })) }),
});
const wanted = (/** @type {Kind} */ kind) => [{ initDataTypes: ['keyids'], ...capabilities(kind) }];
const keyIds = (/** @type {Iterable<string>} */ kids) => new TextEncoder().encode(JSON.stringify({ kids: [...kids].map((kid) => base64url(unhex(kid))) }));

/**
 * A pssh box of PlayReady, from its data (ISO/IEC 23001-7 §8.1).
 *
 * @param {string} data in base64
 */
function psshOf(data) {
  const own = bytesOf(data) ?? new Uint8Array();
  const box = new Uint8Array(32 + own.length);
  const view = new DataView(box.buffer);
  view.setUint32(0, box.length);
  box.set(new TextEncoder().encode('pssh'), 4);
  box.set(unhex(PLAYREADY), 12);
  view.setUint32(28, own.length);
  box.set(own, 32);
  return box;
}

/** @param {import('../licence.js').Answer} answer */
const answered = ({ status, seconds, keys }) => `The server answered ${status} in ${seconds.toFixed(1)} s${keys.length ? `; keys: ${keys.join(', ')}` : ''}.`;

/**
 * Bytes of hex or of base64; null of neither.
 *
 * @param {string} text
 */
function bytesOf(text) {
  if (/^([0-9a-f]{2})+$/i.test(text)) return unhex(text);
  try {
    return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  } catch {
    return null;
  }
}

/**
 * Keys as a person writes them, by KID: KEY for all, or KID:KEY.
 *
 * @param {string} text
 * @param {string[]} kids
 */
function keysOf(text, kids) {
  /** @type {Keys} */
  const keys = new Map();
  for (const word of text.split(/[\s,;]+/).filter(Boolean)) {
    const at = word.lastIndexOf(':');
    const kid = at < 0 ? null : word.slice(0, at).replace(/[^0-9a-f]/gi, '').toLowerCase();
    const key = word.slice(at + 1);
    const raw = bytesOf(key);
    if (raw?.length !== 16) throw new Error(`The key is ${raw ? `${raw.length} bytes` : 'neither hex nor base64'}; AES-128 needs 16 bytes. Paste 32 hex digits or 24 base64 characters.`);
    for (const known of kids) if (!kid || known.replace(/-/g, '') === kid) keys.set(known, raw);
  }
  const missing = kids.find((kid) => !keys.has(kid));
  if (missing) throw new Error(`There is no key for the KID ${missing}. Put it in front of its key: KID:KEY.`);
  return keys;
}

/**
 * @param {HTMLVideoElement} video
 * @param {Playable} playable
 * @param {Keys} keys
 */
async function clearKey(video, playable, keys) {
  const access = await navigator.requestMediaKeySystemAccess(SYSTEM, wanted(playable));
  const mediaKeys = await access.createMediaKeys();
  await video.setMediaKeys(mediaKeys);
  const session = mediaKeys.createSession();
  const licence = { keys: [...keys].map(([kid, key]) => ({ kty: 'oct', kid: base64url(unhex(kid)), k: base64url(key) })), type: 'temporary' };
  session.addEventListener('message', () => session.update(new TextEncoder().encode(JSON.stringify(licence))));
  await session.generateRequest('keyids', keyIds(keys.keys()));
}

/**
 * Feeds a video element; resolves when all is in the buffer.
 *
 * @param {HTMLVideoElement} video
 * @param {Playable} playable
 */
async function feed(video, playable) {
  // Not every browser has it, and types do not know it yet.
  const Managed = /** @type {typeof MediaSource | undefined} */ (/** @type {any} */ (globalThis).ManagedMediaSource);
  const Source = Managed ?? MediaSource;
  if (!Source.isTypeSupported(mime(playable))) throw new Error(`This browser cannot play ${mime(playable)}.`);
  const source = new Source();
  if (Managed) video.disableRemotePlayback = true;
  const url = URL.createObjectURL(source);
  video.src = url;
  await new Promise((resolve) => source.addEventListener('sourceopen', resolve, { once: true }));
  URL.revokeObjectURL(url);
  const buffer = source.addSourceBuffer(mime(playable));
  buffer.timestampOffset = -playable.start; // WebKit waits for media at zero
  for (const part of playable.parts) {
    const data = await part.arrayBuffer();
    if (video.error) return;
    await new Promise((/** @type {(done: unknown) => void} */ resolve, reject) => {
      buffer.addEventListener('updateend', resolve, { once: true });
      buffer.addEventListener('error', () => reject(new Error('The browser does not take the boxes of this file.')), { once: true });
      try {
        buffer.appendBuffer(data);
      } catch (/** @type {any} */ error) {
        reject(error);
      }
    });
  }
  if (source.readyState === 'open') source.endOfStream();
}

/**
 * Plays, and says what came of it.
 *
 * @param {HTMLVideoElement} video
 * @param {Playable} playable
 * @param {() => Promise<unknown>} [unlock]
 * @returns {Promise<Outcome>}
 */
async function trial(video, playable, unlock) {
  try {
    await unlock?.();
    const fed = feed(video, playable);
    fed.catch(() => {});
    const failed = new Promise((/** @type {(error: { message: string } | null) => void} */ resolve) => video.addEventListener('error', () => resolve(video.error), { once: true }));
    const sound = playable.mime !== 'video/mp4';
    const running = (async () => {
      await fed;
      video.play().catch(() => {}); // may never settle where nothing comes
      const from = performance.now();
      while (performance.now() - from < PATIENCE) {
        const frames = video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
        if (video.currentTime > 0.5 && (sound || frames > 5)) return null;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return { message: 'nothing came within eight seconds' };
    })();
    const error = await Promise.race([failed, running]);
    if (!error) return { plays: true, words: sound ? 'It plays.' : `It plays: ${video.videoWidth} × ${video.videoHeight}.` };
    return { plays: false, words: `It does not play: ${(error.message || 'the decoder stopped').replace(/^PipelineStatus::/, '').replace(/:? *\{.*$/, '').replace(/\.$/, '')}.` };
  } catch (/** @type {any} */ error) {
    return { plays: false, words: `It does not play: ${error.message}` };
  }
}

export const play = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    const form = h('form', { autocomplete: 'off' });
    const [label, field] = secretArea('play-keys', 'The key; KID:KEY where there are several', form);
    const button = h('button', { class: 'primary' }, 'Play the first seconds');
    const intro = h('p', { class: 'muted' });
    form.append(intro, label, field, h('div', { class: 'actions-row' }, button));
    const out = h('div', { class: 'results', 'aria-live': 'polite' });
    const url = h('input', { id: 'licence-url', type: 'url', class: 'mono', spellcheck: 'false', autocomplete: 'off', required: true });
    const asking = h('button', {}, 'Ask for a licence and play');
    const server = h('form', { autocomplete: 'off', hidden: true }, h('label', { for: 'licence-url' }, 'Licence server'), url, h('div', { class: 'actions-row' }, asking));
    const can = h('div');
    const machine = h('details', {}, h('summary', {}, 'Which DRM systems this browser has'), can);
    body.append(form, server, out, machine);
    machine.addEventListener('toggle', async () => {
      if (!machine.open || can.childElementCount) return;
      const found = await systems();
      can.replaceChildren(rows(...found.map(({ name, words }) => /** @type {[string, string]} */ ([name, words]))));
    });
    const area = /** @type {HTMLTextAreaElement} */ (form.querySelector('textarea'));
    /** @type {import('../state.js').Shown} */
    let latest;
    let shown = '';
    let asked = 0;

    const screen = (/** @type {string} */ title) => {
      const video = h('video', { controls: true, playsInline: true, 'aria-label': title });
      video.muted = true;
      const words = h('p', { class: 'note' }, 'Loading …');
      return { video, words, root: h('figure', {}, h('figcaption', {}, h('b', {}, title)), video, words) };
    };
    const tell = (/** @type {{ words: HTMLElement }} */ { words }, /** @type {Outcome} */ { plays, words: text }, /** @type {boolean} */ good) => {
      words.className = `note ${good ? 'ok' : 'bad'}`;
      words.textContent = t(text);
      return plays;
    };

    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const mine = ++asked;
      const { file, run } = latest;
      const written = run?.phase === 'done' ? run : null;
      const media = written?.output ?? file;
      if (!media || button.disabled) return;
      button.disabled = true;
      out.replaceChildren(h('p', { class: 'muted' }, 'Reading …'));
      try {
        const playable = await actions.call('playable', { file: media, seconds: SECONDS });
        if (mine !== asked) return;
        if (!playable.protected) {
          const one = screen('This file');
          out.replaceChildren(h('div', { class: 'screens' }, one.root));
          const result = await trial(one.video, playable);
          tell(one, result, result.plays);
          return say(result.words);
        }
        const given = written?.secret ? written.secret.map(({ kid, key }) => `${kid}:${key}`).join(' ') : area.value;
        if (!given.trim()) return out.replaceChildren(h('p', { class: 'note bad', role: 'alert' }, 'The file is protected. Paste its key to play it.'));
        const keys = keysOf(given, playable.kids);
        const wrong = new Map([...keys].map(([kid, key]) => [kid, key.map((byte) => byte ^ 0x5a)]));
        const [right, other] = [screen('With the key'), screen('With a wrong key')];
        let first;
        const eme = await Promise.resolve(navigator.requestMediaKeySystemAccess?.(SYSTEM, wanted(playable))).then(Boolean, () => false);
        out.replaceChildren(h('div', { class: 'screens' }, right.root, eme && other.root));
        if (eme) {
          first = await trial(right.video, playable, () => clearKey(right.video, playable, keys));
          const second = await trial(other.video, playable, () => clearKey(other.video, playable, wrong));
          if (mine !== asked) return;
          tell(right, first, first.plays);
          tell(other, second.plays ? { plays: true, words: 'This browser plays on with a wrong key and shows garbage; look at the picture.' } : { plays: false, words: `As it should be: ${second.words[0].toLowerCase()}${second.words.slice(1)}` }, !second.plays);
        } else {
          const clear = await actions.call('playable', { file: media, seconds: SECONDS, keys: given });
          first = await trial(right.video, clear);
          if (mine !== asked) return;
          tell(right, { ...first, words: [first.words, 'This browser has no ClearKey, so it was decrypted by this page.'].join(' ') }, first.plays);
        }
        say(`With the key: ${first.words}`);
      } catch (/** @type {any} */ refusal) {
        if (mine === asked) out.replaceChildren(refused(refusal));
      } finally {
        button.disabled = false;
      }
    });

    server.addEventListener('submit', async (event) => {
      event.preventDefault();
      const { file, run, inspection } = latest;
      const media = run?.phase === 'done' ? run.output : file;
      if (!media || !inspection || asking.disabled) return;
      const mine = ++asked;
      asking.disabled = true;
      out.replaceChildren(h('p', { class: 'muted' }, 'Reading …'));
      try {
        const playable = await actions.call('playable', { file: media, seconds: SECONDS });
        const own = inspection.systems.find(({ system_id: id }) => id === PLAYREADY);
        const granted = await access(capabilities(playable), Boolean(own));
        const one = screen(`With a licence, by ${granted.keySystem}`);
        if (mine !== asked) return;
        out.replaceChildren(h('div', { class: 'screens' }, one.root));
        /** @type {import('../licence.js').Answer | null} */
        let answer = null;
        const asks = granted.keySystem === SYSTEM ? { type: 'keyids', data: keyIds(playable.kids) } : { type: 'cenc', data: psshOf(own?.data_base64 ?? '') };
        const result = await trial(one.video, playable, async () => {
          answer = await ask(one.video, granted, { url: url.value, ...asks });
          if (answer.body) throw new Error(`the server refuses (${answer.status})`);
        });
        if (mine !== asked) return;
        tell(one, { ...result, words: `${answer ? answered(answer) : ''} ${result.words}`.trim() }, result.plays);
        // A server's words may be known: PlayReady's have numbers.
        const refusal = /** @type {import('../licence.js').Answer | null} */ (answer)?.body;
        if (refusal) {
          const decoded = await actions.call('recognise', { bytes: refusal }).catch(() => null);
          out.append(decoded ? decodedView(decoded) : block(new TextDecoder().decode(refusal.subarray(0, 4000)), 'what the server says'));
        }
        say(result.words);
      } catch (/** @type {any} */ refusal) {
        if (mine === asked) out.replaceChildren(refused(refusal));
      } finally {
        asking.disabled = false;
      }
    });

    return (/** @type {import('../state.js').Shown} */ state) => {
      latest = state;
      server.hidden = !state.servers.length || !state.inspection?.tracks.some((track) => track.protection);
      const named = state.licence || state.inspection?.systems.find((system) => system.header?.la_url)?.header?.la_url || '';
      if (url.dataset.named !== named) {
        url.dataset.named = named;
        url.value = named;
      }
      const now = `${state.key} ${state.run?.phase === 'done'}`;
      if (now !== shown) {
        shown = now;
        asked += 1;
        button.disabled = false;
        area.value = '';
        out.replaceChildren(); // the media goes with its elements
      }
      const output = state.run?.phase === 'done' ? state.run : null;
      const locked = output ? !output.secret : Boolean(state.inspection?.tracks.some((track) => track.protection));
      label.hidden = field.hidden = !locked;
      area.required = locked;
      intro.textContent = output
        ? 'What was written goes through this browser’s decoder, with its key and with a wrong one.'
        : 'The file goes through this browser’s decoder. What a browser does not read in it (PIFF’s boxes, missing decode times) is written anew on the way.';
    };
  },
};
