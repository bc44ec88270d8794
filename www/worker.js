// The host in the browser: reads what the core asks for, and writes what it makes.

/** Messages that come before the module is ready wait for it in `ready`. */
onmessage = ({ data }) => receive(data);

import init, {
  assemble, Decryption, Doctor, FileSet, fragment, Inspector, isFragment, Mux, Protection, Publication, profiles, recognise, sources, version, withHeader, workshop,
} from './pkg/ismvault.js';
import * as sinks from './sinks.js';

const ready = init();
ready.catch(() => {}); // told to whoever calls
/** Bytes read ahead at a time, and how many such reads are in flight. */
const CHUNK = 8 << 20;
const IN_FLIGHT = 2;
const UPDATE_MS = 100;

const cancelled = new Set();
/** The files that are open, `{file, inspector}` by the page's number for each. */
const open = new Map();
/** Outputs in storage, and how each is let go of. */
const outputs = new Map();
let nextOutput = 1;

class Cancelled extends Error {}

async function receive({ id, type, ...data }) {
  if (type === 'cancel') {
    cancelled.add(id);
    return;
  }
  const post = (message) => postMessage({ id, ...message });
  const check = () => {
    if (cancelled.has(id)) throw new Cancelled('Cancelled.');
  };
  try {
    await ready.catch((error) => {
      throw new Error(`This page's core could not be loaded (${error.message}). Check the connection and reload the page.`);
    });
    const result = await JOBS[type](data, (update) => post({ type: 'update', ...update }), check);
    post({ type: 'done', result });
  } catch (error) {
    post({ type: 'failed', error: plain(error) });
  } finally {
    cancelled.delete(id);
  }
}

/** An error as data: the core's are data already. */
function plain(error) {
  if (error instanceof Cancelled) return { code: 'cancelled', message: 'Cancelled. Nothing was kept.' };
  if (error instanceof WebAssembly.RuntimeError) {
    return { code: 'internal', message: 'The core stopped on this file, which it never should. Reload the page, and report the file if you can.' };
  }
  if (error instanceof DOMException || error instanceof Error) return { code: error.name, message: words(error) };
  return error;
}

function words(error) {
  switch (error.name) {
    case 'NotReadableError':
    case 'NotFoundError':
      return 'The file can no longer be read. Was it changed, moved or unmounted? Open it again.';
    case 'QuotaExceededError':
      return 'There is no room left for the output. Free some disk space and try again; nothing was kept.';
    case 'NotAllowedError':
    case 'NoModificationAllowedError':
    case 'InvalidStateError':
      return 'The browser does not allow writing there. Choose another place.';
    default:
      return error.message || error.name;
  }
}

/** Reads spans `[at, length, …]` in one go. */
async function readSpans(file, spans) {
  const parts = [];
  for (let i = 0; i < spans.length; i += 2) parts.push(file.slice(spans[i], spans[i] + spans[i + 1]));
  const blob = parts.length === 1 ? parts[0] : new Blob(parts);
  return new Uint8Array(await blob.arrayBuffer());
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
  /** Versions and profiles, once. */
  async hello() {
    sinks.sweep();
    return { version: version(), profiles: profiles() };
  },

  /** Looks at a file, and keeps it open. */
  async inspect({ key, file }, update, check) {
    JOBS.close({ key });
    const inspector = new Inspector(file.size);
    try {
      let told = performance.now();
      for (let spans; (spans = inspector.step());) {
        inspector.feed(await readSpans(file, spans));
        check();
        if (performance.now() - told > UPDATE_MS) {
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
  async doctor({ key, text }, _, check) {
    const { file, inspector } = of(key);
    const doctor = new Doctor(inspector, text);
    try {
      for (let spans; (spans = doctor.step());) {
        doctor.feed(await readSpans(file, spans));
        check();
      }
      return doctor.diagnose();
    } finally {
      doctor.free();
    }
  },

  recognise: ({ bytes }) => recognise(bytes),

  workshop: ({ options }) => workshop(options),

  /** The file with another header. */
  reheader: ({ key, options }) => stitched(of(key).file, withHeader(of(key).inspector, options)),

  /** A progressive MP4 as a fragmented one. */
  fragment: ({ key }) => ({ blob: stitched(of(key).file, fragment(of(key).inspector)), notes: [] }),

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
  async mux({ inputs, manifests = [], options = {} }, update, check) {
    const mux = new Mux();
    try {
      for (const { key, name, tracks } of inputs) mux.add(name, of(key).inspector, tracks && Uint32Array.from(tracks));
      for (const { name, file } of manifests) mux.addManifest(name, new Uint8Array(await file.arrayBuffer()));
      mux.begin(options);
      return await realise(mux, new Blob(inputs.map(({ key }) => of(key).file)), check, update);
    } finally {
      mux.free();
    }
  },

  /** A file of a client manifest and its fragments, `files` of {name, file}. */
  async assemble({ manifest, files }, update, check) {
    const parts = [];
    for (const { name, file } of files) {
      if (isFragment(name, new Uint8Array(await file.slice(0, 8).arrayBuffer()))) parts.push({ name, file });
    }
    const all = new Blob(parts.map(({ file }) => file));
    const inspector = await inspected(all, check);
    try {
      const mux = assemble(new Uint8Array(await manifest.arrayBuffer()), inspector, parts.map(({ name }) => name), Float64Array.from(parts, ({ file }) => file.size));
      try {
        return await realise(mux, all, check, update);
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
  async publish({ inputs, format, title }, update, check) {
    const publication = new Publication();
    const media = [];
    try {
      const earliest = Math.min(0, ...inputs.map(({ key }) => Mux.earliest(of(key).inspector)));
      for (const { key, name } of inputs) {
        const { file, inspector } = of(key);
        const stem = name.replace(/\.[^.]+$/, '');
        const { tracks } = inspector.inspection();
        if (format === 'ism') {
          const smooth = `${stem}.${tracks.some(({ kind }) => kind === 'video') ? 'ismv' : 'isma'}`;
          publication.add(smooth, inspector);
          media.push({ name: smooth, blob: file });
          continue;
        }
        for (const track of tracks.filter(({ samples }) => samples > 0)) {
          const piff = track.protection?.scheme === 'piff';
          const options = { profile: piff ? 'dual' : undefined, sidx: true, earliest };
          const { blob } = await JOBS.mux({ inputs: [{ key, name, tracks: [track.id] }], options }, update, check);
          const own = await inspected(blob, check);
          const ownName = `${stem}_${track.kind}${track.id}.mp4`;
          publication.add(ownName, own);
          own.free();
          media.push({ name: ownName, blob });
        }
      }
      const [named, ...rest] = publication.write(format, title);
      const texts = [];
      for (let i = 0; i < rest.length; i += 2) texts.push({ name: rest[i], text: rest[i + 1] });
      const kept = named.split('\n');
      return { texts, media: media.filter(({ name }) => kept.includes(name)) };
    } finally {
      publication.free();
    }
  },

  /**
   * What a page needs to play the first seconds of a file, in the boxes
   * browsers read: {…, parts: [Blob]}. With keys, decrypted by us.
   */
  async playable({ file, seconds, keys }, update, check) {
    let blob = file;
    let inspector = await inspected(blob, check);
    try {
      let playable = inspector.playable(seconds);
      const again = async (made) => {
        inspector.free();
        blob = made;
        inspector = await inspected(blob, check);
        playable = inspector.playable(seconds);
      };
      if (!playable.as_it_is) {
        const mux = new Mux();
        try {
          mux.add('', inspector);
          mux.begin({ profile: playable.protected ? 'dual' : undefined });
          await again((await realise(mux, blob, check)).blob);
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
          for (let spans; (spans = decryption.step());) decryption.feed(await readSpans(blob, spans));
          const sink = memory();
          await write(decryption, new Ahead(blob), sink, () => {}, check);
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
  async protect({ key, options, choice, secret }, update, check) {
    const { file, inspector } = of(key);
    const protection = new Protection(inspector, options);
    try {
      const preview = protection.preview();
      const told = { preview, secret: secret ? protection.secret() : null };
      update(told);
      const put = (bytes) => protection.wrote(bytes);
      const result = await run(protection, file, choice, update, check, put);
      return { ...result, ...told, receipt: protection.receipt(choice.from ?? '', file.size) };
    } finally {
      protection.free();
    }
  },

  /** Decrypts an open file. */
  async decrypt({ key, keys, choice }, update, check) {
    const { file, inspector } = of(key);
    const decryption = new Decryption(inspector, keys);
    try {
      const notes = decryption.warnings();
      update({ notes });
      return { ...await run(decryption, file, choice, update, check), notes };
    } finally {
      decryption.free();
    }
  },
};

/** Looks at a file that is not kept open. */
async function inspected(file, check) {
  const inspector = new Inspector(file.size);
  try {
    for (let spans; (spans = inspector.step());) {
      inspector.feed(await readSpans(file, spans));
      check();
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
async function realise(mux, file, check, update = () => {}) {
  for (let spans; (spans = mux.step());) {
    mux.feed(await readSpans(file, spans));
    check();
    update({ done: mux.progress, total: 1 });
  }
  const notes = mux.notes();
  return { blob: stitched(file, mux.pieces()), notes };
}

/** A sink for a few seconds of media. */
function memory() {
  const parts = [];
  return { write: (bytes) => void parts.push(bytes), blob: () => new Blob(parts, { type: 'video/mp4' }) };
}

/** Makes a recipe ready, and realises it into the destination that was chosen. */
async function run(recipe, file, choice, update, check, wrote = () => {}) {
  let sink = null;
  try {
    let told = 0;
    const report = (done, phase) => {
      if (performance.now() - told < UPDATE_MS) return;
      told = performance.now();
      update({ done, total: file.size, phase });
    };
    for (let spans; (spans = recipe.step());) {
      recipe.feed(await readSpans(file, spans));
      report(spans[0], 'measure');
      check();
    }
    sink = await sinks.open(choice, file.size * 1.1);
    const size = await write(recipe, new Ahead(file), sink, report, check, wrote);
    check();
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

/** Realises a recipe, piece after piece. Gives the length of the output. */
async function write(recipe, ahead, sink, report, check, wrote = () => {}) {
  const lengths = [];
  let written = 0;
  const put = async (bytes) => {
    written += bytes.length;
    wrote(bytes);
    await sink.write(bytes);
    check();
  };
  for (const piece of recipe.pieces()) {
    if (piece instanceof Uint8Array) {
      await put(piece);
      continue;
    }
    const { at, length, unit } = piece;
    if (unit === undefined) {
      for (let done = 0; done < length; done += CHUNK) {
        await put(await ahead.read(at + done, Math.min(CHUNK, length - done)));
      }
    } else {
      const bytes = recipe.work(unit, await ahead.read(at, length));
      lengths.push(bytes.length);
      await put(bytes);
    }
    report(at + length, 'write');
  }
  await put(recipe.finish(Float64Array.from(lengths)));
  return written;
}
