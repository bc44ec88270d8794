// Jobs that make files by boxes alone; the page stitches them together.

import { Assembly, fragment, HeaderChange, Mux, Publication } from '../../ismvault.js';
import { stitchAll, stitched } from '../writing.js';
import { here, inspected, of, release } from './opened.js';

/** @typedef {{ key: number, name: string, tracks?: number[] }} Input a file for a mux, and which of its tracks; all where none are named */
/** @typedef {(progress: { done: number, total: number }) => void} Update */
/** @typedef {{ name: string, file: Blob }} Named */

export const making = {
  /**
   * The file with another header.
   *
   * @param {{ key: number, options: import('../../ismvault.js').Header }} data
   * @param {Update} update
   * @param {AbortSignal} signal
   */
  async reheader({ key, options }, update, signal) {
    const change = new HeaderChange(here(key).inspector, options);
    try {
      return await stitchAll(change, here(key).file, signal, update);
    } finally {
      release(change);
    }
  },

  /**
   * A progressive MP4 as a fragmented one.
   *
   * @param {{ key: number }} data
   */
  fragment({ key }) {
    const pieces = fragment(here(key).inspector);
    const told = /** @type {{ notes: string[], compared: number }} */ (pieces.pop());
    return { blob: stitched(here(key).file, /** @type {import('../../ismvault.js').Piece[]} */ (pieces)), ...told };
  },

  /**
   * Every track of some files that can go into one, and which of them are meant.
   *
   * @param {{ keys: number[], job: import('../../ismvault.js').MuxSet }} data
   */
  candidates({ keys, job }) {
    const mux = new Mux();
    try {
      for (const key of keys) mux.add('', of(key).inspector);
      return { all: mux.candidates(), best: mux.choose(job) };
    } finally {
      release(mux);
    }
  },

  /**
   * One file of several, or one anew.
   *
   * @param {{ inputs: Input[], manifests?: Named[], options?: import('../../ismvault.js').Rewriting }} data
   * @param {Update} update
   * @param {AbortSignal} signal
   */
  async mux({ inputs, manifests = [], options = { fold: true } }, update, signal) {
    const mux = new Mux();
    try {
      for (const { key, name, tracks } of inputs) mux.add(name, here(key).inspector, tracks && Uint32Array.from(tracks));
      for (const { name, file } of manifests) mux.addManifest(name, new Uint8Array(await file.arrayBuffer()));
      mux.begin(options);
      return await stitchAll(mux, new Blob(inputs.map(({ key }) => here(key).file)), signal, update);
    } finally {
      release(mux);
    }
  },

  /**
   * A file of a client manifest and its fragments.
   *
   * @param {{ manifest: Blob, files: Named[] }} data
   * @param {Update} update
   * @param {AbortSignal} signal
   */
  async assemble({ manifest, files }, update, signal) {
    const assembly = new Assembly(new Uint8Array(await manifest.arrayBuffer()));
    try {
      /** @type {Blob[]} */
      const parts = [];
      for (const { name, file } of files) {
        if (assembly.add(name, file.size, new Uint8Array(await file.slice(0, 8).arrayBuffer()))) parts.push(file);
      }
      const all = new Blob(parts);
      const inspector = await inspected(all, signal);
      try {
        const mux = assembly.begin(inspector);
        try {
          return await stitchAll(mux, all, signal, update);
        } finally {
          release(mux);
        }
      } finally {
        release(inspector);
      }
    } finally {
      release(assembly);
    }
  },

  /**
   * Manifests for files, and the files as manifests need them.
   *
   * @param {{ inputs: Input[], format: import('../../ismvault.js').Format, title: string }} data
   * @param {Update} update
   * @param {AbortSignal} signal
   */
  async publish({ inputs, format, title }, update, signal) {
    const publication = new Publication({ format, title });
    /** @type {{ name: string, blob: Blob }[]} */
    const media = [];
    try {
      for (const { key, name } of inputs) publication.input(name, here(key).inspector);
      for (const [number, { input, name, whole }] of publication.parts().entries()) {
        const { file, inspector } = here(inputs[input].key);
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
          release(own);
          media.push({ name, blob });
        } finally {
          release(mux);
        }
      }
      const { texts, media: named, notes } = publication.write();
      return { texts, media: media.filter(({ name }) => named.includes(name)), notes };
    } finally {
      release(publication);
    }
  },
};
