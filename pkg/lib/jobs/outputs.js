// Outputs in storage, and how each is let go of.

/** @typedef {import('../sinks.js').Closed} Closed */

/** @type {Map<number, () => Promise<void>>} */
const outputs = new Map();
let next = 1;

/**
 * What a sink that was closed gives, for the page: an output in storage by a number.
 *
 * @param {Closed} closed
 * @returns {Omit<Closed, 'drop'> & { output?: number }}
 */
export function kept({ drop, ...result }) {
  if (!drop) return result;
  outputs.set(next, drop);
  return { ...result, output: next++ };
}

/** @param {number} output */
export async function letGo(output) {
  const drop = outputs.get(output);
  outputs.delete(output);
  await drop?.().catch(() => {}); // site data may have been cleared
}
