// A worker of the pool: reads batches of units, and does them in an instance of
// its own of the module.

onmessage = ({ data }) => {
  if (data.module) {
    ({ file } = data);
    started = begin(data);
    started.catch(() => {}); // told with the first batch
    return;
  }
  // The next batch is read while this one is done.
  const { at, length } = data;
  const read = file.slice(at, at + length).arrayBuffer();
  read.catch(() => {}); // told when its turn comes
  last = last.then(() => make(data, read)).catch((error) => postMessage({ number: data.number, error: plain(error) }));
};

import init, { Worker as Units } from '../ismvault.js';
import { plain } from './errors.js';

/** @typedef {import('./pool.js').Hello} Hello */
/** @typedef {import('./pool.js').Message & { number: number, buffer?: ArrayBuffer }} Batch */

/** @type {Blob} */
let file;
/** @type {Promise<void>} */
let started;
/** @type {Promise<void>} */
let last = Promise.resolve();
/** @type {Units} */
let units;
/** @type {WebAssembly.Memory} */
let memory;

/** @param {Hello} hello */
async function begin({ module, setup }) {
  ({ memory } = await init({ module_or_path: module }));
  units = new Units(setup);
  setup.fill(0);
}

/**
 * @param {Batch} batch
 * @param {Promise<ArrayBuffer>} read
 */
async function make({ number, at, length, measure, units: list, buffer }, read) {
  await started;
  const bytes = new Uint8Array(await read);
  if (bytes.length < length) throw new DOMException('', 'NotReadableError');
  /** @type {number[]} */
  const lengths = [];
  const room = length + (length >> 4) + (64 << 10);
  const kept = buffer && buffer.byteLength >= room ? buffer : null;
  let out = new Uint8Array(measure ? new ArrayBuffer(0) : kept ?? new ArrayBuffer(room));
  let size = 0;
  for (const unit of list) {
    // One copy in, one out: the views are new each time, for memory may grow.
    const from = unit.at - at;
    const place = units.room(unit.length);
    new Uint8Array(memory.buffer, place, unit.length).set(bytes.subarray(from, from + unit.length));
    if (measure) {
      lengths.push(units.measure(unit.unitState, unit.at));
      continue;
    }
    const made = units.work(unit.unitState, unit.at);
    if (size + made > out.length) {
      const larger = new Uint8Array(2 * (size + made));
      larger.set(out.subarray(0, size));
      out = larger;
    }
    out.set(new Uint8Array(memory.buffer, units.output, made), size);
    lengths.push(made);
    size += made;
  }
  if (measure) postMessage({ number, lengths });
  else postMessage({ number, lengths, proof: units.takeProof(), buffer: out.buffer, size }, { transfer: [out.buffer] });
}
