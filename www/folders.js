// Folders on the user's disk, where the browser lets a page write there.

import { isMedia } from './names.js';

/** @typedef {{ path: string, file: File }} Listed a file of a folder, by its path there */

/**
 * Asks for a folder; undefined where the browser cannot. Types do not know it yet.
 *
 * @returns {((options: { id?: string, mode?: 'read' | 'readwrite' }) => Promise<FileSystemDirectoryHandle>) | undefined}
 */
export const pickFolder = () => /** @type {any} */ (globalThis).showDirectoryPicker;

/** Whether a batch takes a file. */
export const isTitle = (/** @type {string} */ path) => isMedia(path) || /\.ism$/i.test(path);

/**
 * Every file below a folder that a batch takes.
 *
 * @param {FileSystemDirectoryHandle} handle
 * @param {string} path
 * @returns {Promise<Listed[]>}
 */
export async function walk(handle, path = '') {
  /** @type {Listed[]} */
  const found = [];
  for await (const [name, child] of handle.entries()) {
    if (child.kind === 'directory') found.push(...await walk(/** @type {FileSystemDirectoryHandle} */ (child), `${path}${name}/`));
    else if (isTitle(name)) found.push({ path: path + name, file: await /** @type {FileSystemFileHandle} */ (child).getFile() });
  }
  return found;
}

/**
 * A file of a folder, by its path; with `create`, and the folders in front of it.
 *
 * @param {FileSystemDirectoryHandle} folder
 * @param {string} path
 */
export async function place(folder, path, create = false) {
  const parts = path.split('/');
  const name = parts.pop() ?? '';
  let at = folder;
  for (const part of parts) at = await at.getDirectoryHandle(part, { create });
  return { folder: at, name };
}

/**
 * The text of a file; null where there is none.
 *
 * @param {FileSystemDirectoryHandle} folder
 * @param {string} name
 */
export async function readText(folder, name) {
  let handle;
  try {
    handle = await folder.getFileHandle(name);
  } catch (/** @type {any} */ error) {
    if (error.name === 'NotFoundError') return null;
    throw error;
  }
  return (await handle.getFile()).text();
}

/**
 * @param {FileSystemDirectoryHandle} folder
 * @param {string} name
 * @param {string} text
 */
export async function writeText(folder, name, text) {
  const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
  await writable.write(text);
  await writable.close();
}
