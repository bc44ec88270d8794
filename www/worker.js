// The host in the browser: reads what the core asks for, and writes what it makes.

/** Messages that come before the module is ready wait for it in `ready`. */
onmessage = ({ data }) => receive(data);

import init, {
  assemble, Decryption, Doctor, FileHash, FileSet, fragment, HeaderChange, Inspector, isFragment, Mux, newKey, Protection, Publication, readKeyList, recognise, sources, tables, version, everyVersion, writeKeyList,
} from './pkg/ismvault.js';
import { Cancelled, plain } from './errors.js';
import { Ahead, CHUNK, readSpans } from './reading.js';
import { memory, stitchAll, writeUnits, stitched } from './writing.js';
import * as sinks from './sinks.js';

/** A module with one instruction for vectors of 128 bits. */
const VECTORS = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

/** The module that this browser can run, compiled while it comes. */
async function compiled() {
  const name = WebAssembly.validate(Uint8Array.from(VECTORS)) ? 'ismvault_bg.wasm' : 'plain_bg.wasm';
  const response = await fetch(new URL(`pkg/${name}`, import.meta.url));
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  // Some hosts do not know the type of .wasm, and then it cannot be streamed.
  if (response.headers.get('Content-Type') === 'application/wasm') return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

const compiling = compiled();
const ready = compiling.then((module) => init({ module_or_path: module }));
ready.catch(() => {}); // told to whoever calls

const UPDATE_MS = 100;

/** What stops each job that runs. */
const stops = new Map();
/** The files that are open, `{file, inspector}` by the page's number for each. */
const open = new Map();
/** Outputs in storage, and how each is let go of. */
const outputs = new Map();
let nextOutput = 1;

async function receive({ id, type, ...data }) {
  if (type === 'cancel') {
    stops.get(id)?.abort(new Cancelled('Cancelled.'));
    return;
  }
  const post = (message) => postMessage({ id, ...message });
  const stop = new AbortController();
  stops.set(id, stop);
  try {
    await ready.catch((error) => {
      throw new Error(`This page's core could not be loaded (${error.message}). Check the connection and reload the page.`);
    });
    const result = await JOBS[type](data, (update) => post({ type: 'update', ...update }), stop.signal);
    post({ type: 'done', result });
  } catch (error) {
    post({ type: 'failed', error: plain(error) });
  } finally {
    stops.delete(id);
  }
}

function of(key) {
  const found = open.get(key);
  if (!found) throw new Error('This file is not open any more. Open it again.');
  return found;
}

const JOBS = {
  /** What the page must know of the core, once. */
  async hello() {
    sinks.sweep();
    return { version: version(), tables: tables() };
  },

  /** Looks at a file, and keeps it open. */
  async inspect({ key, file }, update, signal) {
    JOBS.close({ key });
    const inspector = new Inspector(file.size);
    try {
      // At once when the tracks are known, then now and again.
      let told = 0;
      for (let spans; (spans = inspector.step());) {
        inspector.feed(await readSpans(file, spans));
        signal.throwIfAborted();
        if (performance.now() - told > (told ? UPDATE_MS : 0) && inspector.begun) {
          told = performance.now();
          update({ inspection: inspector.inspection(), progress: inspector.position / file.size });
        }
      }
      open.set(key, { file, inspector });
      return inspector.inspection();
    } catch (error) {
      inspector.free();
      throw error;
    }
  },

  /** Lets go of a file. */
  close({ key }) {
    open.get(key)?.inspector.free();
    open.delete(key);
  },

  /** Every box at the top, in columns. */
  tops({ key }) {
    const tops = of(key).inspector.tops();
    return { kinds: tops.kinds, kind: tops.kind, at: tops.at, size: tops.size };
  },

  timelines: ({ key }) => of(key).inspector.timelines(),

  /** The tree of a box at the top. */
  async tree({ key, at, size }) {
    const { file, inspector } = of(key);
    return inspector.tree(await readSpans(file, [at, size]), at);
  },

  /** The fields of the box at `box` in the box at the top at `at`. */
  async fields({ key, at, size, box, from }) {
    const { file, inspector } = of(key);
    return inspector.fields(await readSpans(file, [at, size]), at, box, from);
  },

  /** The samples of the fragment whose `moof` is at `at`. */
  async samples({ key, at, size }) {
    const { file, inspector } = of(key);
    return inspector.samples(await readSpans(file, [at, size]), at);
  },

  /** Tries what may be keys. */
  async doctor({ key, text }, _, signal) {
    const { file, inspector } = of(key);
    const doctor = new Doctor(inspector, text);
    try {
      for (let spans; (spans = doctor.step());) {
        doctor.feed(await readSpans(file, spans));
        signal.throwIfAborted();
      }
      return doctor.diagnose();
    } finally {
      doctor.free();
    }
  },

  recognise: ({ bytes }) => recognise(bytes),

  /** A KID and a key, at random. */
  newKey: () => newKey(),

  /** The lines of a list of keys, and a list of such lines. */
  readKeyList: ({ text }) => readKeyList(text),
  writeKeyList: ({ entries }) => writeKeyList(entries),

  everyVersion: ({ options }) => everyVersion(options),

  /** The file with another header. */
  async reheader({ key, options }, update, signal) {
    const change = new HeaderChange(of(key).inspector, options);
    try {
      return await stitchAll(change, of(key).file, signal, update);
    } finally {
      change.free();
    }
  },

  /** A progressive MP4 as a fragmented one. */
  fragment({ key }) {
    const pieces = fragment(of(key).inspector);
    const told = pieces.pop();
    return { blob: stitched(of(key).file, pieces), ...told };
  },

  /** The files that a server manifest names. */
  sources: async ({ file }) => sources(new Uint8Array(await file.arrayBuffer())),

  /** Every track of some files that can go into one, and which of them are best. */
  candidates({ keys, under }) {
    const mux = new Mux();
    try {
      for (const key of keys) mux.add('', of(key).inspector);
      return { all: mux.candidates(), best: mux.choose(under) };
    } finally {
      mux.free();
    }
  },

  /** One file of several, or one anew: `inputs` are {key, name, tracks}. */
  async mux({ inputs, manifests = [], options = { fold: true } }, update, signal) {
    const mux = new Mux();
    try {
      for (const { key, name, tracks } of inputs) mux.add(name, of(key).inspector, tracks && Uint32Array.from(tracks));
      for (const { name, file } of manifests) mux.addManifest(name, new Uint8Array(await file.arrayBuffer()));
      mux.begin(options);
      return await stitchAll(mux, new Blob(inputs.map(({ key }) => of(key).file)), signal, update);
    } finally {
      mux.free();
    }
  },

  /** A file of a client manifest and its fragments, `files` of {name, file}. */
  async assemble({ manifest, files }, update, signal) {
    const parts = [];
    for (const { name, file } of files) {
      if (isFragment(name, new Uint8Array(await file.slice(0, 8).arrayBuffer()))) parts.push({ name, file });
    }
    const all = new Blob(parts.map(({ file }) => file));
    const inspector = await inspected(all, signal);
    try {
      const mux = assemble(new Uint8Array(await manifest.arrayBuffer()), inspector, parts.map(({ name }) => name), Float64Array.from(parts, ({ file }) => file.size));
      try {
        return await stitchAll(mux, all, signal, update);
      } finally {
        mux.free();
      }
    } finally {
      inspector.free();
    }
  },

  /**
   * Manifests for files, and the files as manifests need them: `texts` and
   * `media`, each of {name, …}.
   */
  async publish({ inputs, format, title }, update, signal) {
    const publication = new Publication({ format, title });
    const media = [];
    try {
      for (const { key, name } of inputs) publication.input(name, of(key).inspector);
      for (const [number, { input, name, whole }] of publication.parts().entries()) {
        const { file, inspector } = of(inputs[input].key);
        if (whole) {
          publication.made(inspector);
          media.push({ name, blob: file });
          continue;
        }
        const mux = publication.mux(number);
        try {
          const { blob } = await stitchAll(mux, file, signal, update);
          const own = await inspected(blob, signal);
          publication.made(own);
          own.free();
          media.push({ name, blob });
        } finally {
          mux.free();
        }
      }
      const { texts, media: named, notes } = publication.write();
      return { texts, media: media.filter(({ name }) => named.includes(name)), notes };
    } finally {
      publication.free();
    }
  },

  /**
   * What a page needs to play the first seconds of a file, in the boxes
   * browsers read: {…, parts: [Blob]}. With keys, decrypted by us.
   */
  async playable({ file, seconds, keys }, _, signal) {
    let blob = file;
    let inspector = await inspected(blob, signal);
    try {
      let playable = inspector.playable(seconds);
      const again = async (made) => {
        inspector.free();
        blob = made;
        inspector = await inspected(blob, signal);
        playable = inspector.playable(seconds);
      };
      if (!playable.as_it_is) {
        const mux = new Mux();
        try {
          mux.add('', inspector);
          mux.begin({ profile: playable.protected ? 'dual' : undefined });
          await again((await stitchAll(mux, blob, signal)).blob);
        } finally {
          mux.free();
        }
      }
      const cut = ([at, length]) => blob.slice(at, at + length);
      if (keys) {
        // Only the seconds that are played.
        await again(new Blob([...playable.head, ...playable.fragments].map(cut)));
        const decryption = new Decryption(inspector, keys);
        try {
          const sink = memory();
          await writeUnits(decryption, blob, sink, () => {}, signal, await compiling, 1);
          await again(sink.blob());
        } finally {
          decryption.free();
        }
      }
      return { ...playable, parts: [new Blob(playable.head.map(cut)), ...playable.fragments.map(cut)] };
    } finally {
      inspector.free();
    }
  },

  /** What is wrong between files and manifests opened together. */
  async set({ files, manifests }) {
    const set = new FileSet();
    try {
      const added = files.filter(({ key }) => open.has(key));
      for (const { key, name } of added) set.addFile(name, open.get(key).inspector);
      for (let wanted; (wanted = set.step());) {
        set.feed(await readSpans(open.get(added[wanted[0]].key).file, wanted.subarray(1)));
      }
      const kinds = [];
      for (const { key, name, file } of manifests) {
        try {
          kinds.push({ key, kind: set.addManifest(name, new Uint8Array(await file.arrayBuffer())) });
        } catch (error) {
          kinds.push({ key, refusal: plain(error) });
        }
      }
      return { findings: set.check(), kinds };
    } finally {
      set.free();
    }
  },

  compare: ({ a, b }) => of(a).inspector.compare(of(b).inspector),

  report: ({ key, form, name }) => of(key).inspector.report(form, name),

  /** What would be written with these options. */
  async preview({ key, options }) {
    const protection = new Protection(of(key).inspector, options);
    try {
      return protection.preview();
    } finally {
      protection.free();
    }
  },

  /** Lets go of an output. */
  async release({ output }) {
    const drop = outputs.get(output);
    outputs.delete(output);
    await drop?.().catch(() => {}); // site data may have been cleared
  },

  /** Protects an open file. */
  async protect({ key, options, choice, secret, workers }, update, signal) {
    const { file, inspector } = of(key);
    const protection = new Protection(inspector, options);
    try {
      const preview = protection.preview();
      const told = { preview, secret: secret ? protection.secret() : null };
      update(told);
      let receipt;
      const judge = (size) => { receipt = protection.receipt(choice.from ?? '', file.size, size); };
      const result = await run(protection, judge, file, choice, update, signal, workers);
      return { ...result, ...told, receipt };
    } finally {
      protection.free();
    }
  },

  /** SHA-256 of a file, in hex. */
  async hash({ file }, update, signal) {
    const hash = new FileHash();
    try {
      const ahead = new Ahead(file);
      for (let at = 0; at < file.size; at += CHUNK) {
        hash.update(await ahead.read(at, Math.min(CHUNK, file.size - at)));
        signal.throwIfAborted();
        update({ done: at, total: file.size });
      }
      return hash.finish();
    } catch (error) {
      hash.free();
      throw error;
    }
  },

  /** Decrypts an open file. */
  async decrypt({ key, keys, choice }, update, signal) {
    const { file, inspector } = of(key);
    const decryption = new Decryption(inspector, keys);
    try {
      const notes = decryption.warnings();
      update({ notes });
      const judge = () => decryption.judge();
      return { ...await run(decryption, judge, file, choice, update, signal), notes };
    } finally {
      decryption.free();
    }
  },
};

/** Looks at a file that is not kept open. */
async function inspected(file, signal) {
  const inspector = new Inspector(file.size);
  try {
    for (let spans; (spans = inspector.step());) {
      inspector.feed(await readSpans(file, spans));
      signal.throwIfAborted();
    }
    return inspector;
  } catch (error) {
    inspector.free();
    throw error;
  }
}

/**
 * Writes a recipe into the destination that was chosen. `judge` throws where
 * the output is not what it should be; then nothing of it is kept.
 */
async function run(recipe, judge, file, choice, update, signal, workers) {
  let sink = null;
  try {
    let told = 0;
    const report = (done, phase) => {
      if (performance.now() - told < UPDATE_MS) return;
      told = performance.now();
      update({ done, total: file.size, phase });
    };
    sink = await sinks.open(choice, file.size * 1.1);
    const size = await writeUnits(recipe, file, sink, report, signal, await compiling, workers);
    signal.throwIfAborted();
    judge(size);
    const { drop, ...result } = await sink.close();
    sink = null;
    if (!drop) return { ...result, size };
    outputs.set(nextOutput, drop);
    return { ...result, size, output: nextOutput++ };
  } catch (error) {
    await Promise.resolve(sink?.abort()).catch(() => {});
    throw error;
  }
}
