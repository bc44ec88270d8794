// The page's one core, in a worker.

import { Core } from './pkg/index.js';
import { startWorker } from './workers.js';

export const core = new Core(() => startWorker('worker.js'));
/** Its version and tables, once it is there. */
export const hello = core.call('hello', undefined);
