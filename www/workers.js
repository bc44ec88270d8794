// Workers of the page, as its policy wants them. Started here and in the core's worker.

/** @type {{ createScriptURL(url: string): string } | undefined} */
let policy;

/**
 * An address of a script of ours, as the page's policy wants it.
 *
 * @param {string} url
 */
export function scriptUrl(url) {
  // Not every browser has it, and its types are not those of a URL.
  policy ??= /** @type {any} */ (globalThis).trustedTypes?.createPolicy('ismvault', { createScriptURL: (/** @type {string} */ u) => u });
  return policy ? policy.createScriptURL(url) : url;
}

/**
 * Starts a worker behind a blob of one import. A worker loaded from its own
 * address would come with that response's policy, on a plain static host none;
 * a blob's worker takes the page's.
 *
 * @param {string} name
 */
export function startWorker(name) {
  const script = `import ${JSON.stringify(new URL(name, import.meta.url).href)};`;
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  return new Worker(scriptUrl(url), { type: 'module' });
}

/**
 * Whether what workers load comes by the service worker, without which there is
 * nothing offline. Firefox does not send the requests of a blob's worker there.
 *
 * @returns {Promise<boolean>}
 */
export function workersAreServed() {
  const script = `import ${JSON.stringify(new URL('kept.js', import.meta.url).href)}; postMessage(true);`;
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = new Worker(/** @type {any} */ (scriptUrl(url)), { type: 'module' });
  return new Promise((resolve) => {
    const end = (/** @type {boolean} */ served) => {
      worker.terminate();
      URL.revokeObjectURL(url);
      resolve(served);
    };
    worker.onmessage = ({ data }) => end(data);
    worker.onerror = () => end(false);
  });
}
