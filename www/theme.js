// Light, dark, or as the system has it.

import { keepChoice } from './dom.js';

/** @type {Record<string, string>} what the style sheet is told */
const SCHEMES = { system: 'light dark', light: 'light', dark: 'dark' };

/** @param {HTMLSelectElement} choice */
export function startTheme(choice) {
  keepChoice(choice, 'theme', () => { document.documentElement.style.colorScheme = SCHEMES[choice.value]; });
}
