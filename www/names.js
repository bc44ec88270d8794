// What names of files say, by the core's lists of extensions.

/** @type {string[]} */
let media = [];
/** @type {string[]} */
let manifests = [];

/**
 * Takes the lists in, once the core is there.
 *
 * @param {{ media: string[], manifests: string[] }} tables
 */
export function know(tables) {
  ({ media, manifests } = tables);
}

const extension = (/** @type {string} */ name) => name.match(/\.([^./\\]+)$/)?.[1].toLowerCase() ?? '';

export const isMedia = (/** @type {string} */ name) => media.includes(extension(name));
export const isManifest = (/** @type {string} */ name) => manifests.includes(extension(name));
export const stem = (/** @type {string} */ path) => path.replace(/^.*[/\\]/, '').replace(/\.[^.]+$/, '');
