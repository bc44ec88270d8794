// The titles of a folder, what they are written to, and the keys they have.

import { isMedia, stem } from './names.js';

/** @typedef {import('./folders.js').Listed} Listed */
/** @typedef {import('./pkg/ismvault.js').Entry} Entry */
/** @typedef {{ path: string, name: string, output: string, files: Listed[] }} Title */

const folderOf = (/** @type {string} */ path) => path.replace(/[^/]*$/, '');
/** What a path is without the extension of its last part. */
const bare = (/** @type {string} */ path) => path.replace(/\.[^./]+$/, '');

/**
 * Titles: a set for each .ism, and every other media file by itself. Outputs lie
 * as their inputs do, so that no two have one name, now or with more files later.
 *
 * @param {Listed[]} files
 * @param {(manifest: File) => Promise<string[]>} sources the files a manifest names
 * @returns {Promise<Title[]>}
 */
export async function titlesOf(files, sources) {
  /** @type {{ path: string, files: Listed[] }[]} */
  const titles = [];
  const taken = new Set();
  for (const { path, file } of files.filter((f) => /\.ism$/i.test(f.path))) {
    const named = await sources(file);
    const own = files.filter((f) => isMedia(f.path) && folderOf(f.path) === folderOf(path) && named.includes(f.path.slice(folderOf(path).length)));
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
    return { ...title, name, output: `${name}.mp4` };
  });
}

/**
 * The key a list has for a title: by its path, its name, or for all others.
 *
 * @param {Entry[]} entries
 * @param {Title} title
 */
export function keyFor(entries, title) {
  const names = [title.output, title.path, title.name, stem(title.path), `${stem(title.path)}.mp4`, title.path.replace(/^.*\//, ''), '*'];
  for (const name of names) {
    const own = entries.filter(({ output }) => output === name);
    if (own.length) return own.at(-1);
  }
  return null;
}
