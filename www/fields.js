// Forms made of the core's table of fields: a row is a label, a control and what
// it is for. What a form gives is a job, as the command line's batch has it.

import { h, t } from './dom.js';

/** @typedef {{ value: string, label: string, purpose: string }} Choice */
/** @typedef {{ name: string, label: string, help: string, control: string, place: string, choices: Choice[] }} Row */

/**
 * @param {Row} row
 * @param {string} id
 */
function controlOf({ control, name, choices }, id) {
  const text = { name, id, autocomplete: 'off', spellcheck: 'false' };
  if (control === 'choice') return h('select', { name, id }, choices.map((choice) => h('option', { value: choice.value }, choice.label)));
  if (control === 'number') return h('input', { name, id, type: 'number', min: '0', value: '0', class: 'short' });
  if (control === 'url') return h('input', { ...text, type: 'url', inputmode: 'url', placeholder: 'https://…' });
  if (control === 'lines') return h('textarea', { ...text, rows: 3, class: 'mono' });
  return h('input', { ...text, type: 'text', class: 'mono' });
}

/**
 * A field, with its label and what it is for.
 *
 * @param {Row} row
 */
export function fieldOf(row, prefix = 'f') {
  const id = `${prefix}-${row.name.replaceAll('_', '-')}`;
  if (row.control === 'flag') return h('label', { class: 'choice' }, h('input', { type: 'checkbox', name: row.name }), row.label);
  const control = controlOf(row, id);
  const purposes = new Map(row.choices.filter(({ purpose }) => purpose).map(({ value, purpose }) => [value, purpose]));
  const hint = h('p', { class: 'small muted', id: `${id}-hint` });
  const tell = () => { hint.textContent = t(`${purposes.get(control.value) ?? row.help}.`); };
  if (purposes.size) control.addEventListener('change', tell);
  tell();
  // A list says what its values are by itself.
  if (row.control !== 'choice' || purposes.size) control.setAttribute('aria-describedby', hint.id);
  return h('div', { class: 'field' }, h('label', { for: id }, row.label), control, control.hasAttribute('aria-describedby') && hint);
}

/**
 * What a form says of these fields; what is left empty is left out.
 *
 * @param {HTMLFormElement} form
 * @param {Row[]} rows
 */
export function valuesOf({ elements }, rows) {
  /** @type {Record<string, string | number | boolean>} */
  const job = {};
  for (const { name, control } of rows) {
    const field = /** @type {HTMLInputElement | null} */ (elements.namedItem(name));
    if (!field) continue;
    if (control === 'flag') job[name] = field.checked;
    else if (control === 'number') job[name] = Number(field.value) || 0;
    else if (field.value.trim()) job[name] = field.value.trim();
  }
  return job;
}
