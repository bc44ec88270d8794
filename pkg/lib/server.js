// Files on a server, read by ranges. Only remote.html may connect anywhere, and it
// only to the hosts that were named.

/**
 * What is known of a file on a server, as data. `stamp` is its ETag, or when it was
 * last changed, where the server lets pages read that.
 *
 * @typedef {{ url: string, name: string, size: number, stamp: string | null }} Remote
 */

/**
 * The name of a file in its address.
 *
 * @param {string} url
 */
export function nameIn(url) {
  const last = new URL(url).pathname.split('/').pop() ?? '';
  try {
    return decodeURIComponent(last) || hostOf(url);
  } catch {
    return last; // a percent sign that is one
  }
}

/** What a server must let a page of another origin do (Fetch Standard, CORS protocol). */
const EXPOSED = 'Content-Range, ETag';
const OPTIONS = /** @type {const} */ ({ credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' });

/** A server that does not answer as it should, in a sentence. */
export class ServerError extends Error {
  /**
   * @param {string} message
   * @param {'cors' | 'whole' | 'server'} name `cors` where settings may help, `whole` where there are no ranges
   */
  constructor(message, name = 'server') {
    super(message);
    this.name = name;
  }
}

const hostOf = (/** @type {string} */ url) => new URL(url).host;

/**
 * Asks a server for a file, or for a part of it.
 *
 * @param {string} url
 * @param {RequestInit} [options]
 */
async function ask(url, options) {
  const host = hostOf(url);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { ...OPTIONS, ...options });
  } catch (/** @type {any} */ error) {
    if (error.name === 'AbortError') throw error;
    // Whether it answers at all can be known, and no more.
    const answers = await fetch(url, { ...OPTIONS, method: 'HEAD', mode: 'no-cors' }).then(() => true, () => false);
    throw new ServerError(answers
      ? `${host} answers, but does not let this page read the file (CORS).`
      : `${host} cannot be reached, or sends this page on to another host, which it may not connect to.`, 'cors');
  }
  const { status } = response;
  if (status === 401 || status === 403) throw new ServerError(`${host} refuses the file (${status}). If its address has a signature (SAS), that may have run out, or not allow reading.`);
  if (status === 404 || status === 410) throw new ServerError(`${host} has no such file (${status}).`);
  if (status === 416) throw new ServerError(`The file on ${host} is empty, or shorter than it was.`);
  if (!response.ok) throw new ServerError(`${host} answers ${status}. Try again later.`);
  if (/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) throw new ServerError(`${host} answers with a web page, such as one to sign in, instead of the file.`);
  return response;
}

const stampOf = (/** @type {Response} */ { headers }) => headers.get('etag') ?? headers.get('last-modified');

/**
 * What a server says of a file.
 *
 * @param {string} url
 * @returns {Promise<Remote>}
 */
export async function remote(url) {
  const response = await ask(url, { headers: { range: 'bytes=0-0' } });
  const name = nameIn(url);
  const stamp = stampOf(response);
  const total = response.headers.get('content-range')?.match(/\/(\d+)$/)?.[1];
  await response.body?.cancel();
  if (response.status !== 206) throw new ServerError(`${hostOf(url)} sends files whole only: it does not take ranges.`, 'whole');
  if (total) return { url, name, size: Number(total), stamp };
  // Content-Range is hidden from pages where it is not exposed; a length is not.
  const head = await ask(url, { method: 'HEAD' });
  const length = head.headers.get('content-length');
  if (length == null) throw new ServerError(`${hostOf(url)} does not let this page read how long the file is.`, 'cors');
  return { url, name, size: Number(length), stamp };
}

/** A file on a server, as much of a blob as reading needs. */
export class RemoteFile {
  /** @param {Remote} of */
  constructor({ url, name, size, stamp }) {
    this.url = url;
    this.name = name;
    this.size = size;
    this.stamp = stamp;
    this.lastModified = 0;
  }

  /** The server, in words. */
  get host() {
    return hostOf(this.url);
  }

  slice(from = 0, to = this.size) {
    const end = Math.min(to, this.size);
    return { arrayBuffer: () => (from < end ? this.#read(from, end) : Promise.resolve(new ArrayBuffer(0))) };
  }

  /**
   * @param {number} from
   * @param {number} end
   */
  async #read(from, end) {
    const response = await ask(this.url, { headers: { range: `bytes=${from}-${end - 1}` } });
    const stamp = stampOf(response);
    const changed = stamp !== this.stamp;
    if (changed || response.status !== 206) {
      await response.body?.cancel();
      throw new ServerError(changed ? `The file on ${this.host} was changed while it was read. Open it again.` : `${this.host} sent the whole file where a part was asked for. Open it again.`);
    }
    const bytes = await response.arrayBuffer();
    if (bytes.byteLength !== end - from) throw new ServerError(`${this.host} sent ${bytes.byteLength} bytes where ${end - from} were asked for. Open it again.`);
    return bytes;
  }
}

/**
 * All of a file on a server, piece by piece.
 *
 * @param {string} url
 * @param {AbortSignal} signal
 */
export async function whole(url, signal) {
  const response = await ask(url, { signal });
  if (!response.body) throw new ServerError(`${hostOf(url)} sends nothing.`);
  return { size: Number(response.headers.get('content-length') ?? 0), stamp: stampOf(response), body: response.body };
}

/**
 * What makes a server let a page of this origin read its files, by where it is.
 *
 * @param {string} origin
 * @returns {[string, string][]}
 */
export const settings = (origin) => [
  ['Azure Blob Storage', `az storage cors add --services b --methods GET HEAD --origins ${origin} --allowed-headers range --exposed-headers ${EXPOSED.toLowerCase().replaceAll(', ', ',')} --max-age 3600`],
  ['Amazon S3', JSON.stringify([{ AllowedOrigins: [origin], AllowedMethods: ['GET', 'HEAD'], AllowedHeaders: ['range'], ExposeHeaders: EXPOSED.split(', '), MaxAgeSeconds: 3600 }], null, 2)],
  ['A web server or CDN', `Access-Control-Allow-Origin: ${origin}\nAccess-Control-Allow-Methods: GET, HEAD\nAccess-Control-Allow-Headers: range\nAccess-Control-Expose-Headers: ${EXPOSED}`],
];
