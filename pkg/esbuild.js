// A plugin for esbuild, which does not follow new URL(…, import.meta.url) by itself:
// it puts the module and the workers beside the bundle.
//
//   import { ismvault } from 'ismvault/esbuild';
//   await esbuild.build({ entryPoints: ['app.js'], bundle: true, format: 'esm', outdir: 'out', plugins: [ismvault()] });

import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This package's own folder: others have files of such names too. */
const OWN = realpathSync(dirname(fileURLToPath(import.meta.url)));
/** Addresses as this package writes them. */
const ADDRESS = /new URL\('([^']+)', import\.meta\.url\)/g;

/** @returns {{ name: string, setup(build: any): void }} */
export function ismvault() {
  return {
    name: 'ismvault',
    setup(build) {
      const { outdir, outfile } = build.initialOptions;
      const { absWorkingDir = '.' } = build.initialOptions;
      const out = resolve(absWorkingDir, outdir ?? dirname(outfile ?? '.'));
      /** @type {Map<string, Promise<unknown>>} */
      const put = new Map();
      const bring = async (/** @type {string} */ from, /** @type {string} */ name) => {
        await mkdir(out, { recursive: true });
        if (from.endsWith('.wasm')) return copyFile(from, join(out, name));
        return build.esbuild.build({ ...build.initialOptions, entryPoints: [from], outdir: undefined, outfile: join(out, name), splitting: false, bundle: true, format: 'esm' });
      };
      build.onLoad({ filter: /[\\/]lib[\\/](rpc|pool|module)\.js$/ }, async (/** @type {{ path: string }} */ { path }) => {
        if (!path.startsWith(OWN)) return undefined;
        const text = await readFile(path, 'utf8');
        const found = [...text.matchAll(ADDRESS)].map(([, address]) => resolve(dirname(path), address));
        const nameOf = (/** @type {string} */ from) => `ismvault-${basename(from)}`;
        await Promise.all(found.map((from) => {
          if (!put.has(from)) put.set(from, bring(from, nameOf(from)));
          return put.get(from);
        }));
        return { contents: text.replace(ADDRESS, (_, address) => `new URL('./${nameOf(address)}', import.meta.url)`), loader: 'js' };
      });
    },
  };
}
