import { describe } from 'vitest';
import { historiesKeepTheirPromises } from './histories.js';
import { simModes } from './run-history.js';

describe.each(simModes)('the promises of a subscription to a log in SQLite in the mode %s', (mode) => {
  historiesKeepTheirPromises(mode, 50, 'sqlite');
});
