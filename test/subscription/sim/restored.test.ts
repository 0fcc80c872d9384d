import { describe } from 'vitest';
import { historiesKeepTheirPromises } from './histories.js';
import { simModes } from './run-history.js';

describe.each(simModes)(
  'the promises of a subscription to a log that is put back from copies in the mode %s',
  (mode) => {
    historiesKeepTheirPromises(mode, 300, 'memory', true);
  },
);

describe.each(simModes)('the same for a log in SQLite in the mode %s', (mode) => {
  historiesKeepTheirPromises(mode, 30, 'sqlite', true);
});
