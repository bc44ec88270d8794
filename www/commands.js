// What can be done from anywhere: one table, for the palette and for the help.

import { $, h, t } from './dom.js';
import { actions } from './actions.js';
import { openSample } from './open.js';
import { inOrder, running, set, shown, state } from './state.js';
import { canShow, go, isLink, nameOf, VIEWS } from './views.js';

/**
 * A row of the palette, of the help, or of both. What is not offered now is left out
 * of the palette; what has no keys is left out of the help.
 *
 * @typedef {{ name: string, keys?: string[], run?: () => unknown, offered?: () => boolean }} Command
 */

const dialog = (/** @type {string} */ id) => $(id, HTMLDialogElement);
const seen = (/** @type {string} */ id) => () => !$(id).hidden;
const press = (/** @type {string} */ id) => () => $(id).click();
const report = (/** @type {string} */ form) => () => /** @type {HTMLElement} */ (document.querySelector(`[data-report=${form}]`)).click();

/**
 * Shows another open file.
 *
 * @param {number} step
 */
function turn(step) {
  const files = inOrder();
  const next = files.at((files.findIndex(({ key }) => key === state.current) + step) % files.length);
  if (next) set({ current: next.key });
}

/** Finds a box, or goes to an offset. */
function find() {
  go('boxes');
  set({ view: 'boxes' });
  $('box-filter').focus();
}

/** @type {Command[]} */
export const COMMANDS = [
  { name: 'All commands', keys: ['Ctrl K'] },
  { name: 'Open files', run: press('picker') },
  { name: 'Open a folder', run: press('folder') },
  { name: 'Open the sample', run: openSample },
  { name: 'Open a broken file', run: () => dialog('examples').showModal() },
  { name: 'Protect this file', run: press('to-task'), offered: seen('to-task') },
  ...VIEWS.map((view) => ({ name: isLink(view) ? nameOf(view) : `Go to ${nameOf(view)}`, run: () => go(view), offered: () => state.view !== view && canShow(view) })),
  { name: 'Find a box, or go to an offset', keys: ['/'], run: find, offered: () => Boolean(shown()?.inspection) },
  { name: 'Walk the tree of boxes; open and close', keys: ['↑', '↓', '←', '→'] },
  { name: 'The next box that begins so, in the tree', keys: ['A … Z'] },
  { name: 'Open a box, or mark a field\'s bytes', keys: ['Enter'] },
  { name: 'Next file', run: () => turn(1), offered: () => state.files.length > 1 },
  { name: 'Previous file', run: () => turn(-1), offered: () => state.files.length > 1 },
  { name: 'Close this file', run: () => actions.close(state.current ?? 0), offered: () => Boolean(shown()) },
  { name: 'Stop what is running', run: () => running()?.live.abort(), offered: () => Boolean(running()) },
  { name: 'Report as HTML', run: report('html'), offered: seen('reports') },
  { name: 'Report as CSV', run: report('csv'), offered: seen('reports') },
  { name: 'Report as JSON', run: report('json'), offered: seen('reports') },
  { name: 'How to check that nothing leaves', run: () => dialog('check').showModal() },
  { name: 'Leave a field, then go back to the overview', keys: ['Esc'] },
  { name: 'Keyboard', keys: ['?'], run: () => dialog('keys').showModal() },
  { name: 'Read a header, a KID or a file, anywhere', keys: ['Paste'] },
];

/**
 * Those whose names have all the words of a text.
 *
 * @template {{ name: string }} T
 * @param {string} text
 * @param {T[]} commands
 */
export function matching(text, commands) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return commands.filter(({ name }) => words.every((word) => t(name).toLowerCase().includes(word)));
}

/** Fills the help, and makes the palette work. */
export function startCommands() {
  $('keys').querySelector('dl')?.replaceChildren(...COMMANDS.flatMap(({ name, keys }) => (keys
    ? [h('div', {}, h('dt', {}, keys.flatMap((key) => [h('kbd', {}, key), ' '])), h('dd', {}, name))] : [])));
  const palette = dialog('palette');
  const list = $('palette-list');
  const input = $('palette-text', HTMLInputElement);
  /** @type {Command[]} */
  let found = [];
  let at = 0;
  const mark = () => {
    for (const [i, row] of [...list.children].entries()) row.setAttribute('aria-selected', String(i === at));
    list.children[at]?.scrollIntoView({ block: 'nearest' });
    if (found.length) input.setAttribute('aria-activedescendant', `command-${at}`);
    else input.removeAttribute('aria-activedescendant');
  };
  const run = (/** @type {number} */ index) => {
    const command = found[index];
    if (!command) return;
    palette.close();
    command.run?.();
  };
  const draw = () => {
    found = matching(input.value, COMMANDS.filter((command) => command.run && command.offered?.() !== false));
    at = 0;
    list.replaceChildren(...found.map(({ name, keys }, i) => {
      const row = h('li', { role: 'option', id: `command-${i}` }, h('span', {}, name), keys && h('kbd', {}, keys.join(' ')));
      row.addEventListener('click', () => run(i));
      return row;
    }));
    $('palette-none').hidden = found.length > 0;
    mark();
  };
  const open = () => {
    input.value = '';
    draw();
    palette.showModal();
    input.focus();
  };
  input.addEventListener('input', draw);
  /** @type {Record<string, (from: number) => number>} */
  const steps = { ArrowDown: (from) => from + 1, ArrowUp: (from) => from - 1, Home: () => 0, End: () => -1 };
  input.addEventListener('keydown', (event) => {
    const step = steps[event.key];
    if (event.key === 'Enter') run(at);
    else if (step && found.length) {
      at = (step(at) + found.length) % found.length;
      mark();
    } else return;
    event.preventDefault();
  });
  // A click beside it closes it, as Escape does.
  palette.addEventListener('click', (event) => event.target === palette && palette.close());
  $('commands').addEventListener('click', open);
  addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (palette.open) palette.close();
    else if (!document.querySelector('dialog[open]')) open();
  });
}
