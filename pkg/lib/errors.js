// Errors as data, to cross from worker to worker and to the page.

export class Cancelled extends Error {}

/** @typedef {{ code: string, message: string, kind?: string, at?: number, path?: string }} Failure */

/**
 * An error as data: the core's are data already.
 *
 * @param {any} error
 * @returns {Failure}
 */
export function plain(error) {
  if (error instanceof Cancelled) return { code: 'cancelled', message: 'Cancelled. Nothing was kept.' };
  if (isTrap(error)) {
    return { code: 'internal', message: 'The core stopped on this file, which it never should. All other files go on; report this one if you can.' };
  }
  if (error instanceof DOMException || error instanceof Error) return { code: error.name, message: words(error) };
  return error;
}

/**
 * Whether the core stopped where it was: its instance is of no more use.
 *
 * @param {unknown} error
 */
export const isTrap = (error) => error instanceof WebAssembly.RuntimeError
  // Too deep a stack is named otherwise by every engine.
  || (error instanceof Error && /call stack|too much recursion/i.test(error.message));

/** @param {Error} error */
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
    case 'RangeError':
      return `There is not enough memory for this fragment (${error.message}). Close other tabs and try again.`;
    default:
      return error.message || error.name;
  }
}
