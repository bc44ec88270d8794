// The host in the browser: reads what the core asks for, and writes what it makes.

/** Messages that come before the module is ready wait for it in `ready`. */
onmessage = ({ data }) => receive(data);

import init, {
  assemble, Decryption, Doctor, FileHash, FileSet, fragment, HeaderChange, Inspector, isFragment, Mux, Protection, Publication, recognise, sources, tables, version, workshop,
} from './pkg/ismvault.js';
import { Cancelled, plain } from './errors.js';
import { Pool, batches, howMany } from './pool.js';
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
/** Bytes read ahead at a time, and how many such reads are in flight. */
const CHUNK = 8 << 20;
const IN_FLIGHT = 2;
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

/** A slice costs the browser as long as reading so many bytes. */
const GAP = 128 << 10;
/** Slices of one blob; blobs are read at the same time. */
const SLICES = 16;

/** Reads spans `[at, length, …]` in one go, and what is between them where they are near. */
async function readSpans(file, spans) {
  const slices = [];
  for (let i = 0; i < spans.length; i += 2) {
    const [at, end] = [spans[i], spans[i] + spans[i + 1]];
    const last = slices.at(-1);
    if (last && at >= last.at && at <= last.end + GAP) {
      last.end = Math.max(last.end, end);
      last.spans.push([at, end]);
    } else {
      slices.push({ at, end, spans: [[at, end]] });
    }
  }
  const blobs = [];
  for (let i = 0; i < slices.length; i += SLICES) {
    const parts = slices.slice(i, i + SLICES).map(({ at, end }) => file.slice(at, end));
    blobs.push((parts.length === 1 ? parts[0] : new Blob(parts)).arrayBuffer());
  }
  const read = await Promise.all(blobs);
  if (slices.length === 1 && spans.length === 2) return new Uint8Array(read[0]);
  const out = new Uint8Array(spans.reduce((sum, n, i) => (i % 2 ? sum + n : sum), 0));
  let done = 0;
  for (let i = 0; i < slices.length; i++) {
    const bytes = new Uint8Array(read[Math.floor(i / SLICES)]);
    if (i % SLICES === 0) slices[i].from = 0;
    const { at, end, from } = slices[i];
    for (const [start, stop] of slices[i].spans) {
      const part = bytes.subarray(from + start - at, from + stop - at);
      out.set(part, done);
      done += part.length;
      if (part.length < stop - start) return out.subarray(0, done); // the file ends here
    }
    if (slices[i + 1]) slices[i + 1].from = from + end - at;
  }
  return out;
}

/** Reads a file mostly forwards, ahead of what is asked for. */
class Ahead {
  #file;
  #chunks = new Map();

  constructor(file) {
    this.#file = file;
  }

  #chunk(index) {
    const from = index * CHUNK;
    if (from >= this.#file.size) return null;
    if (!this.#chunks.has(index)) {
      const read = this.#file.slice(from, from + CHUNK).arrayBuffer();
      read.catch(() => {}); // told when it is asked for
      this.#chunks.set(index, read);
    }
    return this.#chunks.get(index);
  }

  async read(at, length) {
    const out = new Uint8Array(length);
    const first = Math.floor(at / CHUNK);
    for (const index of this.#chunks.keys()) if (index < first) this.#chunks.delete(index);
    for (let done = 0; done < length;) {
      const index = Math.floor((at + done) / CHUNK);
      for (let next = index; next <= index + IN_FLIGHT; next++) this.#chunk(next);
      const bytes = new Uint8Array(await this.#chunk(index));
      const from = at + done - index * CHUNK;
      const part = bytes.subarray(from, from + length - done);
      if (!part.length) throw new DOMException('', 'NotReadableError');
      out.set(part, done);
      done += part.length;
    }
    return out;
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

  workshop: ({ options }) => workshop(options),

  /** The file with another header. */
  async reheader({ key, options }, update, signal) {
    const change = new HeaderChange(of(key).inspector, options);
    try {
      return await realise(change, of(key).file, signal, update);
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
      return await realise(mux, new Blob(inputs.map(({ key }) => of(key).file)), signal, update);
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
        return await realise(mux, all, signal, update);
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
          const { blob } = await realise(mux, file, signal, update);
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
  async playable({ file, seconds, keys }, update, signal) {
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
          await again((await realise(mux, blob, signal)).blob);
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
          await realiseUnits(decryption, blob, sink, () => {}, signal, 1);
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

/** What pieces of bytes and copies make of a file: a blob, and no copy. */
function stitched(file, pieces) {
  const parts = pieces.map((piece) => (piece instanceof Uint8Array ? piece : file.slice(piece.at, piece.at + piece.length)));
  return new Blob(parts, { type: 'video/mp4' });
}

/** Drives a mux over its inputs, and stitches what it makes. */
async function realise(mux, file, signal, update = () => {}) {
  for (let spans; (spans = mux.step());) {
    mux.feed(await readSpans(file, spans));
    signal.throwIfAborted();
    update({ done: mux.progress, total: 1 });
  }
  const notes = mux.notes();
  const blob = stitched(file, mux.pieces());
  return { blob, notes, compared: mux.compared };
}

/** A sink for a few seconds of media. The bytes are used again, so a blob takes them. */
function memory() {
  const parts = [];
  return { write: (bytes) => void parts.push(new Blob([bytes])), blob: () => new Blob(parts, { type: 'video/mp4' }) };
}

/**
 * Realises a recipe into the destination that was chosen. `judge` throws where
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
    const size = await realiseUnits(recipe, file, sink, report, signal, workers);
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

/**
 * Realises a recipe: its units by a pool of workers, everything in order. Gives
 * the length of the output.
 */
async function realiseUnits(recipe, file, sink, report, signal, workers = howMany()) {
  let pieces = recipe.pieces();
  const units = pieces.filter(({ unit }) => unit !== undefined);
  const all = batches(units, workers);
  const ticket = (unit) => recipe.ticket(unit);
  const hello = { module: await compiling, brief: recipe.brief(), file };
  const pool = new Pool(hello, signal, Math.min(workers, all.length));
  try {
    if (recipe.unmeasured) {
      const lengths = [];
      for await (const measured of pool.results(all, ticket, true)) {
        lengths.push(...measured.lengths);
        report(units[lengths.length - 1].at, 'measure');
      }
      recipe.settle(Float64Array.from(lengths));
      pieces = recipe.pieces(); // the index in front of them is known now
    }
    return await write(recipe, pieces, pool.results(all, ticket), file, sink, report, signal);
  } finally {
    pool.close();
  }
}

/** Bytes written at a time. */
const AT_ONCE = 4 << 20;
const { port1: here, port2: there } = new MessageChannel();

/** Lets messages in. */
function turn() {
  return new Promise((resolve) => {
    here.onmessage = resolve;
    there.postMessage(null);
  });
}

/** Writes piece after piece; units as they come from the pool. */
async function write(recipe, pieces, results, file, sink, report, signal) {
  const ahead = new Ahead(file);
  const lengths = [];
  let written = 0;
  const put = async (bytes) => {
    // A slow disk holds up this thread, so that it would not hear of a cancel.
    for (let from = 0; from < bytes.length; from += AT_ONCE) {
      await sink.write(bytes.subarray(from, from + AT_ONCE));
      await turn();
      signal.throwIfAborted();
    }
    written += bytes.length;
  };
  let made = null;
  let [next, at] = [0, 0];
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i];
    if (piece instanceof Uint8Array) {
      await put(piece);
      continue;
    }
    let end = piece.at + piece.length;
    if (piece.unit === undefined) {
      for (let done = 0; done < piece.length; done += CHUNK) {
        await put(await ahead.read(piece.at + done, Math.min(CHUNK, piece.length - done)));
      }
    } else {
      if (next === (made?.lengths.length ?? 0)) {
        ({ value: made } = await results.next());
        recipe.proved(made.proof);
        lengths.push(...made.lengths);
        [next, at] = [0, 0];
      }
      // Units of one batch without anything between are one write.
      const from = at;
      for (at += made.lengths[next++]; next < made.lengths.length && pieces[i + 1].unit !== undefined; at += made.lengths[next++]) {
        i++;
        end = pieces[i].at + pieces[i].length;
      }
      await put(made.bytes.subarray(from, at));
    }
    report(end, 'write');
  }
  await put(recipe.finish(Float64Array.from(lengths)));
  return written;
}
