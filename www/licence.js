// A licence, asked for as a player does: the browser's DRM system makes the request,
// the server answers, and the system says whether the keys are of use.

/** @typedef {{ status: number, seconds: number, keys: string[], body: Uint8Array<ArrayBuffer> | null }} Answer what the server said; its words where it refused */

const PLAYREADY = ['com.microsoft.playready.recommendation.3000', 'com.microsoft.playready.recommendation', 'com.microsoft.playready'];
const CLEARKEY = 'org.w3.clearkey';
/** How long keys may take to come. */
const PATIENCE = 10000;

/**
 * The first system that this browser has, PlayReady before ClearKey.
 *
 * @param {MediaKeySystemConfiguration} wanted
 * @param {boolean} playready whether the file has a PlayReady header
 */
export async function access(wanted, playready) {
  for (const system of [...(playready ? PLAYREADY : []), CLEARKEY]) {
    const initDataTypes = [system === CLEARKEY ? 'keyids' : 'cenc'];
    const found = await navigator.requestMediaKeySystemAccess?.(system, [{ ...wanted, initDataTypes }]).catch(() => null);
    if (found) return found;
  }
  throw new Error('This browser has neither PlayReady nor ClearKey for this file.');
}

/**
 * What is sent for a message of a system. Those of PlayReady may be a document in
 * UTF-16 with the request and its headers in it.
 *
 * @param {ArrayBuffer} message
 * @returns {{ body: BodyInit, headers: Record<string, string> }}
 */
export function request(message) {
  const text = new TextDecoder('utf-16le').decode(message);
  const [, challenge] = text.match(/<Challenge[^>]*>([^<]+)</) ?? [];
  if (!challenge) {
    const json = new Uint8Array(message)[0] === 0x7b;
    return { body: message, headers: { 'content-type': json ? 'application/json' : 'text/xml; charset=utf-8' } };
  }
  const pairs = [...text.matchAll(/<name>([^<]*)<\/name>\s*<value>([^<]*)</g)].map(([, name, value]) => [name, value]);
  return { body: Uint8Array.from(atob(challenge), (c) => c.charCodeAt(0)), headers: Object.fromEntries(pairs) };
}

/**
 * Sets a video's keys from a licence server.
 *
 * @param {HTMLVideoElement} video
 * @param {MediaKeySystemAccess} granted
 * @param {{ url: string, type: string, data: BufferSource }} asked
 * @returns {Promise<Answer>}
 */
export async function ask(video, granted, { url, type, data }) {
  const mediaKeys = await granted.createMediaKeys();
  await video.setMediaKeys(mediaKeys);
  const session = mediaKeys.createSession();
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    let status = 0;
    const late = () => (status ? end(null) : reject(new Error(`${new URL(url).host} gives no licence within ${PATIENCE / 1000} s.`)));
    setTimeout(late, PATIENCE);
    const end = (/** @type {Uint8Array<ArrayBuffer> | null} */ body) => {
      const keys = [.../** @type {any} */ (session.keyStatuses).values()].map(String);
      resolve({ status, seconds: (performance.now() - begun) / 1000, keys, body });
    };
    session.addEventListener('keystatuseschange', () => status && end(null));
    session.addEventListener('message', async ({ message }) => {
      try {
        const response = await fetch(url, { method: 'POST', ...request(message), credentials: 'omit', referrerPolicy: 'no-referrer', signal: AbortSignal.timeout(PATIENCE) });
        const body = new Uint8Array(await response.arrayBuffer());
        ({ status } = response);
        if (!response.ok) return end(body);
        await session.update(body).catch((/** @type {Error} */ error) => reject(new Error(`The server answered (${status}), but the browser does not take it as a licence: ${error.message}`)));
      } catch {
        reject(new Error(`${new URL(url).host} cannot be asked: it cannot be reached, does not let this page ask it (CORS), or this page may not connect to it.`));
      }
    });
    session.generateRequest(type, data).catch(reject);
  });
}
