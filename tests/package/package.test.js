// The package as others have it: packed, put into a folder of its own, and used from
// Node, by TypeScript, and through bundlers in a browser.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, cpSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const fixture = (name) => join(root, 'tests/fixtures', name);
const { version } = JSON.parse(readFileSync(join(root, 'pkg/package.json')));
const packed = join(root, `target/ismvault-${version}.tgz`);

/** A project of somebody else's, with the package in it. */
const home = mkdtempSync(join(tmpdir(), 'ismvault-package-'));
after(() => {
  try {
    rmSync(home, { recursive: true, force: true });
  } catch {
    // A browser that ends may still write to its profile; the system clears what is left.
  }
});
mkdirSync(join(home, 'node_modules/ismvault'), { recursive: true });
execFileSync('tar', ['xzf', packed, '--strip-components=1', '-C', join(home, 'node_modules/ismvault')]);
cpSync(join(here, 'app'), home, { recursive: true });
writeFileSync(join(home, 'package.json'), '{ "type": "module" }');
for (const name of ['typescript', 'vite', 'webpack', 'esbuild']) symlinkSync(join(here, 'node_modules', name), join(home, 'node_modules', name));
const bin = (name) => join(here, 'node_modules/.bin', name);

/**
 * Runs a script of a user's in Node, and gives what it prints as JSON. It must end by
 * itself.
 *
 * @param {string} script
 */
async function inNode(script) {
  const file = join(home, `script-${Math.random()}.mjs`);
  writeFileSync(file, script);
  const { stdout } = await run(process.execPath, [file], { cwd: home, timeout: 60_000 });
  return JSON.parse(stdout);
}

const KEY = '000102030405060708090a0b0c0d0e0f';
const KID = '09e36702-8f33-436c-a5dd-60ffe6671e70';

test('in Node a file is looked at, protected, tried and decrypted', async () => {
  const said = await inNode(`
    import { openAsBlob } from 'node:fs';
    import { decrypt, header, inspect, protect, rebox, recognise, tryKeys } from 'ismvault';
    const file = await openAsBlob(${JSON.stringify(fixture('h264_aac.ismv'))});
    const parts = [];
    const before = await inspect(file, { onProgress: (part) => parts.push(part) });
    const { file: made, receipt } = await protect(file, { profile: 'dual', kid: '${KID}', key: '${KEY}' });
    const [wrong] = await tryKeys(made, 'ffffffffffffffffffffffffffffffff');
    const keys = await tryKeys(made, '${KEY}');
    const clear = await decrypt(made, '${KEY}');
    const piff = await rebox(made, { profile: 'piff' });
    const chunks = [];
    await protect(file, { profile: 'cenc' }, new WritableStream({ write: (chunk) => void chunks.push(chunk.length) }));
    console.log(JSON.stringify({
      before: before.answer, after: (await inspect(made)).answer, compared: receipt.samples_compared,
      keys: keys.map(({ verdict }) => verdict), wrong: wrong.verdict, clear: (await inspect(clear.file)).answer,
      piff: (await inspect(piff.file)).tracks[0].protection.scheme, streamed: chunks.reduce((a, b) => a + b, 0) > 60000,
      kid: (await recognise('${KID}')).title, versions: (await header({ kids: ['${KID}'] })).length,
    }));`);
  assert.equal(said.before, 'Clear. Ready to protect.');
  assert.match(said.after, /^Protected: PlayReady and W3C Common/);
  assert.equal(said.compared, 289);
  assert.ok(said.keys.length === 2 && said.keys.every((verdict) => verdict === 'proven'), said.keys.join());
  assert.equal(said.wrong, 'disproven');
  assert.match(said.clear, /^Clear\./);
  assert.equal(said.piff, 'piff');
  assert.ok(said.streamed);
  assert.equal(said.versions, 4);
  assert.match(said.kid, /KID/);
});

test('in Node other sources are read in parts, and jobs are stopped', async () => {
  const server = createServer((request, response) => {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    const { size } = statSync(fixture('audio_only.isma'));
    if (from == null) return response.writeHead(200, { 'content-length': size, etag: '"1"' }) && createReadStream(fixture('audio_only.isma')).pipe(response);
    const end = Math.min(Number(to), size - 1);
    response.writeHead(206, { 'content-range': `bytes ${from}-${end}/${size}`, etag: '"1"', 'content-length': end - Number(from) + 1 });
    createReadStream(fixture('audio_only.isma'), { start: Number(from), end }).pipe(response);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const said = await inNode(`
    import { readFileSync } from 'node:fs';
    import { inspect, protect, rebox, Refusal } from 'ismvault';
    const bytes = readFileSync(${JSON.stringify(fixture('audio_only.isma'))});
    let most = 0;
    const own = { size: bytes.length, read: (at, length) => { most = Math.max(most, length); return bytes.subarray(at, at + length); } };
    const address = 'http://127.0.0.1:${server.address().port}/a.isma';
    const failed = async (work) => { try { await work; return 'done'; } catch (error) { return error instanceof Refusal ? error.code : String(error); } };
    console.log(JSON.stringify({
      own: (await inspect(own)).answer, url: (await inspect(address)).answer,
      whole: (await protect(address, { profile: 'cenc' })).receipt.samples_compared, most: most < bytes.length,
      // Cut out of what was fetched, and there as long as it is wanted.
      cut: (await inspect((await rebox(address, { mend: true })).file)).answer,
      stopped: await failed(inspect(own, { signal: AbortSignal.abort() })),
      // One that never answers, and one that answers nonsense, hold up nothing else.
      silent: await failed(inspect({ size: 1000, read: () => new Promise(() => {}) }, { signal: AbortSignal.timeout(200) })),
      nonsense: await failed(inspect({ size: 1000, read: () => undefined })),
      thrown: await failed(inspect({ size: 1000, read: () => { throw new Error('no disk'); } })),
      after: (await inspect(new Blob([bytes]))).answer,
      broken: await failed(inspect(new Blob([bytes.subarray(0, 300)]))),
      none: await failed(protect(own, { profile: 'nothing' })),
    }));`).finally(() => server.close());
  assert.equal(said.own, 'Clear. Ready to protect.');
  assert.equal(said.url, said.own);
  assert.ok(said.whole > 50);
  assert.equal(said.stopped, 'cancelled');
  assert.equal(said.silent, 'cancelled');
  assert.notEqual(said.nonsense, 'done');
  assert.notEqual(said.thrown, 'done');
  assert.equal(said.after, said.own);
  assert.equal(said.broken, 'done'); // a file that is cut is looked at, and told so
  assert.ok(said.most);
  assert.equal(said.cut, said.own);
  assert.notEqual(said.none, 'done');
});

test('TypeScript takes it at its strictest, and no any is in its way', async () => {
  for (const resolution of ['bundler', 'nodenext']) {
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', 'false', '--target', 'es2022', '--module', resolution === 'bundler' ? 'esnext' : 'nodenext', '--moduleResolution', resolution, '--lib', 'es2022,dom'];
    await run(bin('tsc'), [...options, 'types.ts'], { cwd: home }).catch(({ stdout }) => assert.fail(stdout));
  }
});

test('publint and Are the types wrong? find nothing', async () => {
  const lint = await run(bin('publint'), [packed, '--strict']).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
  assert.match(lint.stdout, /All good/);
  await run(bin('attw'), [packed, '--profile', 'esm-only', '--exclude-entrypoints', './*.wasm']).catch(({ stdout }) => assert.fail(stdout));
});

/** @type {Record<string, (out: string) => Promise<unknown>>} */
const BUNDLERS = {
  async vite(out) {
    const { build } = await import('vite');
    await build({ root: home, base: './', logLevel: 'error', worker: { format: 'es' }, build: { outDir: out, emptyOutDir: true, target: 'esnext' } });
  },
  async webpack(out) {
    const { default: webpack } = await import('webpack');
    const stats = await new Promise((resolve, reject) => {
      webpack({ context: home, mode: 'production', target: 'web', entry: './app.js', output: { path: out, filename: 'app.js', publicPath: 'auto' }, performance: { hints: false }, experiments: { asyncWebAssembly: false } }, (error, own) => (error ? reject(error) : resolve(own)));
    });
    assert.equal(stats.hasErrors(), false, stats.toString('errors-only'));
    cpSync(join(home, 'index.html'), join(out, 'index.html'));
  },
  async esbuild(out) {
    const [{ build }, { ismvault }] = await Promise.all([import('esbuild'), import(join(home, 'node_modules/ismvault/esbuild.js'))]);
    await build({ absWorkingDir: home, entryPoints: ['app.js'], bundle: true, format: 'esm', outdir: out, minify: true, plugins: [ismvault()] });
    cpSync(join(home, 'index.html'), join(out, 'index.html'));
  },
};

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  test(`what ${name} makes of it works in Chromium`, async (context) => {
    const out = join(home, 'out', name);
    await bundle(out);
    const made = readdirSync(out, { recursive: true });
    assert.ok(made.some((file) => file.endsWith('.wasm')), made.join());
    if (!CHROMIUM) return context.skip('there is no Chromium');
    const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm', '.ismv': 'video/mp4' };
    let told = (text) => assert.fail(text);
    const said = new Promise((resolve) => { told = resolve; });
    const server = createServer(async ({ url, method, headers }, response) => {
      if (method === 'POST') {
        told(decodeURIComponent(url));
        return response.end();
      }
      const path = url === '/file.ismv' ? fixture('h264_aac.ismv') : join(out, url === '/' ? 'index.html' : url.split('?')[0]);
      if (!existsSync(path)) return response.writeHead(404).end();
      const bytes = readFileSync(path);
      const type = { 'content-type': types[extname(path)] ?? 'application/octet-stream' };
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
      if (from == null) return response.writeHead(200, type).end(bytes);
      const part = bytes.subarray(Number(from), Number(to) + 1);
      response.writeHead(206, { ...type, 'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}` }).end(part);
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', `--user-data-dir=${join(home, `profile-${name}`)}`];
    const browser = spawn(CHROMIUM, [...flags, `http://127.0.0.1:${server.address().port}/`], { stdio: 'ignore' });
    const late = setTimeout(told, 60_000, 'nothing');
    try {
      assert.match(await said, /Clear\. Ready to protect\. \| Protected: PlayReady and W3C Common.* \| 289 \| 36 \| true 3 \| Clear\. Ready to protect\. 0$/);
    } finally {
      clearTimeout(late);
      const gone = new Promise((done) => browser.on('exit', done));
      browser.kill();
      server.close();
      server.closeAllConnections();
      await gone;
    }
  });
}
