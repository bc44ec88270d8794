// What `cargo xtask bench` has this browser do, and measures. Each function gives
// milliseconds, or megabytes a second where it says so.

import { Core } from '/pkg/lib/rpc.js';
import init, { encryptSamples } from '/pkg/ismvault.js';

const KID = '09e36702-8f33-436c-a5dd-60ffe6671e70';
const KEY = '000102030405060708090a0b0c0d0e0f';
const core = new Core();
const file = () => document.getElementById('file').files[0];
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const storage = () => navigator.storage.getDirectory();
let open = 0;

async function time(work) {
  const from = performance.now();
  const result = await work();
  return { ms: performance.now() - from, ...result };
}

/** Where output goes, and how it is removed again. */
async function place(kind) {
  if (kind === 'stored') return [{ kind, name: 'out.mp4' }, ({ output }) => core.call('release', { output })];
  // What the save picker gives, without its dialog.
  const folder = await storage();
  const handle = await folder.getFileHandle('out.mp4', { create: true });
  return [{ kind: 'picked', name: 'out.mp4', handle }, () => folder.removeEntry('out.mp4')];
}

/** A worker that copies units as a pool's worker does them, without a core. */
const COPYING = `
let file, last = Promise.resolve();
onmessage = ({ data }) => {
  if (data.module) { file = data.file; return; }
  const read = file.slice(data.at, data.at + data.length).arrayBuffer();
  last = last.then(async () => {
    const out = new Uint8Array(data.buffer?.byteLength >= data.length ? data.buffer : new ArrayBuffer(data.length));
    out.set(new Uint8Array(await read));
    postMessage({ number: data.number, lengths: [data.length], proof: null, buffer: out.buffer, size: data.length }, [out.buffer]);
  });
};`;

const bench = {
  /** Lists the file; `first` is when the first facts were there. */
  async inspect() {
    const from = performance.now();
    let first = null;
    const update = ({ inspection }) => {
      if (inspection?.tracks.length) first ??= performance.now() - from;
    };
    const key = ++open;
    const found = await core.call('inspect', { key, file: file() }, { update });
    const ms = performance.now() - from;
    await core.call('close', { key });
    return { ms, first: first ?? ms, fragments: found.fragments };
  },

  async mp4box() {
    const mp4box = await import('/npm/mp4box/dist/mp4box.all.mjs');
    return time(async () => {
      const iso = mp4box.createFile(false);
      const from = file();
      for (let at = 0; at < from.size;) {
        const buffer = await from.slice(at, at + (1 << 20)).arrayBuffer();
        const part = mp4box.MP4BoxBuffer ? mp4box.MP4BoxBuffer.fromArrayBuffer(buffer, at) : Object.assign(buffer, { fileStart: at });
        const next = iso.appendBuffer(part);
        at = next > at ? next : at + (1 << 20);
      }
      iso.flush();
      return { fragments: iso.moofs?.length ?? iso.boxes.filter((box) => box.type === 'moof').length };
    });
  },

  async mediainfo() {
    const { default: factory } = await import('/npm/mediainfo.js/dist/esm-bundle/index.js');
    const info = await factory({ format: 'object', locateFile: (name) => `/npm/mediainfo.js/dist/${name}` });
    return time(async () => {
      const from = file();
      const found = await info.analyzeData(() => from.size, async (size, at) => new Uint8Array(await from.slice(at, at + size).arrayBuffer()));
      return { tracks: found.media?.track?.length };
    });
  },

  /** Protects the file, opening it first as a user does. */
  async protect(kind, workers) {
    const [choice, drop] = await place(kind);
    const key = ++open;
    const result = await time(async () => {
      await core.call('inspect', { key, file: file() });
      return core.call('protect', { key, options: { profile: 'dual', kid: KID, key: KEY }, choice, workers });
    });
    await core.call('close', { key });
    await drop(result);
    return { ms: result.ms, size: result.size, compared: result.receipt.samples_compared };
  },

  /** How long stopping takes, so many milliseconds after the start. */
  async cancel(kind, after) {
    const [choice] = await place(kind);
    const key = ++open;
    await core.call('inspect', { key, file: file() });
    const stop = new AbortController();
    const run = core.call('protect', { key, options: { profile: 'dual' }, choice }, { signal: stop.signal });
    await new Promise((resolve) => { setTimeout(resolve, after); });
    const result = await time(() => {
      stop.abort();
      return run.then(() => { throw new Error('it was not stopped'); }, ({ code }) => ({ code }));
    });
    await core.call('close', { key });
    if (result.code !== 'cancelled') throw new Error(`stopped by ${result.code}`);
    return result;
  },

  /** The same way of the same bytes through the pool, copied. */
  async copy(kind) {
    const folder = await storage();
    const from = file();
    const units = [];
    for (let at = 0; at < from.size; at += 2 << 20) units.push({ at, length: Math.min(2 << 20, from.size - at), unit: units.length });
    const writer = new Worker('/benches/write.js', { type: 'module' });
    const handle = kind === 'stored' ? null : await folder.getFileHandle('copy.mp4', { create: true });
    const result = await new Promise((resolve, reject) => {
      writer.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
      writer.postMessage({ kind, handle, file: from, units, code: COPYING });
    });
    writer.terminate();
    if (handle) await folder.removeEntry('copy.mp4');
    return result;
  },

  /** The ciphers, in MB/s: ours, `aes` in the same module, `aes` in the plain one. */
  async cipher() {
    await init({ module_or_path: '/pkg/ismvault_bg.wasm' });
    const plain = await import('/pkg/ismvault.js?plain');
    await plain.default({ module_or_path: '/pkg/plain_bg.wasm' });
    const ways = {
      ours: (bytes, times) => encryptSamples(bytes, times, false),
      aes: (bytes, times) => encryptSamples(bytes, times, true),
      plain: (bytes, times) => plain.encryptSamples(bytes, times, true),
    };
    const out = {};
    for (const size of [350, 25000, 1 << 20]) {
      const rates = {};
      const bytes = new Uint8Array(size);
      const times = Math.ceil(8e6 / size);
      for (let round = 0; round < 15; round++) {
        for (const [name, way] of Object.entries(ways)) {
          const { ms } = await time(() => void way(bytes, times));
          (rates[name] ??= []).push(size * times / ms / 1e3);
        }
      }
      out[size] = Object.fromEntries(Object.entries(rates).map(([name, list]) => [name, median(list)]));
    }
    // Ten seconds of an ISMV: 25 samples of 25 kB and 47 of 350 bytes in each.
    const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-CTR', false, ['encrypt']);
    const video = new Uint8Array(25000);
    const audio = new Uint8Array(350);
    const counter = new Uint8Array(16);
    const [web, own] = [[], []];
    for (let round = 0; round < 7; round++) {
      web.push((await time(async () => {
        for (let n = 0; n < 10; n++) {
          for (let i = 0; i < 25; i++) await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 64 }, key, video);
          for (let i = 0; i < 47; i++) await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 64 }, key, audio);
        }
      })).ms);
      own.push((await time(() => {
        encryptSamples(video, 250, false);
        encryptSamples(audio, 470, false);
      })).ms);
    }
    return { ...out, webcrypto: median(web) / median(own) };
  },

  /** How much more two workers encrypt than one. */
  async two() {
    const code = `import init, { encryptSamples } from '${location.origin}/pkg/ismvault.js';
      const ready = init();
      onmessage = async ({ data }) => { await ready; encryptSamples(new Uint8Array(25000), data, false); postMessage(0); };`;
    const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
    const workers = [0, 1].map(() => new Worker(url, { type: 'module' }));
    const work = (worker, times) => new Promise((resolve) => {
      worker.onmessage = resolve;
      worker.postMessage(times);
    });
    await Promise.all(workers.map((worker) => work(worker, 2000)));
    const ratios = [];
    for (let round = 0; round < 9; round++) {
      const one = await time(() => work(workers[0], 8000).then(() => ({})));
      const two = await time(() => Promise.all(workers.map((worker) => work(worker, 8000))).then(() => ({})));
      ratios.push(2 * one.ms / two.ms);
    }
    workers.forEach((worker) => worker.terminate());
    return { ratio: median(ratios) };
  },
};

globalThis.bench = bench;
core.call('hello').then(() => { document.documentElement.dataset.ready = ''; });
