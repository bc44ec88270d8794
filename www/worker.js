// The core's worker on this page: its pool starts workers as the page's policy wants.

import { startUnitsWith } from './pkg/lib/pool.js';
import './pkg/lib/worker.js';
import { startWorker } from './workers.js';

startUnitsWith(() => startWorker('pkg/lib/units.js'));
