// Folders at a time: every title of a folder protected into another, one after
// the other, with a journal in the output folder so that a closed tab goes on.

import { bytes, download, h, plural, refused, say, wait } from '../dom.js';
import { fieldOf, valuesOf } from '../fields.js';
import { isMedia, stem } from '../names.js';

const JOURNAL = 'ismvault-journal.json';
const KEYS = 'ismvault-keys.csv';
const folderOf = (path) => path.replace(/[^/]*$/, '');

/** Every file below a folder, `{path, file}`. */
async function walk(handle, path = '') {
  const found = [];
  for await (const [name, child] of handle.entries()) {
    if (child.kind === 'directory') found.push(...await walk(child, `${path}${name}/`));
    else if (isMedia(name) || /\.ism$/i.test(name)) found.push({ path: path + name, file: await child.getFile() });
  }
  return found;
}

/** What a path is without the extension of its last part. */
const bare = (path) => path.replace(/\.[^./]+$/, '');

/**
 * Titles: a set for each .ism, and every other media file by itself. Outputs lie
 * as their inputs do, so that no two have one name, now or with more files later.
 */
async function titlesOf(files, actions) {
  const titles = [];
  const taken = new Set();
  for (const { path, file } of files.filter((f) => /\.ism$/i.test(f.path))) {
    const sources = await actions.core('sources', { file }).catch(() => []);
    const own = files.filter((f) => isMedia(f.path) && folderOf(f.path) === folderOf(path) && sources.includes(f.path.slice(folderOf(path).length)));
    if (!own.length) continue;
    for (const f of own) taken.add(f.path);
    titles.push({ path, files: own });
  }
  for (const f of files) if (isMedia(f.path) && !taken.has(f.path)) titles.push({ path: f.path, files: [f] });
  const alike = new Map();
  for (const { path } of titles) alike.set(bare(path), (alike.get(bare(path)) ?? 0) + 1);
  titles.sort((a, b) => a.path.localeCompare(b.path));
  return titles.map((title) => {
    // film.ismv and film.mp4 side by side keep their extensions apart.
    const name = alike.get(bare(title.path)) > 1 ? title.path : bare(title.path);
    return { ...title, name, output: `${name}.mp4`, status: 'waiting', own: null };
  });
}

/** A file of a folder, by its path; with `create`, and the folders in front of it. */
async function place(folder, path, create = false) {
  const parts = path.split('/');
  const name = parts.pop();
  let at = folder;
  for (const part of parts) at = await at.getDirectoryHandle(part, { create });
  return { folder: at, name };
}

async function readText(folder, name) {
  try {
    return await (await (await folder.getFileHandle(name)).getFile()).text();
  } catch {
    return null; // not there
  }
}

async function writeText(folder, name, text) {
  const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
  await writable.write(text);
  await writable.close();
}

/** The key a list has for a title: by its path, its name, or for all others. */
function listed(entries, title) {
  const names = [title.output, title.path, title.name, stem(title.path), `${stem(title.path)}.mp4`, title.path.replace(/^.*\//, ''), '*'];
  for (const name of names) {
    const own = entries.filter(({ output }) => output === name);
    if (own.length) return own.at(-1);
  }
  return null;
}

export const batch = {
  mount(body, actions) {
    let titles = [];
    let output = null;
    let source = null;
    let live = null;
    let journal = { done: {} };
    let shown = [];
    let job = {};

    const picker = h('input', { type: 'file', multiple: true, webkitdirectory: true, hidden: true, 'aria-label': 'Folder with titles' });
    const input = h('button', { type: 'button', id: 'batch-in' }, 'Choose the folder with the titles');
    const to = h('button', { type: 'button', id: 'batch-out', hidden: !globalThis.showDirectoryPicker }, 'Choose the folder to write to');
    const where = h('p', { class: 'small muted' }, globalThis.showDirectoryPicker ? '' : 'This browser cannot write into a folder: each title is offered as a download when it is done.');
    const common = h('div', { class: 'common' });
    const more = h('details', {}, h('summary', {}, 'More options'));
    const under = h('input', { id: 'batch-under', type: 'number', min: '1', class: 'short' });
    const radio = (value, label, checked) => h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'keys', value, checked }), label);
    const list = h('textarea', { id: 'batch-list', rows: 3, spellcheck: 'false', autocomplete: 'off', class: 'mono secret', placeholder: 'name, KID, key' });
    const listField = h('div', { class: 'field', hidden: true }, h('label', { for: 'batch-list' }, 'Keys, one title a line: name or path, KID, key; the name * is for all others'), list);
    const start = h('button', { class: 'primary' }, 'Protect all');
    const stop = h('button', { type: 'button', hidden: true }, 'Stop');
    const rows = h('tbody');
    const table = h('div', { class: 'scroll', hidden: true }, h('table', {}, h('thead', {}, h('tr', {}, h('th', {}, 'Title'), h('th', { class: 'num' }, 'Size'), h('th', {}, 'State'), h('th', {}, ''))), rows));
    const words = h('p', { role: 'status' });
    const problem = h('div');
    const form = h('form', { autocomplete: 'off' },
      h('div', { class: 'actions-row' }, input, picker, to), where,
      common,
      h('div', { class: 'field' }, h('label', { for: 'batch-under' }, 'Of a set (.ism), the best video under so many kbit/s'), under),
      h('fieldset', {}, h('legend', {}, 'Keys'), radio('random', `A random KID and key for each title, listed in ${KEYS}`, true), radio('list', 'From a list'), listField),
      more,
      h('div', { class: 'actions-row' }, start, stop), problem);
    body.append(form, words, table);
    form.addEventListener('change', () => { listField.hidden = form.elements.keys.value !== 'list'; });
    addEventListener('pagehide', () => { list.value = ''; });

    function draw() {
      table.hidden = !titles.length;
      rows.replaceChildren(...titles.map((title) => {
        title.state = h('td', { class: 'wrap' });
        title.act = h('td');
        title.row = h('tr', {}, h('td', { class: 'wrap' }, title.name, title.files.length > 1 && h('small', {}, plural(title.files.length, 'file'))), h('td', { class: 'num' }, bytes(title.files.reduce((sum, f) => sum + f.file.size, 0))), title.state, title.act);
        tell(title);
        return title.row;
      }));
    }

    function tell(title) {
      const { status, part, reason, link } = title;
      const shown = { waiting: 'Waiting', done: 'Done', before: 'Done before', skipped: 'Skipped', failed: `Failed: ${reason}`, running: part == null ? 'Reading …' : `${Math.floor(part * 100)} % ${title.left ?? ''}` }[status];
      if (title.state.textContent !== shown) title.state.replaceChildren(status === 'failed' ? h('span', { class: 'bad' }, shown) : shown);
      const button = (text, next) => {
        const b = h('button', { type: 'button', class: 'copy', 'aria-label': `${text} ${title.name}` }, text);
        b.addEventListener('click', () => {
          title.status = next;
          tell(title);
          if (next === 'waiting' && !live) form.requestSubmit(start);
        });
        return b;
      };
      const act = { waiting: () => button('Skip', 'skipped'), skipped: () => button('Take', 'waiting'), failed: () => button('Retry', 'waiting'), before: () => button('Again', 'waiting'), done: () => link }[status]?.();
      title.act.replaceChildren(act ?? '');
    }

    function summary() {
      const count = (...states) => titles.filter((t) => states.includes(t.status)).length;
      const failed = count('failed');
      words.textContent = titles.length ? `${plural(titles.length, 'title')}: ${count('done', 'before')} done, ${failed} failed, ${count('waiting', 'running')} to do.` : '';
    }

    async function take(files) {
      problem.replaceChildren();
      titles = await titlesOf(files, actions);
      if (!titles.length) problem.replaceChildren(refused({ message: 'There is no media file in this folder.' }));
      await resume();
      draw();
      summary();
    }

    /** Titles that the journal of the output folder knows, and that are there. */
    async function resume() {
      if (!output) return;
      journal = { done: {} };
      try {
        journal = { done: {}, ...JSON.parse(await readText(output, JOURNAL) ?? '{}') };
      } catch {
        // A journal that cannot be read knows nothing.
      }
      for (const title of titles) {
        const known = journal.done[title.output];
        const there = known && await place(output, title.output).then(({ folder, name }) => folder.getFileHandle(name)).then((handle) => handle.getFile()).catch(() => null);
        if (there && there.size === known.size && title.status === 'waiting') title.status = 'before';
      }
    }

    input.addEventListener('click', async () => {
      if (!globalThis.showDirectoryPicker) return picker.click();
      try {
        source = await showDirectoryPicker({ id: 'titles' });
        await take(await walk(source));
      } catch (error) {
        if (error.name !== 'AbortError') problem.replaceChildren(refused({ message: `The folder cannot be read: ${error.message}` }));
      }
    });
    picker.addEventListener('change', () => take([...picker.files].map((file) => ({ path: file.webkitRelativePath || file.name, file })).filter(({ path }) => isMedia(path) || /\.ism$/i.test(path))));
    to.addEventListener('click', async () => {
      try {
        output = await showDirectoryPicker({ id: 'output', mode: 'readwrite' });
        where.textContent = `Writes to ${output.name}. What is done is noted there in ${JOURNAL}; choose the same folder again to go on.`;
        await resume();
        draw();
        summary();
      } catch (error) {
        if (error.name !== 'AbortError') problem.replaceChildren(refused({ message: `The folder cannot be used: ${error.message}` }));
      }
    });
    stop.addEventListener('click', () => live?.abort());

    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (live) return;
      problem.replaceChildren();
      let keys = null;
      try {
        if (!titles.length) throw new Error('Choose the folder with the titles first.');
        if (globalThis.showDirectoryPicker && !output) throw new Error('Choose the folder to write to.');
        if (output && await source?.isSameEntry(output)) throw new Error('Choose another folder to write to: in this one, protected files would take the place of clear ones.');
        const waiting = titles.filter((t) => t.status === 'waiting');
        if (form.elements.keys.value === 'list') keys = await actions.core('readKeyList', { text: list.value });
        const without = keys && waiting.find((t) => !listed(keys, t));
        if (without) throw new Error(`The list has no key for ${without.name}.`);
        // Without a folder, one download of keys comes before those of files.
        if (!keys && !output) await makeKeys(waiting);
      } catch (error) {
        return problem.replaceChildren(refused(error));
      }
      job = valuesOf(form, shown);
      if (job.profile === 'cbcs') delete job.iv_size;
      live = new AbortController();
      [start.disabled, stop.hidden, input.disabled, to.disabled] = [true, false, true, true];
      actions.busy(true);
      for (let title; !live.signal.aborted && (title = titles.find((t) => t.status === 'waiting'));) await one(title, keys, live.signal);
      actions.busy(false);
      live = null;
      [start.disabled, stop.hidden, input.disabled, to.disabled] = [false, true, false, false];
      summary();
      say(words.textContent);
    });

    /**
     * A key at random for each title that has none yet. They are in the list, or
     * downloaded, before anything is protected with them; and none is ever taken
     * out of a list: it may be the only one of a file.
     */
    async function makeKeys(waiting) {
      const fresh = waiting.filter((title) => !title.own);
      if (!fresh.length) return;
      for (const title of fresh) title.own = await actions.core('newKey');
      const added = fresh.map(({ output: path, own }) => ({ output: path, ...own }));
      try {
        if (!output) return download(await actions.core('writeKeyList', { entries: added }), KEYS, 'text/csv');
        await alone(async () => {
          const old = await readText(output, KEYS);
          const before = old === null ? [] : await actions.core('readKeyList', { text: old });
          await writeText(output, KEYS, await actions.core('writeKeyList', { entries: [...before, ...added] }));
        });
      } catch (error) {
        for (const title of fresh) title.own = null;
        throw new Error(`${KEYS} cannot be written (${error.message}), so nothing is protected: the keys would be lost.`);
      }
    }

    /** Two tabs may write into one folder. */
    const alone = (work) => (navigator.locks ? navigator.locks.request(KEYS, work) : work());

    async function one(title, keys, signal) {
      const opened = [];
      title.status = 'running';
      title.part = null;
      tell(title);
      summary();
      try {
        for (const { file, path } of title.files) {
          const key = actions.newKey();
          await actions.core('inspect', { key, file }, { signal });
          opened.push({ key, name: path });
        }
        let key = opened[0].key;
        if (opened.length > 1) {
          const { best } = await actions.core('candidates', { keys: opened.map((o) => o.key), under: under.value ? Number(under.value) * 1000 : undefined });
          const inputs = best.map(([file, tracks]) => ({ ...opened[file], tracks }));
          const { blob } = await actions.core('mux', { inputs }, { signal });
          key = actions.newKey();
          opened.push({ key });
          await actions.core('inspect', { key, file: blob }, { signal });
        }
        // What cannot be protected needs no key.
        await actions.core('preview', { key, options: job });
        if (!keys) await makeKeys([title]);
        const { kid, key: secret } = keys ? listed(keys, title) : title.own;
        const options = { ...job, kid, key: secret };
        const to = output && await place(output, title.output, true);
        const fileName = title.output.replaceAll('/', '_');
        const choice = output
          ? { kind: 'picked', name: to.name, from: title.name, handle: await to.folder.getFileHandle(`${to.name}.part`, { create: true }), folder: to.folder, rename: to.name }
          : { kind: navigator.storage?.getDirectory ? 'stored' : 'memory', name: fileName, from: title.name };
        const started = performance.now();
        const update = ({ done, total }) => {
          if (!total) return;
          title.part = done / total;
          title.left = wait((performance.now() - started) / 1000 / title.part * (1 - title.part));
          tell(title);
        };
        const result = await actions.core('protect', { key, options, choice, secret: false }, { signal, update });
        if (result.file) {
          const href = URL.createObjectURL(result.file);
          title.link = h('a', { class: 'button', href, download: fileName }, 'Download');
          title.link.click();
        }
        title.status = 'done';
        if (output) {
          const sha256 = await actions.core('hash', { file: result.written }, { signal });
          journal.done[title.output] = { size: result.size, sha256, kids: result.receipt.keys.map((k) => k.kid) };
          await writeText(output, JOURNAL, `${JSON.stringify(journal, null, 2)}\n`);
        }
      } catch (refusal) {
        title.status = refusal.code === 'cancelled' ? 'waiting' : 'failed';
        title.reason = `${refusal.message}${refusal.place ? ` (${refusal.place})` : ''}`;
      } finally {
        for (const { key } of opened) actions.core('close', { key }).catch(() => {});
        tell(title);
        summary();
      }
    }

    return ({ tables }) => {
      if (!tables || shown.length) return;
      shown = tables.protect.filter(({ place }) => place === 'plain' || place === 'more');
      const at = (wanted) => shown.filter(({ place }) => place === wanted).map((row) => fieldOf(row, 'batch'));
      common.append(...at('plain'));
      more.append(...at('more'));
    };
  },
};
