import { describe } from 'vitest';
import { historiesKeepTheirPromises } from './histories.js';

describe.each(['EVERY', 'LATEST', 'MERGE'] as const)(
  'the promises of a subscription while the time of day is set, machines with other clocks take over and keys end, in the mode %s',
  (mode) => {
    historiesKeepTheirPromises(mode, 100, 'memory', false, true);
    historiesKeepTheirPromises(mode, 10, 'sqlite', false, true);
  },
);
