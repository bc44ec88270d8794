// The page's one worker.

import { Core } from './rpc.js';

export const core = new Core();
/** Its version and tables, once it is there. */
export const hello = core.call('hello', undefined);
