// What a page that uses the package does: looks at a file, and protects it.

import { inspect, protect } from 'ismvault';
import 'ismvault/inspector';

const tell = (text) => fetch(`/${encodeURIComponent(text)}`, { method: 'POST' });

try {
  const file = await (await fetch('file.ismv')).blob();
  const { answer } = await inspect(file);
  const { file: made, receipt, keys } = await protect(file, { profile: 'cenc', la_url: 'https://licence.example/' });
  const again = await inspect(made);
  const inspector = document.createElement('ismvault-inspector');
  document.body.append(inspector);
  await new Promise((resolve) => {
    inspector.addEventListener('inspected', resolve);
    inspector.file = made;
  });
  const { shadowRoot } = inspector;
  await tell(`${answer} | ${again.answer} | ${receipt.samples_compared} | ${keys[0].kid.length} | ${shadowRoot.textContent.includes('avc1.')} ${shadowRoot.querySelectorAll('table').length}`);
} catch (error) {
  await tell(`failed: ${error.message}`);
}
