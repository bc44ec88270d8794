// The module that this browser can run.

import init from '../ismvault.js';

/** A module with one instruction for vectors of 128 bits. */
const VECTORS = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];

/** Compiles it while it comes. */
async function compiled() {
  // Whole addresses, by which bundlers know what to take along.
  const place = WebAssembly.validate(Uint8Array.from(VECTORS)) ? new URL('../ismvault_bg.wasm', import.meta.url) : new URL('../plain_bg.wasm', import.meta.url);
  const response = await fetch(place);
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  // Some hosts do not know the type of .wasm, and then it cannot be streamed.
  if (response.headers.get('Content-Type') === 'application/wasm') return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

/** The module, for the workers of the pool. */
export const compiling = compiled();
/** The core in this worker. */
export const ready = compiling.then((module) => init({ module_or_path: module }));
ready.catch(() => {}); // told to whoever calls
