// The host in the browser: reads what the core asks for, and writes what it makes.

/** Messages that come before the module is ready wait for it in `ready`. */
onmessage = ({ data }) => receive(data);

import init, { Doctor, FileSet, Inspector, Protection, profiles, recognise, version, withHeader, workshop } from './pkg/ismvault.js';
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
/** The last output in storage, removed when the next one comes. */
let dropLast = null;

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

  /** The file with another header: a blob stitched of new bytes and old ones. */
  reheader({ key, options }) {
    const { file, inspector } = of(key);
    const parts = withHeader(inspector, options)
      .map((piece) => (piece instanceof Uint8Array ? piece : file.slice(piece.at, piece.at + piece.length)));
    return new Blob(parts, { type: 'video/mp4' });
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

  /** Lets go of the last output. */
  async release() {
    const drop = dropLast;
    dropLast = null;
    await drop?.().catch(() => {}); // site data may have been cleared
  },

  /** Protects an open file. */
  async protect({ key, options, choice, secret }, update, check) {
    const { file, inspector } = of(key);
    await JOBS.release();
    const protection = new Protection(inspector, options);
    let sink = null;
    try {
      update({ preview: protection.preview(), secret: secret ? protection.secret() : null });
      let told = 0;
      const report = (done, phase) => {
        if (performance.now() - told < UPDATE_MS) return;
        told = performance.now();
        update({ done, total: file.size, phase });
      };
      for (let spans; (spans = protection.step());) {
        protection.feed(await readSpans(file, spans));
        report(spans[0], 'measure');
        check();
      }
      sink = await sinks.open(choice, file.size * 1.1);
      const written = await write(protection, new Ahead(file), sink, report, check);
      check();
      const { drop: dropThis, ...result } = await sink.close();
      sink = null;
      dropLast = dropThis;
      return { ...result, size: written, preview: protection.preview(), secret: secret ? protection.secret() : null };
    } catch (error) {
      await Promise.resolve(sink?.abort()).catch(() => {});
      throw error;
    } finally {
      protection.free();
    }
  },
};

/** Realises a recipe, piece after piece. Gives the length of the output. */
async function write(protection, ahead, sink, report, check) {
  const lengths = [];
  let written = 0;
  const put = async (bytes) => {
    written += bytes.length;
    await sink.write(bytes);
    check();
  };
  for (const piece of protection.pieces()) {
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
      const bytes = protection.work(unit, await ahead.read(at, length));
      lengths.push(bytes.length);
      await put(bytes);
    }
    report(at + length, 'write');
  }
  await put(protection.finish(Float64Array.from(lengths)));
  return written;
}
