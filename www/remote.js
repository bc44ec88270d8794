// The page that may connect: to the servers that are named, and to nothing else. It
// is index.html with another policy; a test keeps them the same.

import { $, block, h, say, t } from './dom.js';
import { nameIn, ServerError, settings } from './pkg/lib/server.js';

/** The servers this page may connect to; the policy cannot be widened again. */
let servers = /** @type {string[]} */ ([]);

/**
 * An address that was named, as one to connect to.
 *
 * @param {string} text
 * @param {string} what
 */
function addressOf(text, what) {
  let url;
  try {
    url = new URL(text.trim());
  } catch {
    throw new Error(`${what} is no address. It begins with https://.`);
  }
  const loopback = ['localhost', '127.0.0.1'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) throw new Error(`${what} must begin with https://.`);
  // What stands in a policy for more than itself.
  if (/[^\w.:[\]-]/.test(url.host)) throw new Error(`${what} names no server: ${url.host}.`);
  if (url.username || url.password) throw new Error(`${what} has a name or a password in it. Use one without.`);
  return url;
}

/**
 * Allows these servers and no other from here on: two policies hold together. The
 * core starts after that, so its workers have both.
 *
 * @param {string[]} origins
 */
async function connect(origins) {
  document.head.append(h('meta', { 'http-equiv': 'Content-Security-Policy', content: `connect-src 'self' ${origins.join(' ')}` }));
  servers = origins;
  $('privacy').textContent = t(`This page may connect to ${origins.map((origin) => new URL(origin).host).join(' and ')}, and to no other server.`);
  return import('./main.js');
}

const field = (/** @type {string} */ id, /** @type {string} */ label, /** @type {string} */ hint) => {
  const input = h('input', { id, type: 'url', class: 'mono', spellcheck: 'false', autocomplete: 'off', 'aria-describedby': `${id}-hint`, placeholder: 'https://…' });
  return { input, root: h('div', { class: 'field' }, h('label', { for: id }, label), input, h('p', { id: `${id}-hint`, class: 'small muted' }, hint)) };
};
const file = field('remote-url', 'Address of the file', 'Its headers are read, and a few samples; all of it only when you ask for that. The address, and a signature (SAS) in it, are kept nowhere.');
const licence = field('remote-licence', 'Licence server, to try a licence (optional)', 'Play asks it for a licence. A file may then also be one of this machine.');
const out = h('div', { class: 'results', role: 'alert' });
const button = h('button', { class: 'primary' }, 'Connect');
const form = h('form', { autocomplete: 'off', novalidate: true }, file.root, licence.root, h('div', { class: 'actions-row' }, button), out);
const section = h('details', { id: 'remote', class: 'card', open: true }, h('summary', {}, 'A file on a server'), form);
document.querySelector('main')?.prepend(section);
// What they lead to is loaded when it is known where this page may connect.
const later = ['start', 'links', 'commands', 'how', 'foot'].map((id) => $(id));
for (const part of later) part.hidden = true;

/** @param {unknown} error */
function refuse(error) {
  const message = error instanceof Error ? error.message : String(error);
  say(message);
  const help = error instanceof ServerError && error.name === 'cors'
    ? [h('p', { class: 'small' }, 'If the server is yours, let this page read from it:'),
      ...settings(location.origin).map(([name, text]) => h('details', {}, h('summary', {}, name), block(text, `settings for ${name}`)))]
    : [];
  out.replaceChildren(h('p', { class: 'note bad' }, message), ...help);
}

/** @param {string} url */
async function fetchWhole(url) {
  const { actions } = await import('./actions.js');
  const name = nameIn(url);
  out.replaceChildren();
  try {
    await actions.make({ type: 'fetch', data: { url, stamp: null }, name }, { live: new AbortController(), update() {}, seen: () => false });
    section.open = false;
  } catch (error) {
    refuse(error);
  }
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  out.replaceChildren(h('p', { class: 'muted' }, 'Connecting …'));
  let url = '';
  try {
    const named = file.input.value.trim() ? addressOf(file.input.value, 'The address of the file') : null;
    const asked = licence.input.value.trim() ? addressOf(licence.input.value, 'The licence server') : null;
    if (!named && !asked) throw new Error('Name a file, or a licence server.');
    const origins = [...new Set([named, asked].flatMap((one) => (one ? [one.origin] : [])))];
    const other = servers.length && origins.find((origin) => !servers.includes(origin));
    if (other) throw new Error(`This page may connect to ${servers.join(' and ')} only. For ${other} open it anew: reload it, or in another tab.`);
    if (!servers.length) {
      await connect(origins);
      for (const part of later.slice(1)) part.hidden = false;
    }
    const [{ openRemote }, { set }] = await Promise.all([import('./open.js'), import('./state.js')]);
    if (asked) set({ licence: asked.href });
    set({ servers });
    url = named?.href ?? '';
    if (named) await openRemote(url);
    out.replaceChildren(named ? '' : h('p', { class: 'note ok' }, 'Now open a file, and go to Play.'));
    section.open = !named;
  } catch (/** @type {any} */ error) {
    refuse(error);
    if (error.name === 'whole') {
      const all = h('button', { type: 'button' }, 'Fetch the whole file');
      all.addEventListener('click', () => fetchWhole(url || file.input.value));
      out.append(all);
    }
  } finally {
    button.disabled = false;
  }
});

// Another page may propose a file; who sits here decides.
addEventListener('message', ({ data, origin, source }) => {
  if (source === window || data?.ismvault !== 'open' || typeof data.url !== 'string') return;
  let url;
  try {
    url = addressOf(data.url, 'The address that it names');
  } catch (error) {
    return refuse(error);
  }
  const open = h('button', { type: 'button', class: 'primary' }, 'Open it');
  const no = h('button', { type: 'button' }, 'No');
  open.addEventListener('click', () => {
    file.input.value = url.href;
    form.requestSubmit();
  });
  no.addEventListener('click', () => out.replaceChildren());
  section.open = true;
  // The focus stays where it is: whoever types must not agree by a key meant for something else.
  out.replaceChildren(h('p', { class: 'note' }, h('b', {}, origin), ' asks to open ', h('b', {}, url.pathname.split('/').pop() ?? ''), ' from ', h('b', {}, url.host), '.'), h('div', { class: 'actions-row' }, open, no));
});
opener?.postMessage({ ismvault: 'ready' }, '*');
file.input.focus();
