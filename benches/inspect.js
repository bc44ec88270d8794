// Opens the same large file with ISMVault, mp4box and mediainfo.js, in turns,
// in this browser, and sends the times back. Run by `cargo xtask bench inspect`.

import { Core } from '/rpc.js';
import * as mp4box from '/npm/mp4box/dist/mp4box.all.mjs';
import mediaInfoFactory from '/npm/mediainfo.js/dist/esm-bundle/index.js';

const ROUNDS = 5;
const CHUNK = 1 << 20;

/** The file, in this browser's own storage: as real a File as one dropped. */
async function storedFile() {
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle('large.ismv', { create: true });
  const response = await fetch('/bench/large.ismv');
  await response.body.pipeTo(await handle.createWritable());
  return handle.getFile();
}

/** Every byte that is read through a slice of a File on this page. */
let read = 0;
const slice = Blob.prototype.slice;
Blob.prototype.slice = function (from, to, ...rest) {
  const part = slice.call(this, from, to, ...rest);
  if (this instanceof File) read += part.size;
  return part;
};

const core = new Core();
const ways = {
  async ismvault(file) {
    const found = await core.call('inspect', { key: 1, file });
    return { fragments: found.fragments };
  },

  /** As its own examples do, without keeping media; it says itself where to go on. */
  async mp4box(file) {
    const iso = mp4box.createFile(false);
    let ready = null;
    iso.onReady = (info) => { ready = info; };
    for (let at = 0; at < file.size;) {
      const buffer = await file.slice(at, at + CHUNK).arrayBuffer();
      const part = mp4box.MP4BoxBuffer ? mp4box.MP4BoxBuffer.fromArrayBuffer(buffer, at) : Object.assign(buffer, { fileStart: at });
      const next = iso.appendBuffer(part);
      at = next > at ? next : at + CHUNK;
    }
    iso.flush();
    return { fragments: iso.moofs?.length ?? iso.boxes.filter((box) => box.type === 'moof').length, ready: Boolean(ready) };
  },

  async mediainfo(file, info) {
    const found = await info.analyzeData(() => file.size, async (size, offset) => new Uint8Array(await file.slice(offset, offset + size).arrayBuffer()));
    return { tracks: found.media?.track?.length };
  },
};

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

async function run() {
  const file = await storedFile();
  await core.call('hello');
  const info = await mediaInfoFactory({ format: 'object', locateFile: (name) => `/npm/mediainfo.js/dist/${name}` });
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  const found = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, way] of Object.entries(ways)) {
      read = 0;
      const from = performance.now();
      found[name] = { ...await way(file, info), read };
      times[name].push(performance.now() - from);
    }
  }
  return { size: file.size, found, median: Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)])), times };
}

run().then((result) => result, (error) => ({ error: `${error.message}\n${error.stack}` }))
  .then((result) => fetch('/result', { method: 'POST', body: JSON.stringify(result) }));
