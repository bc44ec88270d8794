// Light, dark, or as the system has it: a choice that is kept.

const KEPT = 'theme';
/** @type {Record<string, string>} what the style sheet is told */
const SCHEMES = { system: 'light dark', light: 'light', dark: 'dark' };

/** @param {HTMLSelectElement} choice */
export function startTheme(choice) {
  const apply = () => { document.documentElement.style.colorScheme = SCHEMES[choice.value]; };
  try {
    const kept = localStorage.getItem(KEPT);
    if (kept && kept in SCHEMES) choice.value = kept;
  } catch {
    // Some browsers keep nothing.
  }
  choice.addEventListener('change', () => {
    apply();
    try {
      localStorage.setItem(KEPT, choice.value);
    } catch {
      // It is chosen anew next time.
    }
  });
  apply();
}
