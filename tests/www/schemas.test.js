// The JSON that programs read: a schema for each kind, made of the core's types, and
// what the command prints held against it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixture = (name) => join(root, 'tests/fixtures', name);
const KEY = '000102030405060708090a0b0c0d0e0f';
const KID = '09e36702-8f33-436c-a5dd-60ffe6671e70';

/** Each kind, its type, and the version that it says of itself where it does. */
const KINDS = { inspection: 'Inspection', decoded: 'Decoded', diagnosis: 'Diagnosis', comparison: 'Comparison', receipt: 'Receipt', versions: 'Attempt' };

const generator = createGenerator({ path: join(root, 'crates/wasm/src/types.d.ts'), tsconfig: join(root, 'tests/www/tsconfig.json'), type: '*', additionalProperties: true, skipTypeCheck: true });

const schemas = Object.fromEntries(Object.entries(KINDS).map(([kind, type]) => {
  const schema = generator.createSchema(type);
  return [kind, { $comment: 'Made of the types of the core: UPDATE_SCHEMAS=1 npm --prefix tests/www test', title: kind, ...schema }];
}));

test('every kind of JSON has its schema in docs/schema', () => {
  const folder = join(root, 'docs/schema');
  mkdirSync(folder, { recursive: true });
  for (const [kind, schema] of Object.entries(schemas)) {
    const text = `${JSON.stringify(schema, null, 2)}\n`;
    const place = join(folder, `${kind}.json`);
    if (process.env.UPDATE_SCHEMAS) writeFileSync(place, text);
    assert.ok(existsSync(place) && readFileSync(place, 'utf8') === text, `${kind}: UPDATE_SCHEMAS=1 npm --prefix tests/www test makes it anew`);
  }
});

const command = join(root, 'target/debug', process.platform === 'win32' ? 'ismvault.exe' : 'ismvault');
const home = mkdtempSync(join(tmpdir(), 'ismvault-schemas-'));
after(() => rmSync(home, { recursive: true, force: true }));

/** What the command prints as JSON, whatever its exit status. */
function json(...args) {
  try {
    return JSON.parse(execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch (/** @type {any} */ error) {
    return JSON.parse(error.stdout);
  }
}

test('what the command prints is as its schema says', (context) => {
  if (!existsSync(command)) return context.skip('the command is not built');
  const ajv = new Ajv({ strict: false, allErrors: true });
  const valid = Object.fromEntries(Object.entries(schemas).map(([kind, schema]) => [kind, ajv.compile(schema)]));
  const holds = (kind, value) => assert.ok(valid[kind](value), `${kind}: ${ajv.errorsText(valid[kind].errors)}`);
  const made = join(home, 'made.mp4');
  const protectedBy = json('protect', fixture('h264_aac.ismv'), '-o', made, '--kid', KID, '--key', KEY, '--la-url', 'https://licence.example/', '--json');
  holds('receipt', protectedBy.receipt);
  writeFileSync(join(home, 'cut.mp4'), readFileSync(made).subarray(0, 40_000));
  for (const file of [made, join(home, 'cut.mp4'), ...['h264_aac.ismv', 'audio_only.isma', 'hevc.ismv', 'progressive.mp4'].map(fixture)]) holds('inspection', json('inspect', file, '--json'));
  for (const key of [KEY, '00'.repeat(16)]) for (const one of json('key', made, '--try', key, '--json').tracks) holds('diagnosis', one);
  holds('comparison', json('diff', made, fixture('h264_aac.ismv'), '--json'));
  for (const text of [KID, execFileSync(command, ['header', 'new', '--kid', KID, '--form', 'pssh'], { encoding: 'utf8' }).trim()]) holds('decoded', json('header', text, '--json'));
  for (const one of json('header', 'new', '--kid', KID, '--json')) holds('versions', one);
  // A schema that holds everything would be none.
  assert.equal(valid.inspection({ schema: 2 }), false);
});
