// Folders at a time: every title of a folder protected into another, one after
// the other, with a journal in the output folder so that a closed tab goes on.

import { bytes, download, downloadUrl, h, inputOf, plural, refused, say, t, wait } from '../dom.js';
import { advance, inTurn, newJob } from '../queue.js';
import { fieldOf, valuesOf } from '../fields.js';
import { isTitle, pickFolder, place, readText, walk, writeText } from '../folders.js';
import { keyFor, titlesOf } from '../titles.js';

const JOURNAL = 'ismvault-journal.json';
const KEYS = 'ismvault-keys.csv';
/** @typedef {import('../pkg/ismvault.js').Entry} Entry */
/** @typedef {import('../pkg/ismvault.js').KeyPair} KeyPair */
/** @typedef {import('../pkg/ismvault.js').Protect} Protect */
/** @typedef {'waiting' | 'running' | 'done' | 'before' | 'skipped' | 'failed'} Status */
/**
 * A title in the table: `own` is its key where it was made here, `part` how far
 * it is, `cells` where it is told.
 *
 * @typedef {import('../titles.js').Title & {
 *   status: Status, own: KeyPair | null, part: number | null, left: string, reason: string, link: HTMLElement | null, made: Blob | null,
 *   cells: { state: HTMLElement, act: HTMLElement },
 * }} Row
 */
/** @typedef {{ done: Record<string, { size: number, sha256: string, kids: string[] }> }} Journal */

export const batch = {
  /**
   * @param {HTMLElement} body
   * @param {import('../actions.js').Actions} actions
   */
  mount(body, actions) {
    /** @type {Row[]} */
    let titles = [];
    /** @type {FileSystemDirectoryHandle | null} */
    let output = null;
    /** @type {FileSystemDirectoryHandle | null} */
    let source = null;
    /** @type {AbortController | null} */
    let live = null;
    /** @type {Journal} */
    let journal = { done: {} };
    /** @type {import('../pkg/ismvault.js').FormField[]} */
    let shown = [];
    /** @type {Protect} */
    let job = {};

    const picker = h('input', { type: 'file', multiple: true, webkitdirectory: true, hidden: true, 'aria-label': 'Folder with titles' });
    const input = h('button', { type: 'button', id: 'batch-in' }, 'Choose the folder with the titles');
    const to = h('button', { type: 'button', id: 'batch-out', hidden: !pickFolder() }, 'Choose the folder to write to');
    const where = h('p', { class: 'small muted' }, pickFolder() ? '' : 'This browser cannot write into a folder: each title is offered as a download when it is done.');
    const common = h('div', { class: 'common' });
    const more = h('details', {}, h('summary', {}, 'More options'));
    const under = h('input', { id: 'batch-under', type: 'number', min: '1', class: 'short' });
    const radio = (/** @type {string} */ value, /** @type {string} */ label, checked = false) => h('label', { class: 'choice' }, h('input', { type: 'radio', name: 'keys', value, checked }), label);
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
    form.addEventListener('change', () => { listField.hidden = inputOf(form, 'keys').value !== 'list'; });
    addEventListener('pagehide', () => { list.value = ''; });

    function draw() {
      table.hidden = !titles.length;
      rows.replaceChildren(...titles.map((title) => {
        title.cells = { state: h('td', { class: 'wrap' }), act: h('td') };
        const row = h('tr', {}, h('td', { class: 'wrap' }, h('span', { translate: 'no' }, title.name), title.files.length > 1 && h('small', {}, plural(title.files.length, 'file'))), h('td', { class: 'num' }, bytes(title.files.reduce((sum, f) => sum + f.file.size, 0))), title.cells.state, title.cells.act);
        tell(title);
        return row;
      }));
    }

    /** @param {Row} title */
    function tell(title) {
      const { status, part, reason, link, made, cells } = title;
      const words = { waiting: 'Waiting', done: 'Done', before: 'Done before', skipped: 'Skipped', failed: `Failed: ${reason}`, running: part == null ? 'Reading …' : `${Math.floor(part * 100)} % ${title.left}` }[status];
      if (cells.state.textContent !== t(words)) cells.state.replaceChildren(status === 'failed' ? h('span', { class: 'bad' }, words) : t(words));
      const button = (/** @type {string} */ text, /** @type {Status} */ next) => {
        const b = h('button', { type: 'button', class: 'copy', 'aria-label': `${text} ${title.name}` }, text);
        b.addEventListener('click', () => {
          title.status = next;
          tell(title);
          if (next === 'waiting' && !live) form.requestSubmit(start);
        });
        return b;
      };
      const show = () => {
        const b = h('button', { type: 'button', class: 'copy', 'aria-label': `Open ${title.output}` }, 'Open');
        b.addEventListener('click', () => made && actions.open(new File([made], title.output.split('/').pop() ?? title.output)));
        return made && b;
      };
      const acts = { waiting: () => [button('Skip', 'skipped')], skipped: () => [button('Take', 'waiting')], failed: () => [button('Retry', 'waiting')], before: () => [show(), button('Again', 'waiting')], done: () => [link, show()], running: () => [] }[status]();
      cells.act.replaceChildren(...acts.filter((act) => act != null));
    }

    function summary() {
      const count = (/** @type {Status[]} */ ...states) => titles.filter((t) => states.includes(t.status)).length;
      const failed = count('failed');
      words.textContent = t(titles.length ? `${plural(titles.length, 'title')}: ${count('done', 'before')} done, ${failed} failed, ${count('waiting', 'running')} to do.` : '');
    }

    /** @param {import('../folders.js').Listed[]} files */
    async function take(files) {
      problem.replaceChildren();
      const found = await titlesOf(files, (file) => actions.call('sources', { file }).catch(() => []));
      titles = found.map((title) => ({ ...title, status: 'waiting', own: null, part: null, left: '', reason: '', link: null, made: null, cells: { state: h('td'), act: h('td') } }));
      if (!titles.length) problem.replaceChildren(refused({ message: 'There is no media file in this folder.' }));
      await resume();
      draw();
      summary();
    }

    /** Titles that the journal of the output folder knows, and that are there. */
    async function resume() {
      const folder = output;
      if (!folder) return;
      journal = { done: {} };
      try {
        journal = { done: {}, ...JSON.parse(await readText(folder, JOURNAL) ?? '{}') };
      } catch {
        // A journal that cannot be read knows nothing.
      }
      for (const title of titles) {
        const known = journal.done[title.output];
        const there = known && await place(folder, title.output).then((at) => at.folder.getFileHandle(at.name)).then((handle) => handle.getFile()).catch(() => null);
        if (!there || there.size !== known.size || title.status !== 'waiting') continue;
        Object.assign(title, { status: 'before', made: there });
      }
    }

    input.addEventListener('click', async () => {
      const pick = pickFolder();
      if (!pick) return picker.click();
      try {
        source = await pick({ id: 'titles' });
        await take(await walk(source));
      } catch (/** @type {any} */ error) {
        if (error.name !== 'AbortError') problem.replaceChildren(refused({ message: `The folder cannot be read: ${error.message}` }));
      }
    });
    picker.addEventListener('change', () => take([...picker.files ?? []].map((file) => ({ path: file.webkitRelativePath || file.name, file })).filter(({ path }) => isTitle(path))));
    to.addEventListener('click', async () => {
      const pick = pickFolder();
      if (!pick) return;
      try {
        output = await pick({ id: 'output', mode: 'readwrite' });
        where.textContent = t(`Writes to ${output.name}. What is done is noted there in ${JOURNAL}; choose the same folder again to go on.`);
        await resume();
        draw();
        summary();
      } catch (/** @type {any} */ error) {
        if (error.name !== 'AbortError') problem.replaceChildren(refused({ message: `The folder cannot be used: ${error.message}` }));
      }
    });
    stop.addEventListener('click', () => live?.abort());

    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (live) return;
      problem.replaceChildren();
      /** @type {Entry[] | null} */
      let keys = null;
      try {
        if (!titles.length) throw new Error('Choose the folder with the titles first.');
        if (pickFolder() && !output) throw new Error('Choose the folder to write to.');
        if (output && await source?.isSameEntry(output)) throw new Error('Choose another folder to write to: in this one, protected files would take the place of clear ones.');
        const waiting = titles.filter((t) => t.status === 'waiting');
        if (inputOf(form, 'keys').value === 'list') keys = await actions.call('readKeyList', { text: list.value });
        const entries = keys;
        const without = entries && waiting.find((t) => !keyFor(entries, t));
        if (without) throw new Error(`The list has no key for ${without.name}.`);
        // Without a folder, one download of keys comes before those of files.
        if (!keys && !output) await makeKeys(waiting);
      } catch (/** @type {any} */ error) {
        return problem.replaceChildren(refused(error));
      }
      job = valuesOf(form, shown);
      if (job.profile === 'cbcs') delete job.iv_size;
      const now = new AbortController();
      live = now;
      [start.disabled, stop.hidden, input.disabled, to.disabled] = [true, false, true, true];
      const item = newJob('Batch', 'batch', now, null);
      let finished = 0;
      await inTurn(item, async () => {
        for (let title; !now.signal.aborted && (title = titles.find((t) => t.status === 'waiting'));) {
          await one(title, keys, item, () => finished);
          finished += 1;
        }
      }).catch(() => {}); // stopped before its turn
      live = null;
      [start.disabled, stop.hidden, input.disabled, to.disabled] = [false, true, false, false];
      summary();
      say(words.textContent);
    });

    /**
     * A key at random for each title that has none yet. They are in the list, or
     * downloaded, before anything is protected with them; and none is ever taken
     * out of a list: it may be the only one of a file.
     *
     * @param {Row[]} waiting
     */
    async function makeKeys(waiting) {
      const folder = output;
      const fresh = waiting.filter((title) => !title.own);
      if (!fresh.length) return;
      /** @type {Entry[]} */
      const added = [];
      for (const title of fresh) {
        title.own = await actions.call('newKey', undefined);
        added.push({ output: title.output, ...title.own });
      }
      try {
        if (!folder) return download(await actions.call('writeKeyList', { entries: added }), KEYS, 'text/csv');
        await alone(async () => {
          const old = await readText(folder, KEYS);
          const before = old === null ? [] : await actions.call('readKeyList', { text: old });
          await writeText(folder, KEYS, await actions.call('writeKeyList', { entries: [...before, ...added] }));
        });
      } catch (/** @type {any} */ error) {
        for (const title of fresh) title.own = null;
        throw new Error(`${KEYS} cannot be written (${error.message}), so nothing is protected: the keys would be lost.`);
      }
    }

    /** Two tabs may write into one folder. */
    const alone = (/** @type {() => Promise<void>} */ work) => (navigator.locks ? navigator.locks.request(KEYS, work) : work());

    /**
     * Protects a title, with its key of a list or its own.
     *
     * @param {Row} title
     * @param {Entry[] | null} keys
     * @param {import('../queue.js').Job} item
     * @param {() => number} finished how many were done before it
     */
    async function one(title, keys, item, finished) {
      const { signal } = item.live;
      /** @type {import('../pkg/lib/jobs/making.js').Input[]} */
      const opened = [];
      const folder = output;
      title.status = 'running';
      title.part = null;
      tell(title);
      summary();
      try {
        for (const { file, path } of title.files) {
          const key = actions.newKey();
          await actions.call('inspect', { key, file }, { signal });
          opened.push({ key, name: path });
        }
        let key = opened[0].key;
        if (opened.length > 1) {
          const { best } = await actions.call('candidates', { keys: opened.map((o) => o.key), job: { under: under.value ? Number(under.value) : undefined } });
          const inputs = best.map(([file, tracks]) => ({ ...opened[file], tracks }));
          const { blob } = await actions.call('mux', { inputs }, { signal });
          key = actions.newKey();
          opened.push({ key, name: title.name });
          await actions.call('inspect', { key, file: blob }, { signal });
        }
        // What cannot be protected needs no key.
        await actions.call('preview', { key, options: job });
        if (!keys) await makeKeys([title]);
        const own = keys ? keyFor(keys, title) : title.own;
        if (!own) throw new Error(`The list has no key for ${title.name}.`);
        const options = { ...job, kid: own.kid, key: own.key };
        const to = folder && await place(folder, title.output, true);
        const fileName = title.output.replaceAll('/', '_');
        /** @type {import('../pkg/lib/sinks.js').Choice} */
        const choice = to
          ? { kind: 'picked', name: to.name, from: title.name, handle: await to.folder.getFileHandle(`${to.name}.part`, { create: true }), folder: to.folder, rename: to.name }
          : { kind: navigator.storage && 'getDirectory' in navigator.storage ? 'stored' : 'memory', name: fileName, from: title.name };
        const started = performance.now();
        const update = (/** @type {{ done: number, total: number }} */ { done, total }) => {
          if (!total) return;
          title.part = done / total;
          title.left = wait((performance.now() - started) / 1000 / title.part * (1 - title.part));
          tell(title);
          const left = titles.filter((t) => t.status === 'waiting').length + 1;
          advance(item, { done: finished() + title.part, total: finished() + left, step: 'part' });
        };
        const result = await actions.call('protect', { key, options, choice, secret: false }, { signal, update });
        if (result.file) {
          const href = downloadUrl(result.file, fileName);
          title.link = h('a', { class: 'button', href, download: fileName }, 'Download');
          title.link.click();
        }
        title.status = 'done';
        title.made = result.file ?? result.written ?? null;
        if (folder && result.written) {
          const sha256 = await actions.call('hash', { file: result.written }, { signal });
          journal.done[title.output] = { size: result.size, sha256, kids: result.receipt.keys.map((k) => k.kid) };
          await writeText(folder, JOURNAL, `${JSON.stringify(journal, null, 2)}\n`);
        }
      } catch (/** @type {any} */ refusal) {
        title.status = refusal.code === 'cancelled' ? 'waiting' : 'failed';
        title.reason = `${refusal.message}${refusal.place ? ` (${refusal.place})` : ''}`;
      } finally {
        for (const { key } of opened) actions.call('close', { key }).catch(() => {});
        tell(title);
        summary();
      }
    }

    return (/** @type {import('../state.js').Shown} */ { tables }) => {
      if (!tables || shown.length) return;
      shown = tables.protect.filter(({ place }) => place === 'plain' || place === 'more');
      const at = (/** @type {string} */ wanted) => shown.filter(({ place }) => place === wanted).map((row) => fieldOf(row, 'batch'));
      common.append(...at('plain'));
      more.append(...at('more'));
    };
  },
};
