// Jobs that look at files, and at what is pasted.

import { Doctor, everyVersion, FileSet, newKey, readKeyList, recognise, sources, tables, version, writeKeyList } from '../../ismvault.js';
import { plain } from '../errors.js';
import { readSpans } from '../reading.js';
import { revived } from '../sources.js';
import { close, of, open, opening, release } from './opened.js';

const UPDATE_MS = 100;

/** @typedef {import('../../ismvault.js').Inspection} Inspection */
/** @typedef {{ key: number }} One */
/** @typedef {{ key: number, at: number, size: number }} TopBox a box at the top of a file */
/** @typedef {{ key: number, kind?: string, refusal?: import('../errors.js').Failure }} Kind what a manifest is, or why it is none */

export const looking = {
  /** What the page must know of the core, once. */
  async hello() {
    return { version: version(), tables: tables() };
  },

  /**
   * Looks at a file, and keeps it open.
   *
   * @param {{ key: number, file: import('../rpc.js').Openable }} data
   * @param {(news: { inspection: Inspection, progress: number }) => void} update
   * @param {AbortSignal} signal
   */
  async inspect({ key, file: given }, update, signal) {
    close(key);
    const file = revived(given);
    // At once when the tracks are known, then now and again.
    let told = 0;
    const inspector = await opening(file, signal, (now) => {
      if (performance.now() - told > (told ? UPDATE_MS : 0) && now.begun) {
        told = performance.now();
        update({ inspection: now.inspection(), progress: now.position / file.size });
      }
    });
    open.set(key, { file, inspector });
    return inspector.inspection();
  },

  /**
   * Lets go of a file.
   *
   * @param {One} data
   */
  close: ({ key }) => close(key),

  /**
   * Every box at the top, in columns.
   *
   * @param {One} data
   */
  tops: ({ key }) => of(key).inspector.tops(),

  /** @param {One} data */
  timelines: ({ key }) => of(key).inspector.timelines(),

  /**
   * The tree of a box at the top.
   *
   * @param {TopBox} data
   */
  async tree({ key, at, size }) {
    const { file, inspector } = of(key);
    return inspector.tree(await readSpans(file, [at, size]), at);
  },

  /**
   * The fields of the box at `box` in the box at the top at `at`.
   *
   * @param {TopBox & { box: number, from: number }} data
   */
  async fields({ key, at, size, box, from }) {
    const { file, inspector } = of(key);
    return inspector.fields(await readSpans(file, [at, size]), at, box, from);
  },

  /**
   * The samples of the fragment whose `moof` is at `at`.
   *
   * @param {TopBox} data
   */
  async samples({ key, at, size }) {
    const { file, inspector } = of(key);
    return inspector.samples(await readSpans(file, [at, size]), at);
  },

  /**
   * Tries what may be keys.
   *
   * @param {{ key: number, text: string }} data
   * @param {unknown} _
   * @param {AbortSignal} signal
   */
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
      release(doctor);
    }
  },

  /** @param {{ bytes: Uint8Array }} data */
  recognise: ({ bytes }) => recognise(bytes),

  /** A KID and a key, at random. */
  newKey: () => newKey(),

  /**
   * The lines of a list of keys.
   *
   * @param {{ text: string }} data
   */
  readKeyList: ({ text }) => readKeyList(text),

  /**
   * A list of such lines.
   *
   * @param {{ entries: import('../../ismvault.js').Entry[] }} data
   */
  writeKeyList: ({ entries }) => writeKeyList(entries),

  /** @param {{ options: import('../../ismvault.js').Header }} data */
  everyVersion: ({ options }) => everyVersion(options),

  /**
   * The files that a server manifest names.
   *
   * @param {{ file: Blob }} data
   */
  sources: async ({ file }) => sources(new Uint8Array(await file.arrayBuffer())),

  /**
   * What is wrong between files and manifests opened together.
   *
   * @param {{ files: { key: number, name: string }[], manifests: { key: number, name: string, file: Blob }[] }} data
   */
  async set({ files, manifests }) {
    const set = new FileSet();
    try {
      const added = files.filter(({ key }) => open.has(key));
      for (const { key, name } of added) set.addFile(name, of(key).inspector);
      for (let wanted; (wanted = set.step());) {
        set.feed(await readSpans(of(added[wanted[0]].key).file, wanted.subarray(1)));
      }
      /** @type {Kind[]} */
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
      release(set);
    }
  },

  /** @param {{ a: number, b: number }} data */
  compare: ({ a, b }) => of(a).inspector.compare(of(b).inspector),

  /** @param {{ key: number, form: string, name: string }} data */
  report: ({ key, form, name }) => of(key).inspector.report(form, name),
};
