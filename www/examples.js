// Broken files to look at: the sample, protected here and then damaged in one
// place each, so that none has to be shipped.

import { actions } from './actions.js';
import { $, h, refused } from './dom.js';
import { openFiles, sample } from './open.js';

/** The KID and key of the facts' test vectors: anybody knows them. */
const KID = '09e36702-8f33-436c-a5dd-60ffe6671e70';
const KEY = '000102030405060708090a0b0c0d0e0f';

/** @typedef {Uint8Array<ArrayBuffer>} Bytes */
/**
 * `damage` changes the bytes of the protected sample, or gives others.
 *
 * @typedef {{ file: string, title: string, words: string, damage: (bytes: Bytes) => Bytes | void }} Example
 */

const code = (/** @type {string} */ text) => [...text].map((c) => c.charCodeAt(0));

/**
 * Where the bodies of boxes with this code begin.
 *
 * @param {Bytes} bytes
 * @param {string} name
 */
function bodies(bytes, name) {
  const [a, b, c, d] = code(name);
  const found = [];
  for (let at = bytes.indexOf(a); at >= 0; at = bytes.indexOf(a, at + 1)) {
    if (bytes[at + 1] === b && bytes[at + 2] === c && bytes[at + 3] === d) found.push(at + 4);
  }
  return found;
}

/**
 * Gives all boxes with this code another one.
 *
 * @param {Bytes} bytes
 * @param {string} from
 * @param {string} to
 */
function rename(bytes, from, to) {
  for (const at of bodies(bytes, from)) bytes.set(code(to), at - 4);
}

/** The byte order that GUIDs have. */
const GUID = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
/** Where `tenc` has its KID. */
const kids = (/** @type {Bytes} */ bytes) => bodies(bytes, 'tenc').map((at) => at + 8);

/** @type {Example[]} */
const EXAMPLES = [
  {
    file: 'other-kid.mp4',
    title: 'Another KID than the header\'s',
    words: 'Clients ask for a licence of the header\'s KID, which is not the key of the samples.',
    damage: (bytes) => {
      for (const at of kids(bytes)) bytes[at] ^= 1;
    },
  },
  {
    file: 'kid-swapped.mp4',
    title: 'A KID in the wrong byte order',
    words: 'tenc and header name one KID in two orders: the commonest of all packaging faults.',
    damage: (bytes) => {
      for (const at of kids(bytes)) bytes.set(GUID.map((from) => bytes[at + from]), at);
    },
  },
  {
    file: 'iv-twice.mp4',
    title: 'An IV used twice',
    words: 'Plays everywhere, and what is protected can be read without the key.',
    damage: (bytes) => {
      // Behind flags and count: an IV, how many subsamples, six bytes for each.
      const [first] = bodies(bytes, 'senc').map((at) => at + 8);
      const next = first + 10 + 6 * (bytes[first + 8] * 256 + bytes[first + 9]);
      bytes.copyWithin(next, first, first + 8);
    },
  },
  {
    file: 'remuxed.mp4',
    title: 'Encrypted, but called clear',
    words: 'What a remux that knows no protection leaves: green pictures, and no key that helps.',
    damage: (bytes) => {
      rename(bytes, 'encv', 'avc1');
      rename(bytes, 'enca', 'mp4a');
      for (const gone of ['sinf', 'senc', 'saiz', 'saio', 'pssh']) rename(bytes, gone, 'free');
    },
  },
  {
    file: 'saio-off.mp4',
    title: 'IVs pointed at a byte off',
    words: 'Readers that go by saio take the wrong IVs; those that read senc play it.',
    damage: (bytes) => {
      for (const at of bodies(bytes, 'saio')) bytes[at + 11] ^= 1;
    },
  },
  {
    file: 'index-off.mp4',
    title: 'An index that points beside fragments',
    words: 'Plays from the start; jumping fails.',
    damage: (bytes) => {
      // Behind version, track, lengths and count: pairs of a time and an offset.
      const [at] = bodies(bytes, 'tfra');
      const wide = bytes[at] === 1;
      bytes[at + 16 + (wide ? 15 : 7)] ^= 4;
    },
  },
  {
    file: 'cut.mp4',
    title: 'A download that was cut',
    words: 'The last fragment is not whole, and the index is gone.',
    damage: (bytes) => bytes.slice(0, Math.floor(bytes.length * 0.6)),
  },
];

/**
 * The bytes of an example.
 *
 * @param {Example} example
 */
async function broken({ file, damage }) {
  const key = actions.newKey();
  try {
    await actions.call('inspect', { key, file: await sample() });
    const options = { profile: 'cenc', kid: KID, key: KEY, la_url: 'https://licence.example/rightsmanager.asmx' };
    const made = await actions.call('protect', { key, options, choice: { kind: 'memory', name: file, from: file }, secret: false });
    const bytes = new Uint8Array(await /** @type {Blob} */ (made.file).arrayBuffer());
    return new File([damage(bytes) ?? bytes], file);
  } finally {
    actions.call('close', { key }).catch(() => {});
  }
}

/** Fills the dialog that offers them. */
export function startExamples() {
  const dialog = $('examples', HTMLDialogElement);
  const out = h('div');
  dialog.querySelector('ul')?.replaceChildren(...EXAMPLES.map((example) => {
    const open = h('button', { type: 'button', class: 'link' }, example.title);
    open.addEventListener('click', async () => {
      open.disabled = true;
      try {
        const file = await broken(example);
        dialog.close();
        await openFiles([file]);
      } catch (/** @type {any} */ refusal) {
        out.replaceChildren(refused(refusal));
      } finally {
        open.disabled = false;
      }
    });
    return h('li', {}, open, h('p', { class: 'small muted' }, example.words));
  }));
  dialog.querySelector('ul')?.after(out);
  $('to-examples').addEventListener('click', () => dialog.showModal());
}
