// What is told of a file first.

import { plural } from './dom.js';
import { state } from './state.js';

/**
 * The verdict of a file, and whether it is a bad one.
 *
 * @param {import('./state.js').OpenFile} entry
 * @returns {[string, boolean]}
 */
export function verdict({ refusal, reading, inspection, kind, words, name, fragments }) {
  if (refusal) return [refusal.message, true];
  if (reading != null) return ['Reading …', false];
  const own = state.set?.filter((f) => f.file === name) ?? [];
  const isError = (/** @type {{ severity: string }} */ f) => f.severity === 'error';
  if (kind !== 'manifest') {
    const against = own.filter((f) => f.severity !== 'info').length;
    const told = against ? ` ${plural(against, 'finding')} against the files opened with it.` : '';
    return [`${inspection?.answer ?? ''}${told}`, Boolean(inspection?.findings.some(isError)) || own.some(isError)];
  }
  if (fragments) return [`${words ?? 'Manifest'}, with ${fragments.length} fragments. Make one file of them under Make.`, false];
  const media = state.files.some((entry) => entry.kind === 'media');
  const grave = own.filter((f) => f.severity !== 'info').length;
  const count = plural(grave, 'finding');
  const found = !media ? `${grave ? `${count}. ` : ''}Open its media files with it to check them against each other.`
    : grave ? `${count} against the files opened with it.` : 'Nothing is wrong between it and the files opened with it.';
  return [`${words ?? 'Manifest'}. ${found}`, own.some(isError)];
}
