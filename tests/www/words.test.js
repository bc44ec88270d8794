// The page's words in other languages: nothing is missing, nothing is stale.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import ts from 'typescript';
import * as fluent from '../../www/fluent/index.js';
import { catalogueOf, lookUp } from '../../www/words.js';

const www = new URL('../../www/', import.meta.url);
const read = (name, from = www) => readFileSync(new URL(name, from), 'utf8');
const scripts = readdirSync(www, { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.js') && !/^(pkg|fluent)\//.test(name) && name !== 'offline.js')
  .concat(readdirSync(new URL('../pkg/lib/', www), { recursive: true }).filter((name) => name.endsWith('.js')).map((name) => `../pkg/lib/${name}`));
const german = catalogueOf(read('words/de.ftl'), 'de', fluent);

/** What is the same in every language, or is not said: names, types, what others say. */
const ALIKE = new Set([
  'UUID', 'XML', 'KID', 'Widevine', 'ClearKey', 'Azure Blob Storage', 'Amazon S3', 'kbit/s', 'JSON', 'GUID', 'ISMVault', 'English', 'Deutsch',
  'Protected MP4', 'video/mp4; codecs="avc1.42E01E"', 'text/xml; charset=utf-8', 'light dark', '32 hex', 'select, input, button', 'input, textarea, select',
  'Content-Range, ETag', 'The pool ended before the units did.', 'a message could not be read', 'Ctrl', 'bit/s', 'fps', 'refused', 'kHz', 'MB/s', 'UUID (PIFF)',
  'index.html has no such 7', 'https://…', '◂ 64 KiB', '64 KiB ▸', '7 kbit/s', 'KID, key, video\nKID, key, audio',
]);

/**
 * The texts of a script that people read: those that go through `h`, `t` and `say`,
 * that errors are made of, and sentences that stand in tables. What differs is a 7.
 *
 * @param {string} name
 */
function textsOf(name) {
  const source = ts.createSourceFile(name, read(name), ts.ScriptTarget.Latest, true);
  const found = new Set();
  const text = (node) => {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return found.add(node.text);
    if (ts.isTemplateExpression(node)) {
      for (const { expression } of node.templateSpans) text(expression);
      return found.add(node.head.text + node.templateSpans.map((span) => `7${span.literal.text}`).join(''));
    }
    if (ts.isConditionalExpression(node)) return [node.whenTrue, node.whenFalse].forEach(text);
    if (ts.isBinaryExpression(node) && ['&&', '||', '??', '+'].includes(node.operatorToken.getText())) return text(node.right) ?? (node.operatorToken.getText() === '&&' || text(node.left));
    if (ts.isParenthesizedExpression(node)) return text(node.expression);
    if (ts.isArrayLiteralExpression(node)) return node.elements.forEach(text);
    return null;
  };
  const visit = (node) => {
    if (ts.isImportDeclaration(node)) return;
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const called = node.expression.getText();
      const args = node.arguments ?? [];
      const isText = !(ts.isStringLiteral(args[0] ?? node) && ['code', 'pre'].includes(args[0].text));
      if (called === 'h' && isText) args.slice(2).forEach(text);
      if (called === 'h' && args[1] && ts.isObjectLiteralExpression(args[1])) {
        for (const own of args[1].properties) {
          if (ts.isPropertyAssignment(own) && ['aria-label', 'placeholder', 'title'].includes(own.name.text)) text(own.initializer);
        }
      }
      if (['t', 'say', 'Error', 'ServerError'].includes(called) && args[0]) text(args[0]);
    }
    if (ts.isPropertyAssignment(node) && ['message', 'words'].includes(node.name.getText())) text(node.initializer);
    // A sentence, wherever it stands.
    if (ts.isStringLiteral(node) && /^[A-Z].* .*[a-z.…]$/.test(node.text)) found.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...found].map((own) => own.trim()).filter((own) => /[a-z]{2}/i.test(own.replace(/7/g, '')) && !ALIKE.has(own));
}

test('everything a script says is in every catalogue', () => {
  const missing = scripts.flatMap((name) => textsOf(name).filter((text) => lookUp(german, text) == null).map((text) => `${name}: ${text}`));
  assert.deepEqual(missing, []);
});

test('everything that stands in the pages is in every catalogue', () => {
  for (const page of ['index.html', 'remote.html']) {
    const body = read(page).split('<body>')[1];
    const texts = [...body.matchAll(/>([^<>]*[a-z]{2}[^<>]*)</gi), ...body.matchAll(/(?:aria-label|placeholder|title)="([^"]+)"/g)].map(([, text]) => text.trim());
    assert.deepEqual(texts.filter((text) => !ALIKE.has(text) && !/^\.ism\w?$/.test(text) && lookUp(german, text) == null), [], page);
  }
});

test('every check has its title and its advice in every catalogue', () => {
  const table = read('src/checks.rs', new URL('../../', import.meta.url)).split('\nchecks! {\n')[1];
  const rows = [...table.matchAll(/^ {4}\d+ \w+ "(\w+)" \w \w+ "[^"]*" ("(?:[^"\\]|\\.)*")\s+("(?:[^"\\]|\\.)*");/gm)];
  assert.ok(rows.length > 150);
  const words = rows.flatMap(([, name, ...texts]) => texts.map((text) => [name, JSON.parse(text)]));
  assert.deepEqual(words.filter(([, text]) => !german.exact.has(text)), []);
});

test('a message has the same parts in both languages', () => {
  const source = read('words/de.ftl');
  for (const [, own, english] of source.matchAll(/^[\w-]+ = (.*)\n {4}\.en = (.*)$/gm)) {
    const names = (text) => [...text.matchAll(/\{ \$(\w+) \}/g)].map(([, name]) => name).sort();
    assert.deepEqual(names(own), names(english), english);
  }
  const messages = [...source.matchAll(/^[\w-]+ = /gm)].length;
  assert.equal(german.exact.size + german.patterns.length, messages, 'an English text stands twice');
});

test('sentences are found by what they are, and parts in them too', () => {
  for (const [english, wanted] of [
    ['Clear. Ready to protect.', 'Unverschlüsselt. Bereit zum Schützen.'],
    ['289 samples in 4 fragments, in place.', '289 Samples in 4 Fragmenten, an ihrem Platz.'],
    [' 3 more ', ' 3 weitere '],
    ['Copy KID in hex', 'KID in hex kopieren'],
    ['Go to Key', 'Gehe zu: Schlüssel'],
    ['2 errors (every player), 1 warning.', '2 Fehler (jeder Player), 1 Warnung.'],
    ['1,234 bytes', '1,234 Bytes'],
    ['50 % · 12 MB/s · 3 s left', '50 % · 12 MB/s · noch 3 s'],
    ['Copy this sentence of the core.', null],
    ['my film.ismv', null],
    ['Close Close Encounters.mp4', 'Close Encounters.mp4 schließen'],
    ['Back to A and B.mp4', 'Zurück zu A and B.mp4'],
    [', scheme '.repeat(3000), null],
    ['09e36702-8f33-436c-a5dd-60ffe6671e70', null],
  ]) assert.equal(lookUp(german, english), wanted);
});

test('the library is the one of the registry', (context) => {
  const kept = new URL('node_modules/@fluent/bundle/esm/', import.meta.url);
  if (!existsSync(kept)) return context.skip('it is not installed');
  for (const name of readdirSync(new URL('fluent/', www)).filter((own) => /\.(js|d\.ts)$/.test(own))) {
    assert.equal(read(`fluent/${name}`), read(name, kept), name);
  }
});
