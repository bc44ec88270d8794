// Where output goes: the file the user picks, or this browser's own storage,
// or memory. To add a destination: a row in SINKS, and a word in `choose`.

const FOLDER = 'ismvault-outputs';
/** What is kept in memory at most, where there is nothing else. */
const MEMORY_LIMIT = 1 << 30;
/** Failures that have sentences in errors.js; browsers have others for a full disk. */
const TOLD = ['QuotaExceededError', 'NotAllowedError', 'NoModificationAllowedError'];
/** Small writes are gathered: each one costs a call into the browser. */
const GATHER = 4 << 20;

/** @typedef {{ kind: 'picked' | 'stored' | 'memory', name: string, from?: string, handle?: any, folder?: any, rename?: string }} Choice where output goes; handles have methods that types do not know yet */
/** @typedef {{ saved?: string, written?: File, file?: Blob, drop?: () => Promise<void> }} Closed */
/** @typedef {{ write(bytes: Uint8Array<ArrayBuffer>): unknown, close(): Promise<Closed>, abort(): unknown }} Sink */

/** Not in every private window, whatever types say. */
const hasStorage = () => Boolean(globalThis.navigator?.storage && 'getDirectory' in navigator.storage);

/** @returns {((options: object) => Promise<any>) | undefined} */
const picker = () => /** @type {any} */ (globalThis).showSaveFilePicker;

/**
 * On the page, in a click: chooses the destination. Null if the user thinks
 * better of it.
 *
 * @param {string} name
 * @returns {Promise<Choice | null>}
 */
export async function choose(name) {
  const pick = picker();
  if (pick) {
    try {
      const types = [{ description: 'Protected MP4', accept: { 'video/mp4': ['.mp4'] } }];
      return { kind: 'picked', name, handle: await pick({ suggestedName: name, types }) };
    } catch (/** @type {any} */ error) {
      if (error.name === 'AbortError') return null;
      // Refused, as in a frame: the next best destination is as good.
      if (error.name !== 'SecurityError') throw error;
    }
  }
  return stored(name);
}

/**
 * In this browser's own storage, or where there is none, in memory.
 *
 * @param {string} name
 * @returns {Choice}
 */
export const stored = (name) => ({ kind: hasStorage() ? 'stored' : 'memory', name });

/** What `choose` will do, for the page to announce. */
export const asksWhere = () => Boolean(picker());

/** @type {Record<Choice['kind'], (choice: Choice & { size: number }) => Promise<Sink>>} */
const SINKS = {
  /**
   * A file the user picked, to which the browser gives its content on close. Or
   * one in a folder they did: it has its name (`rename`) only when it is whole.
   */
  async picked({ handle, folder, rename }) {
    const writable = await handle.createWritable();
    return {
      write: (bytes) => writable.write(bytes),
      async close() {
        await writable.close();
        const whole = rename ? await renamed(handle, folder, rename) : handle;
        return { saved: whole.name, written: await whole.getFile() };
      },
      async abort() {
        await writable.abort();
        if (rename) await folder.removeEntry(handle.name).catch(() => {});
      },
    };
  },

  /** A file in this origin's own storage, then a download. */
  async stored({ size }) {
    const { quota = Infinity, usage = 0 } = (await navigator.storage.estimate?.()) ?? {};
    if (quota - usage < size) {
      throw new Error(`This browser allows ${Math.floor((quota - usage) / 1e6)} MB of storage here, and the output needs ${Math.ceil(size / 1e6)} MB. Free some disk space, or use Chrome or Edge, which write to a file you choose.`);
    }
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
    const name = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
    const release = await hold(name);
    const handle = await folder.getFileHandle(name, { create: true });
    const access = await /** @type {any} */ (handle).createSyncAccessHandle(); // in workers alone
    let at = 0;
    const drop = async () => {
      release();
      await folder.removeEntry(name);
    };
    return {
      write(bytes) {
        if (access.write(bytes, { at }) !== bytes.length) throw new DOMException('', 'QuotaExceededError');
        at += bytes.length;
      },
      async close() {
        access.close();
        return { file: await handle.getFile(), drop };
      },
      async abort() {
        access.close();
        await drop();
      },
    };
  },

  /** Memory, then a download. */
  async memory({ size }) {
    if (size > MEMORY_LIMIT) {
      const needed = Math.ceil(size / 1e6);
      if (!('WorkerGlobalScope' in globalThis)) throw new Error(`There is no storage here, and the output would need ${needed} MB of memory. Use the command ismvault for files of this size.`);
      throw new Error(`This browser offers no storage to this page, and the output would need ${needed} MB of memory. Leave the private window, or use Chrome or Edge.`);
    }
    /** @type {Blob[]} */
    const parts = [];
    return {
      write: (bytes) => void parts.push(new Blob([bytes])),
      close: async () => ({ file: new Blob(parts) }),
      abort: () => void (parts.length = 0),
    };
  },
};

/**
 * In the worker: opens the destination for an output of about `size` bytes.
 * It only grows at its end. `close` gives `{saved}` or `{file}`; after `abort`
 * nothing is left.
 *
 * @param {Choice} choice
 * @param {number} size
 */
export async function open(choice, size) {
  /** @type {Sink} */
  let sink;
  try {
    sink = await SINKS[choice.kind]({ ...choice, size });
  } catch (error) {
    // Storage may be there and closed, as in some private windows.
    if (choice.kind !== 'stored' || !(error instanceof DOMException)) throw error;
    sink = await SINKS.memory({ ...choice, size });
  }
  const gathered = new Uint8Array(GATHER);
  let length = 0;
  /**
   * @template T
   * @param {() => T} work
   */
  const told = async (work) => {
    try {
      return await work();
    } catch (/** @type {any} */ error) {
      if (TOLD.includes(error.name)) throw error;
      throw new Error(`The output could not be written to its end (${error.message}). Is the disk full, or its place gone? Free some space or choose another place, and try again; nothing was kept.`);
    }
  };
  const flush = async () => {
    if (!length) return;
    await told(() => sink.write(gathered.subarray(0, length)));
    length = 0;
  };
  return {
    /**
     * The bytes may be used for something else afterwards.
     *
     * @param {Uint8Array<ArrayBuffer>} bytes
     */
    async write(bytes) {
      if (length + bytes.length > GATHER) await flush();
      if (bytes.length >= GATHER) {
        await told(() => sink.write(bytes));
      } else {
        gathered.set(bytes, length);
        length += bytes.length;
      }
    },
    async close() {
      await flush();
      return told(() => sink.close());
    },
    abort: () => sink.abort(),
  };
}

/**
 * Gives a file in a folder another name; copies it where that is all there is.
 *
 * @param {any} handle
 * @param {any} folder
 * @param {string} name
 */
async function renamed(handle, folder, name) {
  try {
    await handle.move(name);
    return handle;
  } catch {
    const copy = await folder.getFileHandle(name, { create: true });
    await (await handle.getFile()).stream().pipeTo(await copy.createWritable());
    await folder.removeEntry(handle.name);
    return copy;
  }
}

/**
 * Marks a stored output as in use for as long as this worker lives.
 *
 * @param {string} name
 * @returns {Promise<() => void>}
 */
function hold(name) {
  return new Promise((held) => {
    if (!navigator.locks) return held(() => {});
    navigator.locks.request(`${FOLDER}/${name}`, () => new Promise((release) => held(() => release(null))))
      .catch(() => held(() => {}));
  });
}

/**
 * The folder of outputs, on the page: to remove some at once, for a page that
 * closes has no time to ask for it, nor its worker for a message.
 *
 * @returns {Promise<FileSystemDirectoryHandle | null>}
 */
export const outputs = async () => (hasStorage() ? (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER).catch(() => null) : null);

/** Removes outputs that tabs now closed have left. */
export async function sweep() {
  if (!navigator.locks || !hasStorage()) return;
  try {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER);
    for await (const name of folder.keys()) {
      await navigator.locks.request(`${FOLDER}/${name}`, { ifAvailable: true }, (lock) => lock && folder.removeEntry(name));
    }
  } catch {
    // No such folder, or no storage: nothing to sweep.
  }
}
