// What a page that uses the package does: looks at a file, and protects it.

import { inspect, protect, rebox } from 'ismvault';
import 'ismvault/inspector';

const tell = (text) => fetch(`/${encodeURIComponent(text)}`, { method: 'POST' });

try {
  const file = await (await fetch('file.ismv')).blob();
  const { answer } = await inspect(file);
  const { file: made, receipt, keys, release } = await protect(file, { profile: 'cenc', la_url: 'https://licence.example/' });
  const again = await inspect(made);
  const inspector = document.createElement('ismvault-inspector');
  document.body.append(inspector);
  await new Promise((resolve) => {
    inspector.addEventListener('inspected', resolve);
    inspector.file = made;
  });
  const { shadowRoot } = inspector;
  // Of an address, cut out of what was fetched into storage; afterwards nothing is left there.
  const cut = await rebox(new URL('file.ismv', location.href), { mend: true });
  const { answer: cutAnswer } = await inspect(new Blob([await cut.file.arrayBuffer()]));
  await cut.release();
  await release();
  const left = [];
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('ismvault-outputs');
  for await (const name of folder.keys()) left.push(name);
  await tell(`${answer} | ${again.answer} | ${receipt.samples_compared} | ${keys[0].kid.length} | ${shadowRoot.textContent.includes('avc1.')} ${shadowRoot.querySelectorAll('table').length} | ${cutAnswer} ${left.length}`);
} catch (error) {
  await tell(`failed: ${error.message}`);
}
