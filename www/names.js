// What names of files say, by the core's lists of extensions.

let media = [];
let manifests = [];

/** Takes the lists in, once the core is there. */
export function know(tables) {
  ({ media, manifests } = tables);
}

const extension = (name) => name.match(/\.([^./\\]+)$/)?.[1].toLowerCase();

export const isMedia = (name) => media.includes(extension(name));
export const isManifest = (name) => manifests.includes(extension(name));
export const stem = (path) => path.replace(/^.*[/\\]/, '').replace(/\.[^.]+$/, '');
