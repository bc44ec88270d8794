// What of the page needs no browser: batches, reading, numbers and names in words.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytes, count, plural, rate, time, wait } from '../../www/dom.js';
import { Cancelled, plain } from '../../pkg/lib/errors.js';
import { valuesOf } from '../../www/fields.js';
import { isManifest, isMedia, know, stem } from '../../www/names.js';
import { meanings, topRows } from '../../www/panels/boxes.js';
import { FORMS, kidsAmong, kidsOf } from '../../www/panels/kids.js';
import { batches } from '../../pkg/lib/pool.js';
import { Ahead, CHUNK, readSpans, Walk } from '../../pkg/lib/reading.js';
import { keyFor, titlesOf } from '../../www/titles.js';
import { stitched } from '../../pkg/lib/writing.js';

/** A file whose every byte tells where it is, modulo a prime. */
const film = (size) => new Blob([Uint8Array.from({ length: size }, (_, i) => i % 251)]);
const expected = (...spans) => spans.flatMap(([at, length]) => Array.from({ length }, (_, i) => (at + i) % 251));

test('spans are read in the order asked for, near and far, again and backwards', async () => {
  const file = film(1_000_000);
  const far = [[0, 8], [400_000, 5], [400_005, 5], [900_000, 3], [10, 4], [400_001, 2]];
  assert.deepEqual([...await readSpans(file, far.flat())], expected(...far));
  const many = Array.from({ length: 40 }, (_, i) => [i * 20_000, 7]);
  assert.deepEqual([...await readSpans(file, many.flat())], expected(...many));
  // Two hundred spans far from each other are several blobs.
  const large = film(30_000_000);
  const wide = Array.from({ length: 200 }, (_, i) => [i * 150_000, 3]);
  assert.deepEqual([...await readSpans(large, wide.flat())], expected(...wide));
  assert.deepEqual([...await readSpans(file, [])], []);
});

test('where a file ends early, so do the bytes', async () => {
  const file = film(100);
  assert.deepEqual([...await readSpans(file, [90, 20])], expected([90, 10]));
  assert.deepEqual([...await readSpans(file, [0, 4, 96, 20, 50, 2])], expected([0, 4], [96, 4]));
});

test('reading ahead gives the same bytes, over the ends of chunks', async () => {
  const file = film(2 * CHUNK + 10);
  const ahead = new Ahead(file);
  for (const [at, length] of [[0, 5], [CHUNK - 3, 6], [CHUNK + 3, CHUNK], [2 * CHUNK + 4, 6]]) {
    const read = await ahead.read(at, length);
    assert.ok(read.every((byte, i) => byte === (at + i) % 251) && read.length === length, `${at}`);
  }
  await assert.rejects(ahead.read(2 * CHUNK + 8, 5), { name: 'NotReadableError' });
});

test('batches hold every unit once, in order, and are not larger than they may be', () => {
  const units = Array.from({ length: 300 }, (_, unit) => ({ at: unit * 1_000_000 + (unit > 150 ? 7 : 0), length: 1_000_000, unit }));
  const all = batches(units, 2);
  assert.deepEqual(all.flatMap(({ units }) => units.map(({ unit }) => unit)), units.map(({ unit }) => unit));
  for (const { at, length, units: own } of all) {
    assert.equal(at, own[0].at);
    assert.equal(at + length, own.at(-1).at + own.at(-1).length);
    assert.ok(length <= 16 << 20);
  }
  assert.ok(all[0].length <= 4 << 20, 'the first are small');
  assert.equal(batches([{ at: 0, length: 1 << 30, unit: 0 }], 8).length, 1, 'one unit is a batch, however large');
  assert.deepEqual(batches([], 2), []);
});

test('pieces become one blob', async () => {
  const blob = stitched(film(100), [Uint8Array.of(1, 2), { at: 10, length: 3 }, Uint8Array.of(9)]);
  assert.deepEqual([...new Uint8Array(await blob.arrayBuffer())], [1, 2, 10, 11, 12, 9]);
});

test('numbers in words', () => {
  assert.equal(count(1234567), '1,234,567');
  assert.deepEqual([0, 1, 2].map((n) => plural(n, 'file')), ['0 files', '1 file', '2 files']);
  assert.deepEqual([1, 1023, 1024, 10 * 1024, 150 << 20, 3 * 2 ** 40].map(bytes), ['1 byte', '1,023 bytes', '1.00 KiB', '10.0 KiB', '150 MiB', '3.00 TiB']);
  assert.deepEqual([null, 950, 9_999, 1_234_567].map(rate), ['–', '0.9', '10.0', '1,235']);
  assert.deepEqual([null, 0, 61.5, 3661.0004].map(time), ['–', '00:00:00.000', '00:01:01.500', '01:01:01.000']);
  assert.deepEqual([0.2, 59, 90, 7200, Infinity].map(wait), ['1 s left', '59 s left', '2 min left', '2.0 h left', '']);
});

test('a time before zero is one', () => {
  assert.equal(time(-0.021333), '-00:00:00.021');
  assert.equal(time(-3661), '-01:01:01.000');
});

test('names are told by the core\'s lists', () => {
  know({ media: ['ismv', 'mp4'], manifests: ['ism'] });
  assert.deepEqual(['A.ISMV', 'b.c.mp4', 'mp4', 'x.ism'].map(isMedia), [true, true, false, false]);
  assert.deepEqual(['x.ism', 'x.ismv', 'folder.ism/x'].map(isManifest), [true, false, false]);
  assert.deepEqual(['a/b/show.S01.E02.ismv', 'film', 'c\\d.mp4'].map(stem), ['show.S01.E02', 'film', 'd']);
});

test('errors cross as data, and say what to do', () => {
  assert.equal(plain(new Cancelled('x')).code, 'cancelled');
  assert.match(plain(new DOMException('', 'NotReadableError')).message, /Open it again/);
  assert.match(plain(new DOMException('', 'QuotaExceededError')).message, /Free some disk space/);
  assert.deepEqual(plain({ code: 'x', message: 'y' }), { code: 'x', message: 'y' });
});

test('a form gives a job, and leaves out what is empty', () => {
  const elements = new Map(Object.entries({ profile: { value: 'dual' }, la_url: { value: ' ' }, clear_lead: { value: '2' }, widevine: { checked: true } }));
  const form = { elements: { namedItem: (name) => elements.get(name) ?? null } };
  const rows = [['profile', 'choice'], ['la_url', 'url'], ['clear_lead', 'number'], ['widevine', 'flag'], ['kid', 'text']].map(([name, control]) => ({ name, control }));
  assert.deepEqual(valuesOf(form, rows), { profile: 'dual', clear_lead: 2, widevine: true });
});

test('titles of a folder keep apart whatever their files are called', async () => {
  know({ media: ['ismv', 'isma', 'mp4'], manifests: ['ism', 'ismc'] });
  const paths = ['a/film.ismv', 'b/film.ismv', 'show.S01.E01.ismv', 'show.S01.E02.ismv', 'film.ismv', 'film.mp4', 'set/low.ismv', 'set/high.ismv', 'set/film.ism', 'name.ismv'];
  const files = paths.map((path) => ({ path, file: new File([path], path) }));
  const titles = await titlesOf(files, async () => ['low.ismv', 'high.ismv']);
  const outputs = titles.map(({ output }) => output).sort();
  assert.deepEqual(outputs, ['a/film.mp4', 'b/film.mp4', 'film.ismv.mp4', 'film.mp4.mp4', 'name.mp4', 'set/film.mp4', 'show.S01.E01.mp4', 'show.S01.E02.mp4']);
  assert.deepEqual(titles.find(({ path }) => path === 'set/film.ism').files.map(({ path }) => path), ['set/low.ismv', 'set/high.ismv']);
});

test('a title has the key of its path before that of its name, and * is for the others', () => {
  const title = { path: 'b/film.ismv', name: 'b/film', output: 'b/film.mp4', files: [] };
  const entry = (output, key) => ({ output, kid: '', key });
  const all = [entry('*', 'others'), entry('film', 'name'), entry('b/film.mp4', 'old'), entry('b/film.mp4', 'path')];
  assert.equal(keyFor(all, title).key, 'path');
  assert.equal(keyFor(all.slice(0, 2), title).key, 'name');
  assert.equal(keyFor(all.slice(0, 1), title).key, 'others');
  assert.equal(keyFor([entry('a/film.mp4', 'no')], title), null);
});

test('everything the page is made of is kept for when there is no network', () => {
  const www = new URL('../../www/', import.meta.url);
  const listed = [...readFileSync(new URL('offline.js', www), 'utf8').matchAll(/^ {2}'([^']+)',$/gm)].map(([, name]) => name);
  const there = readdirSync(www, { recursive: true })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.includes('.') && !['index.html', 'offline.js'].includes(name) && !name.startsWith('pkg') && !name.endsWith('.d.ts'));
  const lib = readdirSync(new URL('../pkg/lib/', www), { recursive: true }).map((name) => `pkg/lib/${name.replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.js') && name !== 'pkg/lib/node-worker.js');
  const made = ['./', 'pkg/index.js', 'pkg/ismvault.js', 'pkg/ismvault_bg.wasm', 'pkg/plain_bg.wasm', ...lib];
  assert.deepEqual(listed.sort(), [...there, ...made].sort());
});

/** What remote.html says otherwise than index.html, whose copy it is. */
const REMOTE = [
  ['<title>ISMVault</title>', '<title>ISMVault, for files on a server</title>'],
  ['content="Inspect Smooth Streaming files and protect them with PlayReady, in this browser."', 'content="Inspect Smooth Streaming files on a server, and try their licences."'],
  ['<!-- No connection but to this page\'s own origin, no', '<!-- This page may connect: remote.js narrows the policy to the servers that are named before anything is asked of them. No'],
  ["connect-src 'self';", "connect-src 'self' https: http://127.0.0.1:* http://localhost:*;"],
  ['src="main.js"', 'src="remote.js"'],
  ['Files and keys stay on this machine.', 'This page connects to the servers that you name, and to no other.'],
  ['This page carries a Content Security Policy that allows connections to its own origin alone, for its script, its worker and everything they load. View the source: it is in the first lines.', 'This page may connect to the servers that you name, to read from them. From then on a second Content Security Policy allows these alone, for its script, its worker and everything they load: look at the last lines of the head in the developer tools.'],
  ['Open the developer tools, choose Network, and protect a file: after the page has loaded there is no request.', 'Open the developer tools and choose Network: there are requests for parts of the file, and none that sends anything but a licence request.'],
  ['    <li>Go offline after the page has loaded, and go on working.</li>\n', ''],
];

test('remote.html is index.html with another policy', () => {
  const folder = new URL('../../www/', import.meta.url);
  let made = readFileSync(new URL('index.html', folder), 'utf8');
  for (const [from, to] of REMOTE) {
    assert.equal(made.split(from).length, 2, from);
    made = made.replace(from, to);
  }
  const place = new URL('remote.html', folder);
  if (process.env.UPDATE_REMOTE) writeFileSync(place, made);
  assert.equal(readFileSync(place, 'utf8'), made, 'UPDATE_REMOTE=1 npm --prefix tests/www test makes it anew');
});

test('a KID in every form, once, with where it is named', () => {
  const kid = '09e36702-8f33-436c-a5dd-60ffe6671e70';
  assert.deepEqual(FORMS.map(([, , make]) => make(kid)), [
    kid, '09e367028f33436ca5dd60ffe6671e70', '0267e309-338f-6c43-a5dd-60ffe6671e70',
    'CeNnAo8zQ2yl3WD/5mcecA==', 'AmfjCTOPbEOl3WD/5mcecA==',
  ]);
  const track = (id, own) => ({ id, schemes: [{ kid: own }] });
  const systems = [{ name: 'PlayReady', header: { kids: [kid] }, kids: [] }, { name: 'Widevine', header: null, kids: ['other'] }];
  const found = kidsOf({ tracks: [track(1, kid), track(2, kid), track(3, null)], systems });
  assert.deepEqual(found, [[kid, ['track 1', 'track 2', 'PlayReady']], ['other', ['Widevine']]]);
});

test('KIDs that are pasted are looked for in the open files', () => {
  const kid = '09e36702-8f33-436c-a5dd-60ffe6671e70';
  const turned = '0267e309-338f-6c43-a5dd-60ffe6671e70';
  const file = (name, own) => ({ name, inspection: { tracks: [{ id: 2, schemes: [{ kid: own }] }], systems: [] } });
  const files = [file('a.ismv', kid), { name: 'set.ism', inspection: null }];
  assert.deepEqual(kidsAmong([kid, kid], files), [`${kid} is the KID of track 2 in a.ismv.`]);
  assert.deepEqual(kidsAmong([turned], files), [`${turned} is ${kid} with its bytes in the other order, the KID of track 2 in a.ismv.`]);
  assert.deepEqual(kidsAmong(['other'], files), ['other is not a KID of a.ismv.']);
  assert.deepEqual(kidsAmong(['other'], [...files, file('b.ismv', turned)]), ['other is a KID of none of the open files.']);
  assert.deepEqual(kidsAmong([kid], [files[1], file('clear.ismv', null)]), []);
});

test('fragments in the tree say their number, track and time', () => {
  const columns = (kind, track, time, sync) => ({ kinds: ['ftyp', 'moof', 'mdat', 'free'].map((own) => ({ kind: own })), kind, track, time, sync });
  const tracks = [{ id: 1, kind: 'video' }, { id: 2, kind: 'audio' }, { id: 3, kind: 'audio' }];
  const found = meanings(columns([0, 1, 2, 1, 2, 3, 1], [0, 1, 0, 3, 0, 0, 0], [Number.NaN, 22, Number.NaN, 0.5, Number.NaN, Number.NaN, Number.NaN], [0, 1, 0, 0, 0, 0, 0]), { tracks: tracks.slice(0, 2) });
  assert.deepEqual(found, [undefined, '1 · video · 00:00:22.000 · sync', 'media of 1', '2 · track 3 · 00:00:00.500', 'media of 2', undefined, '3']);
  assert.equal(meanings(columns([1], [3], [1], [1]), { tracks })[0], '1 · audio 3 · 00:00:01.000 · sync');
});

test('spans that go on through a file are read ahead, and are the same', async () => {
  const file = film(40_000_000);
  const walk = new Walk(file);
  // Batches of spans near each other, as fragments lie; then far, backwards, and past the end.
  let at = 100;
  for (let batch = 0; batch < 12; batch++) {
    const spans = Array.from({ length: 60 }, (_, i) => [at + i * 50_000, 700 + i]);
    at += 60 * 50_000;
    assert.deepEqual([...await walk.read(spans.flat())], expected(...spans), `batch ${batch}`);
  }
  for (const spans of [[[39_000_000, 5], [3, 9]], [[10, 4]], [[0, 2_000_000]], [[2_000_000, 2_000_000]], [[4_000_000, 2_000_000], [6_000_000, 1]], [[6_000_001, 1_500_000]]]) {
    assert.equal(Buffer.compare(Buffer.from(await walk.read(spans.flat())), Buffer.from(expected(...spans))), 0, JSON.stringify(spans));
  }
  assert.equal((await walk.read([39_999_990, 20])).length, 10);
});

test('an mdat right behind its moof is one row with it', () => {
  const kinds = ['ftyp', 'moof', 'mdat', 'free'].map((kind) => ({ kind }));
  const [kind, at, size] = [[0, 1, 2, 1, 3, 2, 2], [0, 20, 120, 200, 300, 310, 400], [20, 100, 80, 100, 10, 90, 8]];
  const none = kind.map(() => 0);
  const inside = kind.map((own) => (own === 1 ? 0 : 65535));
  const rows = topRows({ kinds, insides: [[{ kind: 'traf' }]], kind, at, size, track: none, time: none, sync: none, inside }, { tracks: [] });
  assert.deepEqual(rows.map((row) => [row.kind, row.number, row.media?.at, row.inside?.[0].kind]), [
    ['ftyp', 0, undefined, undefined], ['moof', 1, 120, 'traf'], ['moof', 2, undefined, 'traf'], ['free', 3, undefined, undefined],
    ['mdat', 4, undefined, undefined], ['mdat', 5, undefined, undefined],
  ]);
});
